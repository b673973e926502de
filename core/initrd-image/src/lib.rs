//! Cuts an initrd from a root tree: ELF, kernel module and firmware dependencies, cpio

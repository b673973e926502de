//! Cuts an initrd from a root tree: ELF, kernel module and firmware dependencies, cpio.

pub mod cpio;
pub mod elf;
pub mod modules;
pub mod report;

//! Cuts an initrd from a root tree: ELF, kernel module and firmware dependencies, cpio.
//!
//! [`cut::cut`] takes the root tree and an [`request::InitrdRequest`] and answers the initrd's tree with a report of what
//! brought in what. The kernel modules of a tree are decompressed, selected and indexed in [`modules`].

pub mod cpio;
pub mod cut;
pub mod elf;
mod libraries;
pub mod modules;
pub mod report;
pub mod request;
mod selection;
mod units;

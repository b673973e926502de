//! What a power cut can leave of a disk whose writes were logged, and what would boot from it.
//!
//! A machine runs with its disk's writes logged ([`write_log`]). The log is played onto the disk as it was before ([`disk`]), and wherever
//! power could have failed, every disk that could have been left is looked at ([`power_cut`]). What firmware, boot loader and
//! initrd would make of it is decided by [`boot_rule`], which says so without the product's own code for the EFI system partition
//! ([`fat`]).
//!
//! Contents are compared by number: equal sectors of all disks, logs and images have the same one ([`contents`]). So hundreds of megabytes are
//! compared in a fraction of a millisecond, and a hundred thousand disks in a minute.

pub mod boot_rule;
pub mod contents;
pub mod disk;
pub mod fat;
pub mod power_cut;
pub mod release;
pub mod sample;
pub mod write_log;

/// The unit of all of this, in bytes: what a disk writes whole or not at all.
pub const SECTOR: u64 = 512;

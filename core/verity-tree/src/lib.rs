//! Computes and checks dm-verity hash trees.
//!
//! The format is version 1 of the on-disk format (Linux, `Documentation/admin-guide/device-mapper/verity.rst`; cryptsetup,
//! "DMVerity"): SHA-256, data and hash blocks of 4096 bytes, a superblock in the first block of the hash partition, the levels of
//! the tree behind it with the topmost first.
//!
//! [`digest::hash_blocks`] does the work for any run of blocks, so threads can hash what they have at hand and in any order;
//! [`tree::HashTree`] puts the digests together. [`stream::StreamHasher`] does both for data that comes in order.
//! [`verify::verify`] checks data against a tree.

pub mod digest;
#[cfg(target_arch = "x86_64")]
mod interleaved;
pub mod shape;
pub mod stream;
pub mod superblock;
pub mod tree;
pub mod verify;

/// Size of data and hash blocks in bytes.
pub const BLOCK_SIZE: usize = 4096;
/// Digests in a hash block.
pub const DIGESTS_PER_BLOCK: usize = BLOCK_SIZE / 32;

//! Lays out and reads uncompressed EROFS images.
//!
//! [`plan::plan`] turns a file tree into a [`plan::Plan`]: where every byte of the image comes from. The plan streams the image
//! in order ([`plan::Plan::write`]) or gives any part of it ([`plan::Plan::read_exact_at`]), so that several threads can write
//! it at once. [`read::read_tree`] goes the other way.
//!
//! The on-disk format is that of Linux's `fs/erofs/erofs_fs.h`; the images need Linux 5.15 or newer. What is placed where, and
//! why, is told in `docs/reference/erofs-layout.md`.

mod checksum;
mod chunks;
mod directory;
mod format;
mod node;
mod order;
mod placement;
pub mod plan;
pub mod read;
mod xattr;

/// Size of a block in bytes. Every image has this block size, because every Linux machine can mount it.
pub const BLOCK_SIZE: u64 = 4096;

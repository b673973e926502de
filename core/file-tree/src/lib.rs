//! An in-memory tree of files with ownership, modes, extended attributes, hard links and devices.
//!
//! The tree holds names and metadata; file contents stay where they are and are named by [`Extent`]s:
//! small contents inline, large ones as a range of a [`BlobId`] that the caller can read. Everything
//! downstream of the package installation (EROFS, initrd, inspection) works on this value.

pub mod content;
pub mod export;
pub mod import;
pub mod path;
pub mod tree;

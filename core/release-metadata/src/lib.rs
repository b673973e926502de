//! What a repository says about its releases, as values and as JSON.
//!
//! A repository has, per stream, one [`updates::Updates`] (`updates.json`: which releases there are and how they are rolled out) and, per
//! release and architecture, one [`release::Release`] (`release.json`: what it is made of and the ways to get it). Both are signed as TUF
//! targets; this crate knows nothing of signatures and trusts nothing it reads: sizes, names, order and relations are checked.
//!
//! Another implementation finds everything in `docs/reference/release-metadata.md`.

pub mod artifact;
pub mod digest;
mod document;
pub mod path;
pub mod reason;
pub mod release;
pub mod share;
pub mod stream;
mod text;
pub mod updates;
pub mod version;

pub use disk_layout::partition_type::Architecture;
pub use disk_layout::root_hash::RootHash;
pub use document::DocumentError;

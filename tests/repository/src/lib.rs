//! What the rules of this repository are checked on: its tracked files and what cargo knows of its crates.
//!
//! The rules themselves are in `tests/rules`.

pub mod crates;
pub mod files;
pub mod markdown;
pub mod rust_source;

//! A repository of releases: a TUF repository in a directory or a bucket, and the keys that sign it.
//!
//! Whatever moment a publisher stops at, readers see the repository as it was or as it will be: files that only new metadata leads to come
//! first, the timestamp that leads to them afterwards. `docs/reference/repository.md` describes the files.

pub mod bucket;
pub mod directory;
pub mod export;
pub mod images;
pub mod keys;
pub mod repository;
pub mod storage;

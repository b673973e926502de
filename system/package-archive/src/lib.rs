//! Resolves, fetches and installs Debian packages.
//!
//! [`resolve::resolve`] turns a request into a lockfile, [`fetch::fetch`] brings its packages into a cache, and
//! [`tree::install`] makes a root tree of them. None of it needs root, and nothing on the machine but the cache is changed.

mod apt_root;
pub mod fetch;
pub mod mirrors;
pub mod package_cache;
pub mod progress;
pub mod resolve;
pub mod tree;

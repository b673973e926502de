//! Metadata of The Update Framework (TUF): what a client trusts next, and what a publisher signs next.
//!
//! Follows the [specification](https://theupdateframework.github.io/specification/latest/) (1.0.31). [`client::refresh`] is its detailed
//! client workflow (section 5); files come and go through two traits, time is an argument. [`publish`] makes the next version of a
//! repository's metadata, and says in which order it has to be written.
//!
//! What a repository of Piccolo OS looks like is in `docs/reference/repository.md`.

pub mod canonical;
pub mod client;
pub mod error;
pub mod key;
pub mod path_pattern;
pub mod publish;
pub mod role;
pub mod signed;
pub mod trusted;

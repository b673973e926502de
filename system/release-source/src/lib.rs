//! Where a device gets releases from: a repository behind HTTP or in a directory, believed only as far as its signatures go.
//!
//! ```no_run
//! # use release_source::{location::Location, repository::{ReleaseSource, SourceSettings, TrustAnchor}};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let location: Location = "https://updates.example.org/piccolo".parse()?;
//! let source = ReleaseSource::open(&location, &SourceSettings::default())?;
//! let anchor = TrustAnchor { root: std::fs::read("/usr/lib/piccolo/root.json")?, built: "2026-11-01T00:00:00Z".parse()? };
//! let mut repository = source.refresh(&anchor, "/var/lib/piccolo/trust".as_ref(), jiff::Timestamp::now())?;
//! let updates = repository.updates(&"stable".parse()?)?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything blocks the calling thread; none of it may be called from within an asynchronous task. Nothing is tried twice: whether
//! and when to try again is for the caller to decide, and [`error::SourceError::may_pass`] says whether that makes sense.

pub mod artifact;
mod directory;
pub mod error;
mod http;
pub mod location;
pub mod repository;
pub mod store;
mod transfer;

//! The lockfile, and the Debian archive metadata it is made from.
//!
//! A [`request::Request`] says what is wanted; resolving it gives a [`lockfile::Lockfile`], which names every package down to its
//! SHA-256 and is all that a build needs. The other modules read what Debian archives, apt and dpkg write: hostile, hence bounded.

pub mod apt_output;
pub mod apt_sources;
pub mod control;
pub mod deb822;
pub mod deb_archive;
pub mod difference;
pub mod digest;
pub mod dpkg_database;
pub mod lockfile;
mod lockfile_text;
pub mod packages_index;
pub mod release;
pub mod request;
pub mod unpack;

//! Creates the users and groups of sysusers.d files in a file tree.
//!
//! Done when the image is built, so that every device of a release has the same numbers and `/etc` on the device does not
//! drift because of it. Follows sysusers.d(5): line types `u`, `u!`, `g`, `m` and `r`.

pub mod apply;
pub mod database;
pub mod line;

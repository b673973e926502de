//! Container apps as sets of Quadlet units, as Podman 5.4 understands them.
//!
//! An app is a handful of small files (`web.container`, `data.volume`, …) from which Podman's systemd generator makes services. This crate
//! reads them ([`unit_file`]), knows every key of them ([`keys`]), says what is wrong with a set of them and what an operator should know
//! ([`app::App::check`]), which images, ports and directories it uses ([`inventory`]), which limits it has ([`limits`]), and what differs
//! between two versions ([`difference`]). It runs nothing and reads no files.
//!
//! The specification is podman-systemd.unit(5) of Podman 5.4; where the generator and its manual page disagree, the generator counts. Tests compare
//! with both.

pub mod app;
mod check;
pub mod difference;
pub mod finding;
pub mod inventory;
pub mod keys;
pub mod limits;
pub mod names;
pub mod unit_file;
pub mod unit_kind;
pub mod value;
pub mod words;

//! The real daemon, on a free port, over a tree of recorded facts or over this machine.
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests: a test that cannot go on has failed")]

mod contract;
mod events;
mod limits;
mod pages;
mod refusals;
mod resources;
mod service;
mod support;
mod unit;

//! The client workflow against a repository in memory that can do anything: the scenarios of the public conformance suite.
#![expect(clippy::unwrap_used, reason = "what these tests prepare must work")]

mod attacks;
mod delegations;
mod hostile;
mod repository;
mod rotations;

//! The steps of a build, what each depends on, and the cache keys that follow.
//!
//! A step's output is addressed by the hash of everything that goes into it, so a step whose inputs did not change is not run again,
//! and two builds with the same inputs may share outputs. The plan is a value: printing it is `--dry-run`.

pub mod key;
pub mod plan;

//! Whether a boot is healthy, from what was looked at, and what follows for a release on trial.

pub mod scripts;
pub mod verdict;

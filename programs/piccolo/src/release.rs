//! Releases: where they go, what a build becomes, and how devices are led to it.

pub mod artifacts;
pub mod built;
pub mod chunks;
pub mod patches;
pub mod place;
pub mod readers;
pub mod rollout;

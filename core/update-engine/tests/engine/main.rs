//! The update engine against a model of a device: its boot loader, its two slots, its power switch.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod device;
mod never_stuck;
mod stories;

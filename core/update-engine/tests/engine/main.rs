//! The update engine against a model of a device: its boot loader, its two slots, its power switch.

mod device;
mod never_stuck;
mod stories;

//! Decides what a device's facts mean: which slot runs, what protects the device and what does not, whether it is healthy.
//!
//! Everything here is a function of [`facts`]; reading them is the work of `system/device-facts`.

pub mod block;
pub mod boot_count;
pub mod facts;
pub mod health;
pub mod protection;
pub mod slot;

//! The TLS certificate of a device: made by itself at the first boot, or the operator's own.
//!
//! It is on the disk with its key in one file of mode 0600, so that the two always fit. Everything blocks, for milliseconds.

pub mod fingerprint;
pub mod self_signed;
pub mod server_certificate;
pub mod store;

//! Boots images in virtual machines and looks inside, for tests.
//!
//! A test reads: start a [`machine::TestMachine`], run commands in it, reboot it, cut its power, damage its disk, ask its API. Commands
//! go through the QEMU guest agent, which only a test image contains. What cannot be done is a failed test, so most functions panic.

#![expect(
    clippy::panic,
    clippy::print_stderr,
    reason = "for tests: what cannot be done is a failed test, which says why"
)]

pub mod base64;
pub mod disk;
pub mod guest_agent;
pub mod image;
pub mod lock_manager;
pub mod machine;
pub mod slot;

// What nearly every test begins with.
pub use image::test_image;
pub use machine::{TestMachine, TestOptions};

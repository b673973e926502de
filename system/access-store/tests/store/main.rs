//! What is kept, on real files.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod argon2_program;
mod audit_log;
mod whole_device;

//! What is kept, on real files.

mod argon2_program;
mod audit_log;

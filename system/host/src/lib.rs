//! Runs external programs: the only place that does.
//!
//! [`Program`] lists everything the product may run; [`Invocation`] says how; a failure carries the rendered command, the exit
//! status and both output streams. Programs started here are in a process group of their own and are ended with it.

pub mod cancel;
pub mod invocation;
pub mod program;
pub mod running;

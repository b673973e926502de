//! One file per command.

pub mod build;
pub mod completions;
pub mod device;
pub mod doctor;
pub mod inspect;
pub mod lock;
pub mod man;
pub mod release;
pub mod run;

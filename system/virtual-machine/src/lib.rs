//! Starts, watches and stops QEMU virtual machines: UEFI firmware, a software TPM, an overlay over a disk image that is never
//! written, user networking with one forwarded port, and a logged serial console.
//!
//! [`machine::Machine`] is the machine; [`settings::MachineSettings`] says what it is made of.

pub mod acceleration;
pub mod boot_phase;
pub mod command_line;
pub mod console;
pub mod directory;
pub mod disks;
pub mod firmware;
pub mod http;
pub mod keeper;
pub mod machine;
pub mod qemu;
pub mod qmp;
pub mod readiness;
pub mod registry;
pub mod settings;
pub mod software_tpm;
pub mod terminal;
pub mod unix_socket;

//! The crate's work judged by the programs that will use it: depmod, the dynamic loader and systemd's programs, bsdcpio.
//!
//! Needs the tools tree (`PICCOLO_TOOLS_TREE`) for kmod, systemd and e2fsprogs, and on the machine itself `bwrap` (bubblewrap),
//! `bsdcpio` (libarchive-tools), `tar` and a C compiler.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    clippy::unwrap_used,
    reason = "these tests compare with programs, which read and write files, and stop where something is missing"
)]

mod archive;
mod binaries;
mod depmod;
mod selection;
mod support;
mod synthetic_kernel;

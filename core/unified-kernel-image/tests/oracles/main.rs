//! The images we assemble and read, compared with what the field's own tools make and see.
//!
//! Needs the tools tree (`PICCOLO_TOOLS_TREE`) for systemd-stub and ukify, and on the machine itself `bwrap`, `objdump`, `openssl`,
//! `sbsign` and `sbverify`.

mod pe_tools;
mod sample;
mod tools_tree;
mod ukify;

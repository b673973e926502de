//! Our predictions compared with those of systemd-measure(1).
//!
//! Needs the tools tree (`PICCOLO_TOOLS_TREE`) for systemd-stub and systemd-measure, and `bwrap` and `openssl` on the machine.

#[path = "../../../unified-kernel-image/tests/oracles/sample.rs"]
mod sample;
mod systemd_measure;
#[expect(dead_code, reason = "the tests of unified-kernel-image use more of it")]
#[path = "../../../unified-kernel-image/tests/oracles/tools_tree.rs"]
mod tools_tree;

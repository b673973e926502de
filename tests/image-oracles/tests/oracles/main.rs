//! What `cargo xtask test` built, judged by programs that are not ours, built twice, and built offline.
//!
//! Needs the test image (`PICCOLO_TEST_IMAGE`), the tool that built it (`PICCOLO_BIN`) and the tools tree (`PICCOLO_TOOLS_TREE`).
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

mod boot_partition;
mod checkout;
mod dissected_by_systemd;
mod image;
mod listing;
mod manifest_and_inspect;
mod oracle;
mod ordinary_user;
mod partition_table;
mod root_file_system;
mod same_inputs_same_bytes;
mod settings_reach_the_image;
mod small_changes_and_lockfiles;
mod unified_kernel_image;

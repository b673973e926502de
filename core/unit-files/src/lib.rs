//! Enables, disables and masks systemd units in a file tree, as `systemctl --root=` would, without running it.

pub mod enablement;
pub mod install;
pub mod presets;

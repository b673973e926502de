//! `[Quadlet]`: podman-systemd.unit(5), "Quadlet section".

use super::{Key, once};
use crate::value::ValueKind::Boolean;

/// All keys.
pub const KEYS: &[Key] = &[once("DefaultDependencies", Boolean, "false")];

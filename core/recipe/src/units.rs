//! Which systemd units start.

use crate::collection::Set;
use crate::name::UnitName;
use crate::shape::record;

record! {
    /// Which systemd units start. Units that are not named here follow the presets.
    pub struct Units {
        /// Units to enable.
        enable: Set<UnitName>,
        /// Units to disable.
        disable: Set<UnitName>,
        /// Units that nothing can start.
        mask: Set<UnitName>,
    }
}

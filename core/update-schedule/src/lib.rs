//! When a device may restart into an update, and if not now, why and until when.
//!
//! [`decision::decide`] answers from the settings, the time and what goes on on the device. The strategies: at once; in [`windows`] of the week in local
//! time; with a reboot lock, whose messages are in [`fleet_lock`] and whose life is in [`reboot_lock`]; only by hand. Logged-in sessions and running jobs delay, up to a limit, and are told.
//! [`settings`] reads the drop-ins that say all that.
//!
//! Time is an argument, and so is the time zone database: [`zone::Zone`] is made from the bytes of a TZif file.
//!
//! The rules are in `docs/reference/update-schedule.md`.

pub mod backoff;
pub mod decision;
pub mod fleet_lock;
pub mod reboot_lock;
pub mod settings;
pub mod windows;
pub mod zone;

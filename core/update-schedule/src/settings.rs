//! The settings of updates: drop-ins as written, merged, validated.
//!
//! 1. [`DropIn`]: a file as it lies in one of the three directories.
//! 2. `Written`: what a file says, every key and value checked, with the place it is said at.
//! 3. [`Settings`]: merged, complete and consistent. Only this travels.

mod drop_in;
mod key;
mod merge;
mod problem;
mod source;
mod written;

use release_metadata::share::Share;

use crate::fleet_lock::{LockAddress, LockGroup};
use crate::windows::Window;
use crate::zone::ZoneName;

pub use drop_in::{Directory, DropIn};
pub use problem::{Problem, SettingsError};
pub use source::{RemovableMedia, Source, SourceAddress, SourceAddressError};

/// Most drop-ins read.
pub const MAXIMUM_FILES: usize = 256;
/// Largest drop-in read, in bytes.
pub const MAXIMUM_FILE: usize = 64 << 10;

/// When a device updates, complete and consistent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// When it restarts into an update.
    pub strategy: Strategy,
    /// How long it lets others go first; nothing if that is worked out from the device's identity.
    pub wariness: Option<Share>,
    /// How often it looks for updates, in minutes.
    pub check_interval_minutes: u32,
    /// Whether a release that was found is built in the inactive slot without being asked.
    pub build: Build,
    /// Where releases come from.
    pub source: Source,
    /// How long sessions and jobs delay a restart.
    pub delay: Delay,
    /// What the files say that the strategy makes no use of; to be shown, so that nobody believes in it.
    pub unused: Vec<Problem>,
}

/// Who starts the download of a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Build {
    /// The device, as soon as it finds one.
    Automatic,
    /// The operator.
    WhenAsked,
}

/// When a device restarts into an update.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Strategy {
    /// As soon as the update is installed.
    Immediate,
    /// In maintenance windows.
    Windows(MaintenanceWindows),
    /// When the lock manager says so.
    RebootLock(RebootLock),
    /// When the operator does it.
    Manual,
}

/// When a device may restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MaintenanceWindows {
    /// The time zone of the windows; nothing for the device's.
    pub time_zone: Option<ZoneName>,
    /// The windows, at least one.
    pub windows: Vec<Window>,
}

/// Whom a device asks for leave to restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RebootLock {
    /// The lock manager.
    pub url: LockAddress,
    /// The device's group there.
    pub group: LockGroup,
}

/// How long a restart is put off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Delay {
    /// By logged-in sessions, in minutes.
    pub sessions_minutes: u32,
    /// By running jobs, in minutes.
    pub jobs_minutes: u32,
    /// Whoever is logged in, or running, is told at least so many minutes before.
    pub notice_minutes: u32,
}

impl Default for Delay {
    fn default() -> Self {
        Self { sessions_minutes: 60, jobs_minutes: 360, notice_minutes: 4 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: Strategy::Immediate,
            wariness: None,
            check_interval_minutes: 360,
            build: Build::Automatic,
            source: Source::default(),
            delay: Delay::default(),
            unused: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads and merges drop-ins, in any order; without any, the default.
    ///
    /// Of files with one name the one in the strongest directory counts, and the others are not read. Then files count in the order of their names:
    /// a later value replaces an earlier one, and windows add up.
    ///
    /// # Errors
    /// Everything that is wrong in the files; if nothing is, everything that is wrong with the result.
    pub fn from_drop_ins(files: &[DropIn]) -> Result<Self, SettingsError> {
        merge::settings(drop_in::written(files)?)
    }
}

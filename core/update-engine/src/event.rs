//! What the machine is told.

use disk_layout::root_hash::RootHash;
use jiff::Timestamp;
use release_metadata::version::Version;

use crate::history::TrialFailure;
use crate::offer::Offer;
use crate::record::Progress;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The driver started, after a boot or after an end of its own.
    Started(Boot),
    /// The time of [`crate::record::Record::wake_at`] has come.
    Timer,
    /// The repository answered, or did not.
    Checked {
        /// Of the action.
        operation: u64,
        /// What it said.
        result: Result<Found, Problem>,
    },
    /// More of the image is made.
    Progressed {
        /// Of the action.
        operation: u64,
        /// How far.
        progress: Progress,
    },
    /// The image is made, or not.
    Written {
        /// Of the action.
        operation: u64,
        /// How it went.
        result: Result<(), WriteProblem>,
    },
    /// Parts of the active slot cannot be read or are not what belongs there; they were made otherwise.
    SlotDamaged {
        /// Of the action.
        operation: u64,
        /// How many places.
        places: u32,
        /// How many bytes, at most.
        bytes: u64,
    },
    /// The inactive slot was read back.
    Verified {
        /// Of the action.
        operation: u64,
        /// How it went.
        result: Result<(), Problem>,
    },
    /// Whether the device would start under the new release.
    Preflighted {
        /// Of the action.
        operation: u64,
        /// If not, why.
        result: Result<(), Problem>,
    },
    /// The UKI is on the ESP, or not.
    Installed {
        /// Of the action.
        operation: u64,
        /// How it went.
        result: Result<(), Problem>,
    },
    /// What the schedule says about a restart.
    Scheduled(Permission),
    /// What the schedule looks at may have changed: somebody logged in or out, a job ended, the lock manager answered.
    ScheduleChanged,
    /// The operator changed the settings; the policy is the new one.
    SettingsChanged,
    /// A medium that releases may be taken from was inserted.
    MediumInserted,
    /// The boot entry that runs has lost its counter.
    Blessed,
    /// A health check of a trial boot failed.
    Unhealthy(TrialFailure),
    /// What the operator asks for.
    Asked(Request),
}

/// What the operator can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Look for a release.
    Check,
    /// Go to a release: the one on offer, or this version, also an older one.
    Start(Option<Version>),
    /// Stop making the image, and keep what is made.
    Pause,
    /// Stop what is going on, and forget it.
    Cancel,
    /// Restart into the staged release without waiting any longer.
    Reboot,
    /// Go back to the release in the other slot.
    Rollback {
        /// That release, if its boot entry is there and its slot is whole.
        to: Option<Version>,
    },
    /// Stay on this version.
    Pin(Version),
    /// Stay no longer.
    Unpin,
    /// Take this release again although it was bad.
    Forgive(Version),
}

/// What the disk says when the driver starts, and about which boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The release that runs.
    pub version: Version,
    /// Its root.
    pub root_hash: RootHash,
    /// Boot entries on the ESP.
    pub entries: Vec<Entry>,
    /// What the health check of an earlier boot of the release under trial left behind.
    pub trial_failure: Option<TrialFailure>,
}

/// A boot entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its release.
    pub version: Version,
    /// Good, trying or bad.
    pub state: EntryState,
}

/// What the name of a boot entry says; see [`disk_layout::boot_entry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// It came up healthy.
    Good,
    /// It has tries left.
    Trying {
        /// Tries used.
        done: u32,
    },
    /// It used all its tries.
    Bad,
}

/// What the repository says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A release to go to.
    Offer(Offer),
    /// None, and why.
    Nothing(String),
    /// None before this time, and why: a rollout has not reached the device.
    NothingBefore(Timestamp, String),
    /// The release that is staged has been withdrawn, and why. Only in answer to a check while a release is staged.
    StagedWithdrawn(String),
}

/// Something that may work later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What, to what, and what to do: for people.
    pub reason: String,
}

/// Why an image was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriteProblem {
    /// This way does not lead there: the patch does not fit, a part of the active slot is damaged. Another may.
    Way(Problem),
    /// No way leads there now: no network, no space. What is made stays.
    Now(Problem),
}

/// Whether the machine may restart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permission {
    /// Now.
    Now,
    /// Not now.
    Wait {
        /// Why, for people.
        reason: String,
        /// When to ask again; nothing if only the operator can say.
        until: Option<Timestamp>,
    },
}

//! What a device keeps about updates, across restarts and power cuts.

use jiff::Timestamp;
use release_metadata::version::Version;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::history::{BadRelease, HistoryEntry, TrialFailure};
use crate::offer::{Offer, Way};

/// The format that this version writes.
pub const FORMAT: u32 = 1;
/// The largest record that is read, in bytes.
pub const MAXIMUM_BYTES: usize = 1 << 20;
/// Entries of the history that are kept; older ones go.
pub const HISTORY_KEPT: usize = 50;
/// Bad releases that are remembered; the oldest go.
pub const BAD_KEPT: usize = 50;
/// Bytes of reasons and outputs that are kept of one failure.
pub const TEXT_KEPT: usize = 4096;

/// Everything a device knows about its updates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`FORMAT`].
    pub format: u32,
    /// The release that runs.
    pub running: Version,
    /// What is going on.
    pub phase: Phase,
    /// Identifies the long action under way: results of earlier ones are ignored.
    pub operation: u64,
    /// The version that the operator wants to stay on.
    #[serde(default)]
    pub pinned: Option<Version>,
    /// A release the operator cancelled: not built again unless asked, as long as it is the newest.
    #[serde(default)]
    pub declined: Option<Version>,
    /// Releases that did not come up healthy, oldest first.
    #[serde(default)]
    pub bad: Vec<BadRelease>,
    /// What happened, oldest first.
    #[serde(default)]
    pub history: Vec<HistoryEntry>,
    /// When the repository last answered.
    #[serde(default)]
    pub last_check: Option<Timestamp>,
    /// Why there was no update when last looked, for people.
    #[serde(default)]
    pub no_update: Option<String>,
    /// The last failure that has not been overcome.
    #[serde(default)]
    pub failure: Option<Failure>,
    /// When to look again, or to try again what failed.
    #[serde(default)]
    pub next_try: Option<Timestamp>,
    /// What was found damaged in the slot that runs.
    #[serde(default)]
    pub slot_damage: Option<SlotDamage>,
}

/// Damage of the slot that runs, found where an update read from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SlotDamage {
    /// When it was found, the last time.
    pub at: Timestamp,
    /// How many places.
    pub places: u32,
    /// How many bytes, at most.
    pub bytes: u64,
}

/// What went wrong, and how often in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// When, the last time.
    pub at: Timestamp,
    /// What, for people.
    pub reason: String,
    /// How many times in a row.
    pub times: u32,
}

/// What is going on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Phase {
    /// Nothing.
    Idle,
    /// Asking the repository.
    Checking {
        /// A version that the operator asked for by name.
        #[serde(default)]
        wanted: Option<Version>,
        /// Whether to build what is found without asking again.
        #[serde(default)]
        then_build: bool,
    },
    /// A release is there, and nobody has started building it.
    Available {
        /// The release.
        offer: Offer,
    },
    /// The new image is being made in the inactive slot.
    Writing {
        /// What.
        update: Update,
        /// How far.
        progress: Progress,
        /// Whether it is under way, and if not, why.
        activity: Activity,
    },
    /// The inactive slot is read back and compared with the root hash.
    Verifying {
        /// What.
        update: Update,
        /// Bytes that were read back so far.
        #[serde(default)]
        checked: u64,
    },
    /// Asking whether the device could start and unlock its disk under the new release.
    Preflight {
        /// What.
        update: Update,
    },
    /// The answer was no; asked again later.
    Blocked {
        /// What.
        update: Update,
        /// Why, and what to do.
        reason: String,
    },
    /// The UKI goes to the ESP.
    Installing {
        /// What.
        update: Update,
    },
    /// Waits to be started.
    Staged {
        /// What.
        update: Update,
        /// Why it is not started right now.
        #[serde(default)]
        wait: Option<Wait>,
    },
    /// The machine was told to restart.
    Rebooting {
        /// What.
        update: Update,
    },
    /// The release runs, and has not yet shown that it is healthy.
    Trial {
        /// What.
        update: Update,
        /// What the health check found, if it failed.
        #[serde(default)]
        failure: Option<TrialFailure>,
    },
    /// The operator goes back to the other slot; the machine was told to restart.
    GoingBack {
        /// The release left behind.
        from: Version,
        /// The release gone back to.
        to: Version,
    },
}

/// An update that has been started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// The release.
    pub offer: Offer,
    /// The release that runs while it is built.
    pub from: Version,
    /// How the image is made.
    pub way: Way,
    /// Bytes downloaded so far, by all ways.
    #[serde(default)]
    pub downloaded: u64,
}

/// How far the image is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Bytes of the new image that are made.
    pub image: u64,
    /// Bytes downloaded by the way under way.
    pub downloaded: u64,
}

/// Whether work is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activity {
    /// Yes.
    Running,
    /// The operator paused it.
    Paused,
    /// It failed, and is tried again at [`Record::next_try`].
    Waiting,
}

/// Why a staged release is not started yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Why, for people.
    pub reason: String,
    /// Until when, where that is known.
    #[serde(default)]
    pub until: Option<Timestamp>,
}

/// A record that cannot be used.
#[derive(Debug, Error)]
pub enum RecordError {
    /// Larger than any that is written.
    #[error("the record of updates has more than {MAXIMUM_BYTES} bytes")]
    TooLarge,
    /// Written by a newer version.
    #[error("the record of updates has format {0}, and this release reads format {FORMAT}")]
    Format(u32),
    /// Damaged.
    #[error("the record of updates is damaged")]
    Syntax(#[from] serde_json::Error),
}

impl Record {
    /// The record of a device that has never updated.
    #[must_use]
    pub fn new(running: Version) -> Self {
        Self {
            format: FORMAT,
            running,
            phase: Phase::Idle,
            operation: 0,
            pinned: None,
            declined: None,
            bad: Vec::new(),
            history: Vec::new(),
            last_check: None,
            no_update: None,
            failure: None,
            next_try: None,
            slot_damage: None,
        }
    }

    /// Reads what [`Record::to_json`] wrote.
    ///
    /// # Errors
    /// When the text is no record, or a newer version's.
    pub fn parse(text: &[u8]) -> Result<Self, RecordError> {
        #[derive(Deserialize)]
        struct Head {
            format: u32,
        }
        if text.len() > MAXIMUM_BYTES {
            return Err(RecordError::TooLarge);
        }
        let head: Head = serde_json::from_slice(text)?;
        if head.format != FORMAT {
            return Err(RecordError::Format(head.format));
        }
        Ok(serde_json::from_slice(text)?)
    }

    /// As it is kept on disk.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        let mut text =
            serde_json::to_vec_pretty(self).expect("invariant: all keys are text, and all numbers are whole");
        text.push(b'\n');
        text
    }

    /// Why this release must not be taken, if it is known to be bad.
    #[must_use]
    pub fn bad_release(&self, version: Version) -> Option<&BadRelease> {
        self.bad.iter().find(|bad| bad.version == version)
    }

    /// When the machine wants to be called with [`crate::event::Event::Timer`].
    #[must_use]
    pub fn wake_at(&self) -> Option<Timestamp> {
        let until = match &self.phase {
            Phase::Staged { wait: Some(wait), .. } => wait.until,
            _ => None,
        };
        until.into_iter().chain(self.next_try).min()
    }
}

impl Phase {
    /// The update under way.
    #[must_use]
    pub fn update(&self) -> Option<&Update> {
        match self {
            Self::Writing { update, .. }
            | Self::Verifying { update, .. }
            | Self::Preflight { update }
            | Self::Blocked { update, .. }
            | Self::Installing { update }
            | Self::Staged { update, .. }
            | Self::Rebooting { update }
            | Self::Trial { update, .. } => Some(update),
            Self::Idle | Self::Checking { .. } | Self::Available { .. } | Self::GoingBack { .. } => None,
        }
    }

    /// One word for people and scripts: the value of `state` in JSON.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Checking { .. } => "checking",
            Self::Available { .. } => "available",
            Self::Writing { .. } => "writing",
            Self::Verifying { .. } => "verifying",
            Self::Preflight { .. } => "preflight",
            Self::Blocked { .. } => "blocked",
            Self::Installing { .. } => "installing",
            Self::Staged { .. } => "staged",
            Self::Rebooting { .. } => "rebooting",
            Self::Trial { .. } => "trial",
            Self::GoingBack { .. } => "going-back",
        }
    }
}

/// The start of a text, cut at a character.
pub(crate) fn kept(text: &str) -> String {
    let mut end = text.len().min(TEXT_KEPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

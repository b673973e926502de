//! What happened, and what must not happen again.

use jiff::Timestamp;
use release_metadata::version::Version;
use serde::{Deserialize, Serialize};

use crate::offer::Way;

/// Something that came to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// When.
    pub at: Timestamp,
    /// The release that the device ran before.
    pub from: Version,
    /// The release that it was to run.
    pub to: Version,
    /// How the image was made, if it came that far.
    pub way: Option<Way>,
    /// Bytes downloaded.
    pub downloaded: u64,
    /// The medium that it was found on, if it was on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// How it ended.
    pub outcome: Outcome,
}

/// How an update ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Outcome {
    /// The release came up healthy.
    Updated,
    /// The release did not come up healthy, and the device went back.
    RolledBack {
        /// Why, for people.
        reason: String,
    },
    /// The operator went back.
    WentBack,
    /// The operator cancelled.
    Cancelled,
    /// It could not be built or installed.
    Failed {
        /// Why, for people.
        reason: String,
    },
}

/// A release that is not taken again until the operator says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BadRelease {
    /// The release.
    pub version: Version,
    /// Since when.
    pub since: Timestamp,
    /// Why, for people.
    pub reason: String,
    /// What the failed check printed, as far as it was kept.
    #[serde(default)]
    pub output: String,
}

/// What the health check of a trial boot found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialFailure {
    /// Which check failed and how.
    pub reason: String,
    /// What it printed.
    #[serde(default)]
    pub output: String,
}

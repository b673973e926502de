//! `updates.json`: all releases of one stream and how they are rolled out.

use disk_layout::partition_type::Architecture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::document::{self, DocumentError};
use crate::reason::Reason;
use crate::share::Share;
use crate::stream::StreamName;
use crate::version::Version;

/// The format written, and the only one read.
pub const FORMAT: u32 = 1;
/// Largest document read, in bytes; a release has about 300.
pub const MAXIMUM_BYTES: usize = 4 << 20;
/// Most releases of a stream.
pub const MAXIMUM_RELEASES: usize = 4096;
/// Longest rollout, in minutes: about ten years.
pub const MAXIMUM_ROLLOUT_MINUTES: u32 = 5_256_000;

const DOCUMENT: &str = "updates.json";

/// All releases of a stream. `core/release-graph` answers from it which one a device takes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Updates {
    /// [`FORMAT`].
    pub format: u32,
    /// The stream.
    pub stream: StreamName,
    /// When this document was written.
    pub updated: Timestamp,
    /// The releases, older versions first.
    pub releases: Vec<ReleaseEntry>,
}

/// A release of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEntry {
    /// Its version.
    pub version: Version,
    /// When it was published.
    pub date: Timestamp,
    /// The architectures it exists for, by name; at least one.
    pub architectures: Vec<Architecture>,
    /// How devices are led to it. Without a rollout only devices that must pass it (a barrier) are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<Rollout>,
    /// Says that updates from older releases to newer ones must go through this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub barrier: Option<Barrier>,
    /// Says that no update leads away from this release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_end: Option<DeadEnd>,
    /// Says that no device is led to this release any more, whatever its rollout says; and it is no barrier any more.
    /// Devices that have it go on to later releases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<Withdrawal>,
}

/// Leads a growing share of the fleet to a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rollout {
    /// When it starts: nobody is led to the release before.
    pub start: Timestamp,
    /// The share of the fleet that it reaches at its start; the whole fleet if this is 1.
    #[serde(default = "nobody")]
    pub initial_share: Share,
    /// How long it takes from its start until it reaches the whole fleet, the share growing evenly. Without it, it stays at the initial share:
    /// a rollout that is paused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_minutes: Option<u32>,
}

fn nobody() -> Share {
    Share::NONE
}

/// Why a release must be passed through.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Barrier {
    /// Shown to operators.
    pub reason: Reason,
}

/// Why no update leads away from a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadEnd {
    /// Shown to operators; says what to do instead.
    pub reason: Reason,
}

/// Why a release is not offered any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withdrawal {
    /// Shown to operators.
    pub reason: Reason,
}

impl Updates {
    /// Reads `updates.json`.
    ///
    /// # Errors
    /// The first thing that is wrong: its size, its format number, its syntax, its limits, or two statements that contradict each other.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let updates: Self = document::read(DOCUMENT, FORMAT, MAXIMUM_BYTES, text)?;
        updates.check()?;
        Ok(updates)
    }

    /// Writes it. Equal values give equal bytes, and reading them gives an equal value.
    ///
    /// # Errors
    /// When [`Self::parse`] would refuse it.
    pub fn to_json(&self) -> Result<String, DocumentError> {
        self.check()?;
        let text = document::write(self);
        if text.len() > MAXIMUM_BYTES {
            return Err(DocumentError::TooLarge { document: DOCUMENT, limit: MAXIMUM_BYTES });
        }
        Ok(text)
    }

    /// The release with this version.
    #[must_use]
    pub fn release(&self, version: Version) -> Option<&ReleaseEntry> {
        let index = self.releases.binary_search_by_key(&version, |release| release.version).ok()?;
        self.releases.get(index)
    }

    fn check(&self) -> Result<(), DocumentError> {
        let refuse = |problem: String| Err(DocumentError::Content { document: DOCUMENT, problem });
        if self.format != FORMAT {
            return refuse(format!("its format is {}, not {FORMAT}", self.format));
        }
        if self.releases.len() > MAXIMUM_RELEASES {
            return refuse(format!("it has {} releases, more than {MAXIMUM_RELEASES}", self.releases.len()));
        }
        for pair in self.releases.windows(2) {
            let [earlier, later] = pair else { continue };
            if earlier.version >= later.version {
                return refuse(format!(
                    "release {} comes after {}; releases go from old to new, each once",
                    later.version, earlier.version
                ));
            }
        }
        match self.releases.iter().find_map(|release| release.problem().map(|problem| (release.version, problem))) {
            Some((version, problem)) => refuse(format!("release {version} {problem}")),
            None => Ok(()),
        }
    }
}

impl ReleaseEntry {
    fn problem(&self) -> Option<String> {
        if self.architectures.is_empty() || !self.architectures.is_sorted_by(|a, b| a < b) {
            return Some("does not list its architectures by name, each once and at least one".to_owned());
        }
        let minutes = self.rollout.as_ref().and_then(|rollout| rollout.duration_minutes);
        if minutes.is_some_and(|minutes| !(1..=MAXIMUM_ROLLOUT_MINUTES).contains(&minutes)) {
            return Some(format!("has a rollout that takes neither 1 nor up to {MAXIMUM_ROLLOUT_MINUTES} minutes"));
        }
        if self.dead_end.is_none() || self.withdrawn.is_some() {
            return None;
        }
        if self.barrier.is_some() {
            return Some(
                "is a barrier and a dead end: nobody could pass it; withdraw it, and make another the barrier"
                    .to_owned(),
            );
        }
        self.rollout
            .as_ref()
            .map(|_| "is a dead end with a rollout: devices would be led into it; end its rollout".to_owned())
    }
}

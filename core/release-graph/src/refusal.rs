//! Why a device does not take a release.

use std::fmt;

use jiff::Timestamp;
use release_metadata::Architecture;
use release_metadata::reason::Reason;
use release_metadata::stream::StreamName;
use release_metadata::version::Version;

/// One reason, as a value and as a sentence (`Display`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// There is nothing newer.
    Newest {
        /// What the device runs.
        current: Version,
        /// Its stream.
        stream: StreamName,
    },
    /// The device runs something that the stream does not know for its architecture.
    UnknownCurrent {
        /// What the device runs.
        current: Version,
        /// Its stream.
        stream: StreamName,
        /// Its architecture.
        architecture: Architecture,
    },
    /// No update leads away from what the device runs.
    DeadEnd {
        /// What the device runs.
        current: Version,
        /// Why, and what to do.
        reason: Reason,
    },
    /// There is no such release.
    Unknown {
        /// What was asked for.
        version: Version,
        /// The stream.
        stream: StreamName,
    },
    /// Not for this architecture.
    OtherArchitecture {
        /// The release.
        version: Version,
        /// The device's architecture.
        architecture: Architecture,
    },
    /// The publisher took it back.
    Withdrawn {
        /// The release.
        version: Version,
        /// Why.
        reason: Reason,
    },
    /// No device is led to it.
    NotOffered {
        /// The release.
        version: Version,
    },
    /// Another release comes first.
    Barrier {
        /// The release.
        version: Version,
        /// The release that comes first.
        barrier: Version,
        /// Why.
        reason: Reason,
    },
    /// Its rollout has not reached the device.
    Rollout {
        /// The release.
        version: Version,
        /// When it will; nothing for a rollout that is paused.
        reached_from: Option<Timestamp>,
    },
    /// It was tried on this device, and was not healthy.
    Bad {
        /// The release.
        version: Version,
        /// What the device noted then.
        reason: String,
    },
    /// The operator wants no newer release than this.
    Pinned {
        /// The release.
        version: Version,
        /// The newest release that the operator wants.
        pin: Version,
    },
    /// It is older than what the device runs.
    Downgrade {
        /// The release.
        version: Version,
        /// What the device runs.
        current: Version,
    },
    /// The device runs it.
    Current {
        /// The release.
        version: Version,
    },
}

impl Refusal {
    /// When it is worth asking again, if time alone changes the answer.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        match self {
            Self::Rollout { reached_from, .. } => *reached_from,
            _ => None,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newest { current, stream } => write!(f, "{current} is the newest release of {stream}"),
            Self::UnknownCurrent { current, stream, architecture } => write!(
                f,
                "this device runs {current}, which is no release of {stream} for {architecture}; ask for a release by its version to move to it"
            ),
            Self::DeadEnd { current, reason } => {
                write!(f, "{current} is a dead end, no update leads away from it: {reason}")
            }
            Self::Unknown { version, stream } => write!(f, "{stream} has no release {version}"),
            Self::OtherArchitecture { version, architecture } => {
                write!(f, "{version} does not exist for {architecture}")
            }
            Self::Withdrawn { version, reason } => write!(f, "{version} was withdrawn: {reason}"),
            Self::NotOffered { version } => write!(f, "{version} is not rolled out"),
            Self::Barrier { version, barrier, reason } => {
                write!(f, "{barrier} is a barrier and comes before {version}: {reason}")
            }
            Self::Rollout { version, reached_from: Some(time) } => {
                write!(f, "the rollout of {version} reaches this device at about {time:.0}")
            }
            Self::Rollout { version, reached_from: None } => {
                write!(f, "the rollout of {version} is paused and has not reached this device")
            }
            Self::Bad { version, reason } => {
                write!(f, "{version} was tried on this device and did not come up healthy: {reason}")
            }
            Self::Pinned { version, pin } => write!(f, "{version} is newer than {pin}, which this device is pinned to"),
            Self::Downgrade { version, current } => {
                write!(f, "{version} is older than {current}, which this device runs; a downgrade must be asked for")
            }
            Self::Current { version } => write!(f, "this device runs {version} already"),
        }
    }
}

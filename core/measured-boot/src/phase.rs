//! The phases of a boot, each of which extends PCR 11 with its name (systemd-pcrphase.service(8)).

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use thiserror::Error;

use crate::pcr::Pcr;

/// A phase, in the order they are reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BootPhase {
    /// The initrd has started: disks may be unlocked.
    EnterInitrd,
    /// The initrd hands over to the root file system.
    LeaveInitrd,
    /// Early system services are up.
    Sysinit,
    /// The system is up.
    Ready,
    /// The system has begun to shut down.
    Shutdown,
    /// Last moment before the shutdown initrd.
    Final,
}

impl BootPhase {
    /// Every phase, in order.
    pub const ALL: [Self; 6] =
        [Self::EnterInitrd, Self::LeaveInitrd, Self::Sysinit, Self::Ready, Self::Shutdown, Self::Final];

    /// The word that is measured, without a NUL byte.
    pub const fn word(self) -> &'static str {
        match self {
            Self::EnterInitrd => "enter-initrd",
            Self::LeaveInitrd => "leave-initrd",
            Self::Sysinit => "sysinit",
            Self::Ready => "ready",
            Self::Shutdown => "shutdown",
            Self::Final => "final",
        }
    }
}

/// The phases a boot went through to reach the last of them, written `enter-initrd:leave-initrd`. The empty path, written `:`, is
/// the moment the kernel starts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhasePath(Vec<BootPhase>);

/// Text that is no path of phases.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PhaseError {
    /// Unknown word.
    #[error("there is no boot phase {0:?}; known are enter-initrd, leave-initrd, sysinit, ready, shutdown and final")]
    Unknown(String),
    /// Phases out of order; no boot goes through them so.
    #[error("boot phase {0} cannot come after {1}")]
    OutOfOrder(&'static str, &'static str),
}

impl PhasePath {
    /// The path from the kernel's start through all phases up to `last`.
    pub fn up_to(last: BootPhase) -> Self {
        Self(BootPhase::ALL.into_iter().take_while(|phase| *phase <= last).collect())
    }

    /// The path of the moment the kernel starts.
    pub fn start() -> Self {
        Self(Vec::new())
    }

    /// The paths that systemd-measure predicts when none are named: from `enter-initrd` up to `ready`.
    pub fn of_a_boot() -> Vec<Self> {
        [BootPhase::EnterInitrd, BootPhase::LeaveInitrd, BootPhase::Sysinit, BootPhase::Ready].map(Self::up_to).to_vec()
    }

    /// The phases in order.
    pub fn phases(&self) -> &[BootPhase] {
        &self.0
    }

    /// Extends a PCR with every word of the path.
    pub fn measure_into(&self, pcr: &mut Pcr) {
        for phase in &self.0 {
            pcr.measure(phase.word().as_bytes());
        }
    }
}

impl Display for PhasePath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str(":");
        }
        let words: Vec<&str> = self.0.iter().map(|phase| phase.word()).collect();
        f.write_str(&words.join(":"))
    }
}

impl FromStr for PhasePath {
    type Err = PhaseError;

    fn from_str(text: &str) -> Result<Self, PhaseError> {
        let mut phases: Vec<BootPhase> = Vec::new();
        for word in text.split(':').filter(|word| !word.is_empty()) {
            let phase = BootPhase::ALL
                .into_iter()
                .find(|phase| phase.word() == word)
                .ok_or_else(|| PhaseError::Unknown(word.to_owned()))?;
            if let Some(previous) = phases.last().filter(|previous| **previous >= phase) {
                return Err(PhaseError::OutOfOrder(phase.word(), previous.word()));
            }
            phases.push(phase);
        }
        Ok(Self(phases))
    }
}

impl Serialize for PhasePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PhasePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

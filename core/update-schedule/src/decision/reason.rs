//! Why a device waits.

use jiff::Timestamp;

use crate::decision::notice::Audience;
use crate::zone::Zone;

/// Most names in a sentence.
const SHOWN_NAMES: usize = 5;

/// One reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// The operator restarts the device.
    Manual,
    /// No window is open.
    Window {
        /// When the next one begins, if ever.
        opens_at: Option<Timestamp>,
    },
    /// Somebody is logged in, or a job runs.
    Delay {
        /// Which of them.
        audience: Audience,
        /// Their names.
        names: Vec<String>,
        /// When they do not delay any more.
        until: Timestamp,
    },
    /// The lock manager has not answered yet.
    AskingLock {
        /// The lock manager.
        manager: String,
    },
    /// The lock manager said no, or could not be asked.
    Lock {
        /// Why.
        problem: String,
        /// When the device asks again.
        ask_again_at: Timestamp,
    },
}

impl Reason {
    /// The time until which it holds, where that is known.
    #[must_use]
    pub fn until(&self) -> Option<Timestamp> {
        match self {
            Self::Manual | Self::AskingLock { .. } => None,
            Self::Window { opens_at } => *opens_at,
            Self::Delay { until, .. } => Some(*until),
            Self::Lock { ask_again_at, .. } => Some(*ask_again_at),
        }
    }

    /// The reason as a sentence, with times in the device's zone.
    #[must_use]
    pub fn sentence(&self, zone: &Zone) -> String {
        match self {
            Self::Manual => "updates are finished by hand on this device: restart it when it suits".to_owned(),
            Self::Window { opens_at: Some(time) } => {
                format!("the next maintenance window opens at {}", zone.shown(*time))
            }
            Self::Window { opens_at: None } => "there is no maintenance window ahead".to_owned(),
            Self::Delay { audience: Audience::Sessions, names, until } => {
                format!("{} logged in; the device restarts at {} at the latest", listed(names), zone.shown(*until))
            }
            Self::Delay { audience: Audience::Jobs, names, until } => {
                format!("{} running; the device restarts at {} at the latest", listed(names), zone.shown(*until))
            }
            Self::AskingLock { manager } => format!("the lock manager at {manager} is being asked"),
            Self::Lock { problem, ask_again_at } => {
                format!(
                    "the lock manager does not allow it yet: {problem}; asked again at {}",
                    zone.shown(*ask_again_at)
                )
            }
        }
    }
}

/// `alice is`, `alice and bob are`, `alice, bob and 7 more are`.
fn listed(names: &[String]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    let shown = names.get(..names.len().min(SHOWN_NAMES)).unwrap_or_default();
    match (names.len() - shown.len(), shown) {
        (0, [first @ .., last]) if !first.is_empty() => format!("{} and {last} {verb}", first.join(", ")),
        (0, _) => format!("{} {verb}", shown.join(", ")),
        (more, _) => format!("{} and {more} more {verb}", shown.join(", ")),
    }
}

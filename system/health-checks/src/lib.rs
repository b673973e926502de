//! Looks at what makes a boot healthy: units, the daemon's answer, executables. Decides nothing.

pub mod daemon;
pub mod scripts;
pub mod units;

use std::time::{Duration, Instant};

/// When looking must have come to an end.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(
    /// The moment.
    pub Instant,
);

impl Deadline {
    /// So long from now.
    #[must_use]
    pub fn in_time(time: Duration) -> Self {
        Self(Instant::now() + time)
    }

    /// What is left.
    #[must_use]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn is_over(self) -> bool {
        self.left().is_zero()
    }
}

//! What the operator set.

use jiff::SignedDuration;

/// What the device does by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Time between two looks for a release. Nothing: only when asked.
    pub check_every: Option<SignedDuration>,
    /// Whether a release that was found is built in the inactive slot without being asked.
    pub build: Building,
    /// The first wait after a failure; each further failure doubles it.
    pub retry_after: SignedDuration,
    /// The longest wait after a failure.
    pub retry_at_most: SignedDuration,
}

/// Who starts building a release.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Building {
    /// The device, as soon as it finds one.
    Automatic,
    /// The operator.
    WhenAsked,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            check_every: Some(SignedDuration::from_hours(6)),
            build: Building::Automatic,
            retry_after: SignedDuration::from_mins(1),
            retry_at_most: SignedDuration::from_hours(4),
        }
    }
}

impl Policy {
    /// How long to wait after `failures` failures in a row.
    #[must_use]
    pub fn wait_after(&self, failures: u32) -> SignedDuration {
        let doubled =
            2_i32.checked_pow(failures.saturating_sub(1)).and_then(|factor| self.retry_after.checked_mul(factor));
        doubled.unwrap_or(self.retry_at_most).min(self.retry_at_most)
    }
}

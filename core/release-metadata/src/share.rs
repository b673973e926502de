//! Parts of a whole: of the fleet, and a device's place in it.

use std::cmp::Ordering;
use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// A number from 0 to 1: a part of the fleet, or the wariness of a device.
#[derive(Clone, Copy, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Share(f64);

/// The number is outside 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a share is a number from 0 to 1")]
pub struct ShareError;

impl Share {
    /// Nobody; the wariness of a device that takes a release at once.
    pub const NONE: Self = Self(0.0);
    /// Everybody; the wariness of a device that waits until a rollout is complete.
    pub const ALL: Self = Self(1.0);

    /// This share.
    ///
    /// # Errors
    /// When it is outside 0 to 1 or no number.
    pub fn new(share: f64) -> Result<Self, ShareError> {
        // Adding zero makes the negative zero positive, so that equal shares are written equally.
        if (0.0..=1.0).contains(&share) { Ok(Self(share + 0.0)) } else { Err(ShareError) }
    }

    /// The number.
    #[must_use]
    pub fn get(self) -> f64 {
        self.0
    }
}

impl Eq for Share {}

impl Ord for Share {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Share {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Share({})", self.0)
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

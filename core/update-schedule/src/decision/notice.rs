//! What people and jobs are told before a restart.

use jiff::{SignedDuration, Timestamp};
use release_metadata::version::Version;

use crate::zone::Zone;

/// A notice is repeated when so many minutes are left.
const REPEATED_AT: [i64; 5] = [60, 30, 15, 5, 1];

/// Who delays a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// People who are logged in.
    Sessions,
    /// Jobs that run.
    Jobs,
}

/// What they are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// Who is told.
    pub audience: Audience,
    /// When the device restarts at the latest.
    pub restart_by: Timestamp,
    /// Counts up each time that the notice is to be repeated.
    pub repetition: usize,
    /// For people, in the device's time.
    pub text: String,
}

impl Notice {
    pub(super) fn new(
        audience: Audience,
        release: Version,
        restart_by: Timestamp,
        time: Timestamp,
        zone: &Zone,
    ) -> Self {
        let sooner = match audience {
            Audience::Sessions => "or as soon as nobody is logged in. Save your work.",
            Audience::Jobs => "or as soon as no job runs that asked to be waited for.",
        };
        let text = format!(
            "Release {release} is installed. This device restarts at {} at the latest, {sooner}",
            zone.shown(restart_by)
        );
        Self { audience, restart_by, repetition: repetition(restart_by, time), text }
    }

    /// When the notice will be repeated.
    pub(super) fn next_change(restart_by: Timestamp, time: Timestamp) -> Option<Timestamp> {
        repetitions(restart_by).find(|at| *at > time)
    }
}

fn repetition(restart_by: Timestamp, time: Timestamp) -> usize {
    repetitions(restart_by).filter(|at| *at <= time).count()
}

fn repetitions(restart_by: Timestamp) -> impl Iterator<Item = Timestamp> {
    REPEATED_AT.into_iter().filter_map(move |minutes| restart_by.checked_sub(SignedDuration::from_mins(minutes)).ok())
}

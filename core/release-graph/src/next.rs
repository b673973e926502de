//! The next release of a device, from the stream's document.

use std::collections::BTreeMap;

use jiff::Timestamp;
use release_metadata::Architecture;
use release_metadata::share::Share;
use release_metadata::stream::StreamName;
use release_metadata::updates::{ReleaseEntry, Updates};
use release_metadata::version::Version;
use thiserror::Error;

use crate::policy::{self, Facts};
use crate::refusal::Refusal;

/// What the answer depends on, besides the stream's document and the time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// The stream it follows.
    pub stream: StreamName,
    /// Its architecture.
    pub architecture: Architecture,
    /// What it runs.
    pub current: Version,
    /// How long it lets others go first: 0 takes everything at once, 1 waits for the end of each rollout.
    pub wariness: Share,
    /// The newest release that its operator wants.
    pub pin: Option<Version>,
    /// Releases that were tried and not healthy, with what was noted then.
    pub bad: BTreeMap<Version, String>,
}

/// What to do, and why not more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The release to take.
    pub next: Option<Version>,
    /// Why the device does not take each of the releases that are newer than `next` (or than what it runs), newest first; or the one reason that holds for all.
    pub refusals: Vec<Refusal>,
}

/// The document is about another stream than the device follows.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the list of releases is of stream {found}, and this device follows {expected}; get the list of {expected}")]
pub struct OtherStream {
    /// The stream of the document.
    pub found: StreamName,
    /// The stream of the device.
    pub expected: StreamName,
}

/// The release that a device takes next: the newest that updates lead to, that has reached the device, and that nothing on the device speaks against.
///
/// # Errors
/// When the document is about another stream.
pub fn next(updates: &Updates, device: &Device, time: Timestamp) -> Result<Answer, OtherStream> {
    check_stream(updates, device)?;
    let releases = releases_for(updates, device.architecture);
    let facts: Vec<Facts> = releases.iter().map(|release| Facts::of(release)).collect();
    let Ok(current) = releases.binary_search_by_key(&device.current, |release| release.version) else {
        return Ok(Answer { next: None, refusals: vec![unknown_current(device)] });
    };
    if let Some(dead_end) = releases.get(current).and_then(|release| release.dead_end.as_ref()) {
        let refusal = Refusal::DeadEnd { current: device.current, reason: dead_end.reason.clone() };
        return Ok(Answer { next: None, refusals: vec![refusal] });
    }
    let targets: Vec<usize> = policy::targets(&facts, current).collect();
    let barrier = releases.iter().skip(current + 1).find(|release| Facts::of(release).barrier).copied();
    let mut refusals = Vec::new();
    for release in updates.releases.iter().rev().take_while(|release| release.version > device.current) {
        let index = releases.binary_search_by_key(&release.version, |release| release.version).ok();
        let reachable = index.is_some_and(|index| targets.binary_search(&index).is_ok());
        match refusal(release, reachable, barrier, device, time) {
            None => return Ok(Answer { next: Some(release.version), refusals }),
            Some(refusal) => refusals.push(refusal),
        }
    }
    if refusals.is_empty() {
        refusals.push(Refusal::Newest { current: device.current, stream: device.stream.clone() });
    }
    Ok(Answer { next: None, refusals })
}

impl Answer {
    /// The first time at which the answer may be another without a new document.
    #[must_use]
    pub fn ask_again_at(&self) -> Option<Timestamp> {
        self.refusals.iter().filter_map(Refusal::ends_at).min()
    }
}

/// Why a device does not take a later release, if there is a reason.
fn refusal(
    release: &ReleaseEntry,
    reachable: bool,
    next_barrier: Option<&ReleaseEntry>,
    device: &Device,
    time: Timestamp,
) -> Option<Refusal> {
    let version = release.version;
    objection(release, device).or_else(|| {
        if reachable {
            return throttle(release, device, time);
        }
        let passed = next_barrier.filter(|barrier| barrier.version < version);
        let reason =
            passed.and_then(|passed| passed.barrier.as_ref().map(|barrier| (passed.version, barrier.reason.clone())));
        Some(match reason.filter(|_| Facts::of(release).is_target()) {
            Some((barrier, reason)) => Refusal::Barrier { version, barrier, reason },
            None => Refusal::NotOffered { version },
        })
    })
}

/// What speaks against a release whoever asks for it: the publisher, or something on the device.
pub(crate) fn objection(release: &ReleaseEntry, device: &Device) -> Option<Refusal> {
    let version = release.version;
    if !release.architectures.contains(&device.architecture) {
        return Some(Refusal::OtherArchitecture { version, architecture: device.architecture });
    }
    if let Some(withdrawn) = &release.withdrawn {
        return Some(Refusal::Withdrawn { version, reason: withdrawn.reason.clone() });
    }
    if let Some(reason) = device.bad.get(&version) {
        return Some(Refusal::Bad { version, reason: reason.clone() });
    }
    device.pin.filter(|pin| version > *pin).map(|pin| Refusal::Pinned { version, pin })
}

fn throttle(release: &ReleaseEntry, device: &Device, time: Timestamp) -> Option<Refusal> {
    // A barrier without a rollout is open to everybody.
    let rollout = release.rollout.as_ref()?;
    if policy::has_reached(rollout, device.wariness, time) {
        return None;
    }
    Some(Refusal::Rollout { version: release.version, reached_from: policy::reached_from(rollout, device.wariness) })
}

/// A release that is not there for an architecture does not exist for it, as a barrier neither.
pub(crate) fn releases_for(updates: &Updates, architecture: Architecture) -> Vec<&ReleaseEntry> {
    updates.releases.iter().filter(|release| release.architectures.contains(&architecture)).collect()
}

pub(crate) fn check_stream(updates: &Updates, device: &Device) -> Result<(), OtherStream> {
    if updates.stream == device.stream {
        return Ok(());
    }
    Err(OtherStream { found: updates.stream.clone(), expected: device.stream.clone() })
}

fn unknown_current(device: &Device) -> Refusal {
    Refusal::UnknownCurrent {
        current: device.current,
        stream: device.stream.clone(),
        architecture: device.architecture,
    }
}

//! A release that an operator asks for by its version.

use release_metadata::updates::Updates;
use release_metadata::version::Version;

use crate::next::{Device, OtherStream, check_stream, objection, releases_for};
use crate::policy::Facts;
use crate::refusal::Refusal;

/// Whether an older release may be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Downgrade {
    /// It may not.
    Refused,
    /// The operator asked for it.
    Asked,
}

/// A request that may be followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// The release.
    pub version: Version,
    /// Barriers that a downgrade goes back over, newest first: what they changed, the older release may not understand. The operator is told.
    pub barriers_undone: Vec<Version>,
}

/// Whether the device may take the release that its operator asks for.
///
/// The operator decides about time and rollouts, so those do not count. Barriers and dead ends do, and so do withdrawn releases, bad ones and the
/// pin, all of which have other ways to be lifted. What the device runs need not be a release of the stream: this is the way from one stream to another.
///
/// # Errors
/// When the document is about another stream.
pub fn request(
    updates: &Updates,
    device: &Device,
    version: Version,
    downgrade: Downgrade,
) -> Result<Result<Granted, Refusal>, OtherStream> {
    check_stream(updates, device)?;
    Ok(judged(updates, device, version, downgrade))
}

fn judged(updates: &Updates, device: &Device, version: Version, downgrade: Downgrade) -> Result<Granted, Refusal> {
    let current = device.current;
    if version == current {
        return Err(Refusal::Current { version });
    }
    let Some(release) = updates.release(version) else {
        return Err(Refusal::Unknown { version, stream: device.stream.clone() });
    };
    if let Some(refusal) = objection(release, device) {
        return Err(refusal);
    }
    let dead_end = updates.release(current).filter(|running| running.architectures.contains(&device.architecture));
    if let Some(dead_end) = dead_end.and_then(|running| running.dead_end.as_ref()) {
        return Err(Refusal::DeadEnd { current, reason: dead_end.reason.clone() });
    }
    let releases = releases_for(updates, device.architecture);
    let barriers = releases.iter().filter(|release| Facts::of(release).barrier);
    if version < current {
        if downgrade == Downgrade::Refused {
            return Err(Refusal::Downgrade { version, current });
        }
        let undone =
            barriers.map(|barrier| barrier.version).filter(|barrier| *barrier > version && *barrier <= current);
        return Ok(Granted { version, barriers_undone: undone.collect::<Vec<_>>().into_iter().rev().collect() });
    }
    let first = barriers.into_iter().find(|barrier| barrier.version > current && barrier.version < version);
    match first.and_then(|first| first.barrier.as_ref().map(|barrier| (first.version, barrier.reason.clone()))) {
        Some((barrier, reason)) => Err(Refusal::Barrier { version, barrier, reason }),
        None => Ok(Granted { version, barriers_undone: Vec::new() }),
    }
}

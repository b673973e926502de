//! Which release is next, and what it costs.

use std::fs::File;
use std::io::{Seek, SeekFrom};

use jiff::Timestamp;
use release_graph::next::{self, Device as GraphDevice};
use release_graph::request::{self, Downgrade};
use release_graph::wariness;
use release_metadata::release::{Patch, Release};
use release_metadata::version::Version;
use tracing::{info, warn};
use update_engine::event::{Found, Problem};
use update_engine::offer::{Offer, OfferedWay, Way};

use super::chunks::{self, ChunkWay};
use super::repository::OpenRepository;
use super::{Worker, problem, repository};

/// Asks what media are inserted, and the repository: for the next release, or for the one that the operator wants. The newest counts; of two that are the same, that
/// on the medium.
pub fn check(worker: &Worker, wanted: Option<Version>, staged: Option<Version>) -> Result<Found, Problem> {
    let mut answers: Vec<Result<Found, Problem>> = Vec::new();
    for medium in repository::media(worker) {
        answers.push(repository::on_medium(worker, &medium).and_then(|mut on_medium| {
            let found = find(worker, &mut on_medium, wanted, staged);
            found.map_err(|error| on_medium.named(problem(error.as_ref())))
        }));
    }
    if answers.is_empty() || worker.settings.settings.source.address.is_some() {
        let found = repository::configured(worker).and_then(|mut found| find(worker, &mut found, wanted, staged));
        answers.push(found.map_err(|error| problem(error.as_ref())));
    }
    answers.into_iter().reduce(better).unwrap_or_else(|| Ok(Found::Nothing("there is nowhere to look".to_owned())))
}

/// The answer that says more; what the other one says is not lost.
fn better(first: Result<Found, Problem>, second: Result<Found, Problem>) -> Result<Found, Problem> {
    match (first, second) {
        (Ok(withdrawn @ Found::StagedWithdrawn(_)), _) | (_, Ok(withdrawn @ Found::StagedWithdrawn(_))) => {
            Ok(withdrawn)
        }
        (Ok(Found::Offer(first)), Ok(Found::Offer(second))) => {
            Ok(Found::Offer(if second.version > first.version { second } else { first }))
        }
        (Ok(offer @ Found::Offer(_)), other) | (other, Ok(offer @ Found::Offer(_))) => {
            if let Err(problem) = other {
                warn!("{}", problem.reason);
            }
            Ok(offer)
        }
        // The repository of the settings comes last: whether it answered is what counts.
        (first, second) => {
            let [(one, before), (other, other_before)] = [nothing(&first), nothing(&second)];
            let reason = format!("{other}; {one}");
            match before.into_iter().chain(other_before).min() {
                _ if second.is_err() => Err(Problem { reason }),
                Some(time) => Ok(Found::NothingBefore(time, reason)),
                None => Ok(Found::Nothing(reason)),
            }
        }
    }
}

/// Why there is no release, and until when at least.
fn nothing(answer: &Result<Found, Problem>) -> (String, Option<Timestamp>) {
    match answer {
        Ok(Found::Offer(_)) => (String::new(), None),
        Ok(Found::Nothing(reason) | Found::StagedWithdrawn(reason)) => (reason.clone(), None),
        Ok(Found::NothingBefore(time, reason)) => (reason.clone(), Some(*time)),
        Err(problem) => (problem.reason.clone(), None),
    }
}

fn find(
    worker: &Worker,
    repository: &mut OpenRepository,
    wanted: Option<Version>,
    staged: Option<Version>,
) -> anyhow::Result<Found> {
    let stream = repository::stream(worker);
    let updates = repository.updates(&stream)?;
    if let Some(withdrawn) = staged.and_then(|staged| updates.release(staged)?.withdrawn.as_ref()) {
        return Ok(Found::StagedWithdrawn(withdrawn.reason.to_string()));
    }
    let settings = &worker.settings.settings;
    let device = GraphDevice {
        stream: stream.clone(),
        architecture: worker.device.architecture,
        current: worker.device.version,
        wariness: settings
            .wariness
            .unwrap_or_else(|| wariness::of_device(&wariness::identifier(&worker.device.machine_id))),
        // Pins and bad releases are the engine's: it knows which the operator has lifted meanwhile.
        pin: None,
        bad: std::collections::BTreeMap::new(),
    };
    let version = match wanted {
        Some(wanted) => match request::request(&updates, &device, wanted, Downgrade::Asked)? {
            Ok(granted) => granted.version,
            Err(refusal) => return Ok(Found::Nothing(refusal.to_string())),
        },
        None => {
            let answer = next::next(&updates, &device, Timestamp::now())?;
            match answer.next {
                Some(version) => version,
                None => {
                    let reasons: Vec<String> = answer.refusals.iter().take(3).map(ToString::to_string).collect();
                    let reasons = reasons.join("; ");
                    return Ok(match answer.ask_again_at() {
                        Some(time) => Found::NothingBefore(time, reasons),
                        None => Found::Nothing(reasons),
                    });
                }
            }
        }
    };
    let release = repository.release(&stream, version, worker.device.architecture)?;
    offer(worker, repository, &release)
}

/// What going to a release costs, or why it is not possible on this device.
fn offer(worker: &Worker, repository: &OpenRepository, release: &Release) -> anyhow::Result<Found> {
    let inactive = worker.paths.slots.root(worker.device.active.other());
    let room = File::open(&inactive).and_then(|mut partition| partition.seek(SeekFrom::End(0)));
    let room = room.map_err(|error| anyhow::anyhow!("{} cannot be opened: {error}", inactive.display()))?;
    if room < release.root.size {
        return Ok(Found::Nothing(format!(
            "release {} needs a root partition of {} bytes, and this device has {room}",
            release.version, release.root.size
        )));
    }
    let memory = device_facts::FactsSource::new("/").vitals().facts.memory_total_bytes;
    if memory != 0 && release.needs.memory > memory {
        return Ok(Found::Nothing(format!(
            "release {} needs {} bytes of memory, and this device has {memory}",
            release.version, release.needs.memory
        )));
    }
    let offer = Offer {
        version: release.version,
        root_hash: release.root.root_hash,
        image_bytes: release.root.size,
        ways: ways(worker, repository, release),
        medium: repository.medium().map(str::to_owned),
    };
    Ok(Found::Offer(offer))
}

/// The ways to a release, the cheapest first.
fn ways(worker: &Worker, repository: &OpenRepository, release: &Release) -> Vec<OfferedWay> {
    let patch = patch_for(release, worker).map(|patch| patch.file.size);
    let uki = release.uki_download();
    let full = release.full.root.size.saturating_add(uki);
    let mut ways = vec![(full, OfferedWay { way: Way::Full, download_bytes: full })];
    if let Some(patch) = patch {
        ways.push((patch, OfferedWay { way: Way::Patch, download_bytes: patch }));
    }
    if let Some(chunks) = chunks_download(worker, repository, release, patch) {
        let (Download::Exactly(bytes) | Download::AtMost(bytes)) = chunks;
        let download_bytes = bytes.saturating_add(uki);
        let most = if matches!(chunks, Download::AtMost(_)) { full } else { u64::MAX };
        ways.push((download_bytes.min(most), OfferedWay { way: Way::Chunks, download_bytes }));
    }
    ways.sort_by_key(|(expected, offered)| (*expected, offered.way));
    ways.into_iter().map(|(_, offered)| offered).collect()
}

/// Bytes to download.
#[derive(Debug, Clone, Copy)]
enum Download {
    /// So many.
    Exactly(u64),
    /// So many if the device had nothing of it. It has nearly always.
    AtMost(u64),
}

/// What the way by chunks downloads for the root image; nothing if there is no such way.
///
/// The index, held against the active slot, says so exactly. Where a patch is smaller than the index, it need not be fetched to know which is
/// cheaper: then all chunks are counted.
fn chunks_download(
    worker: &Worker,
    repository: &OpenRepository,
    release: &Release,
    patch: Option<u64>,
) -> Option<Download> {
    let chunks = release.chunks.as_ref()?;
    if patch.is_some_and(|patch| patch <= chunks::least_index_download(worker, chunks)) {
        let all = chunks.packs.iter().fold(chunks.index.size, |sum, pack| sum.saturating_add(pack.size));
        return Some(Download::AtMost(all));
    }
    match ChunkWay::prepare(worker, repository, release) {
        Ok(way) => Some(Download::Exactly(way.download())),
        Err(problem) => {
            info!("release {} is not to be had in chunks: {problem}", release.version);
            None
        }
    }
}

/// The smallest patch that starts from what is in the active slot and asks for nothing that this version cannot do.
pub fn patch_for<'r>(release: &'r Release, worker: &Worker) -> Option<&'r Patch> {
    let patches = release.patches_from(worker.device.root_hash).filter(|patch| patch.features.is_empty());
    patches.min_by_key(|patch| patch.file.size)
}

#[cfg(test)]
mod tests {
    use super::better;
    use update_engine::event::{Found, Problem};
    use update_engine::offer::Offer;

    fn offer(version: &str, medium: Option<&str>) -> Result<Found, Problem> {
        let root_hash = disk_layout::root_hash::RootHash([0; 32]);
        let medium = medium.map(str::to_owned);
        let version = version.parse().unwrap();
        Ok(Found::Offer(Offer { version, root_hash, image_bytes: 0, ways: Vec::new(), medium }))
    }

    fn nothing(reason: &str) -> Result<Found, Problem> {
        Ok(Found::Nothing(reason.to_owned()))
    }

    fn failed(reason: &str) -> Result<Found, Problem> {
        Err(Problem { reason: reason.to_owned() })
    }

    #[test]
    fn the_newest_release_counts_and_a_medium_before_the_network() {
        let stick = || offer("1.1.0", Some("vfat-1"));
        assert_eq!(better(stick(), offer("1.1.0", None)), stick());
        assert_eq!(
            better(stick(), offer("1.2.0", None)),
            offer("1.2.0", None),
            "a stick that stays in holds nothing back"
        );
        assert_eq!(better(stick(), offer("1.0.0", None)), stick());
        assert_eq!(better(stick(), failed("no network")), stick());
        assert_eq!(better(failed("tampered with"), offer("1.1.0", None)), offer("1.1.0", None));
        let withdrawn = || Ok(Found::StagedWithdrawn("it loses photos".to_owned()));
        assert_eq!(better(stick(), withdrawn()), withdrawn());
    }

    #[test]
    fn what_either_says_is_shown() {
        assert_eq!(better(nothing("a"), nothing("b")), nothing("b; a"));
        assert_eq!(better(failed("stick"), nothing("up to date")), nothing("up to date; stick"));
        assert_eq!(better(nothing("stick has none"), failed("no network")), failed("no network; stick has none"));
        assert_eq!(better(failed("stick"), failed("no network")), failed("no network; stick"));
    }
}

//! The repository, as far as its signatures go.

use std::fs;
use std::ops::{Deref, DerefMut};

use anyhow::{Context, bail};
use jiff::Timestamp;
use release_media::{Medium, MountedMedium};
use release_metadata::release::Release;
use release_metadata::stream::StreamName;
use release_source::location::Location;
use release_source::repository::{ReleaseSource, SourceSettings, TrustAnchor, TrustedRepository};
use update_engine::event::Problem;
use update_engine::offer::Offer;

use super::{Worker, problem};

/// Largest root of trust that an image may bring.
const MAXIMUM_ANCHOR: u64 = 1 << 20;

/// A repository whose metadata is current, and the medium that it is on, if it is on one.
pub struct OpenRepository {
    repository: TrustedRepository,
    medium: Option<MountedMedium>,
}

impl Deref for OpenRepository {
    type Target = TrustedRepository;

    fn deref(&self) -> &TrustedRepository {
        &self.repository
    }
}

impl DerefMut for OpenRepository {
    fn deref_mut(&mut self) -> &mut TrustedRepository {
        &mut self.repository
    }
}

impl OpenRepository {
    /// The medium's name.
    pub fn medium(&self) -> Option<&str> {
        self.medium.as_ref().map(MountedMedium::name)
    }

    /// What to say when reading ended because the medium was taken out.
    pub fn taken_out(&self, release: &Release) -> Option<Problem> {
        let medium = self.medium.as_ref().filter(|medium| medium.was_taken_out())?;
        let reason = format!(
            "the medium {} was taken out while release {} was read from it; put it back, and the update goes on",
            medium.name(),
            release.version
        );
        Some(Problem { reason })
    }

    /// A problem as people know the place: a medium has no path that they could look at.
    pub fn named(&self, problem: Problem) -> Problem {
        match &self.medium {
            Some(medium) => named(medium, problem),
            None => problem,
        }
    }
}

/// Asks the repository of the settings for its current metadata.
pub fn configured(worker: &Worker) -> anyhow::Result<OpenRepository> {
    let Some(address) = &worker.settings.settings.source.address else {
        bail!(
            "no repository is set, so there is nowhere to look; write `url` below [source] in a file of /etc/piccolo/updates.d"
        );
    };
    let location: Location = address.as_str().parse()?;
    Ok(OpenRepository { repository: refreshed(worker, &location)?, medium: None })
}

/// The media that releases may be taken from.
pub fn media(worker: &Worker) -> Vec<Medium> {
    if worker.settings.takes_media() { release_media::present(&worker.paths.media) } else { Vec::new() }
}

/// Mounts a medium, and reads the metadata that is on it.
pub fn on_medium(worker: &Worker, medium: &Medium) -> Result<OpenRepository, Problem> {
    let mounted = medium.mount().map_err(|error| problem(&error))?;
    match refreshed(worker, &Location::Directory(mounted.path().to_owned())) {
        Ok(repository) => Ok(OpenRepository { repository, medium: Some(mounted) }),
        Err(error) => {
            let Problem { reason } = named(&mounted, problem(error.as_ref()));
            Err(Problem { reason: format!("the medium {} is not used: {reason}", medium.name()) })
        }
    }
}

/// The repository that holds the release of an offer: a medium that is inserted, or else that of the settings.
pub fn holding(worker: &Worker, offer: &Offer) -> Result<OpenRepository, Problem> {
    let stream = stream(worker);
    let mut passed_by = Vec::new();
    for medium in media(worker) {
        match on_medium(worker, &medium) {
            Ok(mut found) => match found.release(&stream, offer.version, worker.device.architecture) {
                Ok(release) if release.root.root_hash == offer.root_hash => return Ok(found),
                Ok(_) => {}
                Err(error) => passed_by.push(found.named(problem(&error)).reason),
            },
            Err(problem) => passed_by.push(problem.reason),
        }
    }
    match &offer.medium {
        // Nobody but the medium has it.
        Some(medium) if worker.settings.settings.source.address.is_none() => {
            let missing = format!(
                "release {} was found on the medium {medium}, which is not there or cannot be used; put it back, or cancel the update",
                offer.version
            );
            Err(Problem { reason: std::iter::once(missing).chain(passed_by).collect::<Vec<_>>().join("; ") })
        }
        _ => configured(worker).map_err(|error| {
            let reasons = std::iter::once(problem(error.as_ref()).reason).chain(passed_by);
            Problem { reason: reasons.collect::<Vec<_>>().join("; ") }
        }),
    }
}

fn named(medium: &MountedMedium, problem: Problem) -> Problem {
    let shown = format!("medium {}: ", medium.name());
    let path = medium.path().display().to_string();
    Problem { reason: problem.reason.replace(&format!("{path}/"), &shown).replace(&path, &shown) }
}

fn refreshed(worker: &Worker, location: &Location) -> anyhow::Result<TrustedRepository> {
    let settings = SourceSettings { cancel: worker.cancel.clone(), ..SourceSettings::default() };
    let source = ReleaseSource::open(location, &settings)?;
    let anchor = TrustAnchor { root: anchor(worker)?, built: built() };
    Ok(source.refresh(&anchor, &worker.paths.state.join("trust"), Timestamp::now())?)
}

/// The stream that the device follows.
pub fn stream(worker: &Worker) -> StreamName {
    worker.settings.settings.source.stream.clone().unwrap_or_else(|| worker.device.stream.clone())
}

fn anchor(worker: &Worker) -> anyhow::Result<Vec<u8>> {
    let path = &worker.paths.trust_anchor;
    let size = fs::metadata(path).map(|metadata| metadata.len());
    let missing = || {
        format!(
            "this image trusts no repository: {} is missing; build it with the root.json of the repository (see \"Publish a release\")",
            path.display()
        )
    };
    let size = size.with_context(missing)?;
    if size > MAXIMUM_ANCHOR {
        bail!("{} is larger than {MAXIMUM_ANCHOR} bytes", path.display());
    }
    fs::read(path).with_context(missing)
}

/// Every file of an image carries the time of its build's inputs: it is later than that now.
fn built() -> Timestamp {
    let modified = fs::metadata("/usr/lib/os-release").and_then(|metadata| metadata.modified());
    modified.ok().and_then(|time| Timestamp::try_from(time).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

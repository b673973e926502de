//! The repository, as far as its signatures go.

use std::fs;

use anyhow::{Context, bail};
use jiff::Timestamp;
use release_metadata::stream::StreamName;
use release_source::location::Location;
use release_source::repository::{ReleaseSource, SourceSettings, TrustAnchor, TrustedRepository};

use super::Worker;

/// Largest root of trust that an image may bring.
const MAXIMUM_ANCHOR: u64 = 1 << 20;

/// Asks the repository of the settings for its current metadata.
pub fn refreshed(worker: &Worker) -> anyhow::Result<TrustedRepository> {
    let Some(address) = &worker.settings.settings.source.address else {
        bail!(
            "no repository is set, so there is nowhere to look; write `url` below [source] in a file of /etc/piccolo/updates.d"
        );
    };
    let location: Location = address.as_str().parse()?;
    let settings = SourceSettings { cancel: worker.cancel.clone(), ..SourceSettings::default() };
    let source = ReleaseSource::open(&location, &settings)?;
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

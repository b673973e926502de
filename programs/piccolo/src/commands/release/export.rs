//! `piccolo release export`.

use crate::failure::{Failure, FailureKind, OrFail};
use crate::release::place::{PlaceArgs, ROOT_FILE, failure, read_limited};
use crate::report::{Report, human_bytes};
use anyhow::anyhow;
use jiff::Timestamp;
use release_metadata::Architecture;
use release_metadata::release::Release;
use release_metadata::stream::StreamName;
use release_metadata::updates::Updates;
use release_metadata::version::Version;
use release_repository::export::{architectures, export};
use release_repository::repository::Repository;
use release_repository::storage::Watch;
use release_source::location::Location;
use release_source::repository::{ReleaseSource, SourceSettings, TrustAnchor};
use serde::Serialize;
use std::path::PathBuf;

/// Copy releases to a USB stick or directory, for devices without network
///
/// Copies the newest release of a stream that is not withdrawn, the barriers on the way to it, and all metadata that devices verify them with.
/// Afterwards the copy is read back and verified as a device would.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory; on a stick, one in its file system.
    directory: PathBuf,
    /// The stream.
    #[arg(long, short, value_name = "NAME", default_value = "stable")]
    stream: StreamName,
    /// Only for this architecture; may be given several times [default: all].
    #[arg(long, value_name = "NAME")]
    architecture: Vec<Architecture>,
    /// Exactly these releases; may be given several times.
    #[arg(long = "release", value_name = "VERSION")]
    releases: Vec<Version>,
}

#[derive(Debug, Serialize)]
struct Exported {
    directory: PathBuf,
    stream: StreamName,
    releases: Vec<String>,
    size: u64,
    valid_until: Timestamp,
    expires_first: String,
}

/// Exports.
pub fn run(place: &PlaceArgs, args: &Args, report: &Report) -> Result<(), Failure> {
    let repository = place.open_to_read()?;
    let updates = repository.updates(&args.stream).map_err(failure)?;
    let releases = chosen(&repository, &updates, args)?;
    {
        let phase = report.phase("Copying");
        let mut progress = |done, total| phase.bytes(done, total);
        let mut watch = Watch { progress: &mut progress, cancel: report.cancel() };
        export(&repository, &args.stream, &releases, &args.directory, &mut watch).map_err(failure)?;
    }
    let (valid_until, expires_first) = read_back(place, args, &releases, report)?;
    let name = |release: &Release| format!("{} for {}", release.version, release.architecture);
    let exported = Exported {
        directory: args.directory.clone(),
        stream: args.stream.clone(),
        releases: releases.iter().map(name).collect(),
        size: releases.iter().flat_map(Release::artifacts).map(|artifact| artifact.size).sum(),
        valid_until,
        expires_first,
    };
    report.result(&summary(&exported), &exported);
    Ok(())
}

fn chosen(repository: &Repository, updates: &Updates, args: &Args) -> Result<Vec<Release>, Failure> {
    let wanted = if args.architecture.is_empty() { architectures(updates) } else { args.architecture.clone() };
    let mut releases = Vec::new();
    for architecture in wanted {
        for version in versions(updates, architecture, &args.releases) {
            releases.extend(repository.release(&args.stream, version, architecture).map_err(failure)?);
        }
    }
    let none = || anyhow!("{} has no such release; piccolo release list shows those it has", args.stream);
    if releases.is_empty() { Err(none()).or_fail(FailureKind::Input) } else { Ok(releases) }
}

/// Those asked for, or else the newest one and the barriers before it.
fn versions(updates: &Updates, architecture: Architecture, asked: &[Version]) -> Vec<Version> {
    let here = updates.releases.iter().filter(|release| release.architectures.contains(&architecture));
    if !asked.is_empty() {
        return here.map(|release| release.version).filter(|version| asked.contains(version)).collect();
    }
    let offered: Vec<_> = here.filter(|release| release.withdrawn.is_none() && release.dead_end.is_none()).collect();
    let newest = offered.last().map(|release| release.version);
    let taken = offered.iter().filter(|release| release.barrier.is_some() || Some(release.version) == newest);
    taken.map(|release| release.version).collect()
}

/// As a device does it: from the root, with every file hashed.
fn read_back(
    place: &PlaceArgs,
    args: &Args,
    releases: &[Release],
    report: &Report,
) -> Result<(Timestamp, String), Failure> {
    let phase = report.phase("Verifying the copy");
    let root = read_limited(&place.first_keys()?.join(ROOT_FILE), 1 << 20).or_fail(FailureKind::Requirement)?;
    let anchor = TrustAnchor { root, built: Timestamp::UNIX_EPOCH };
    let absolute = std::path::absolute(&args.directory).or_fail(FailureKind::Requirement)?;
    let settings = SourceSettings { cancel: report.cancel().clone(), ..SourceSettings::default() };
    let verify = || -> anyhow::Result<(Timestamp, String)> {
        let source = ReleaseSource::open(&Location::Directory(absolute.clone()), &settings)?;
        let store = tempfile::tempdir()?;
        let mut copy = source.refresh(&anchor, store.path(), Timestamp::now())?;
        copy.updates(&args.stream)?;
        let total: u64 = releases.iter().flat_map(Release::artifacts).map(|artifact| artifact.size).sum();
        let (mut done, mut buffer) = (0, vec![0; 1 << 20]);
        for wanted in releases {
            let release = copy.release(&args.stream, wanted.version, wanted.architecture)?;
            for artifact in release.artifacts() {
                let mut reader = copy.artifact(&release, artifact).whole()?;
                loop {
                    if report.cancel().is_cancelled() {
                        anyhow::bail!("cancelled; the copy is there and was not verified");
                    }
                    match reader.read_some(&mut buffer)? {
                        0 => break,
                        count => done += count as u64,
                    }
                    phase.bytes(done, total);
                }
            }
        }
        Ok(copy.valid_until(&args.stream))
    };
    let kind = if report.cancel().is_cancelled() { FailureKind::Cancelled } else { FailureKind::Input };
    verify().or_fail(kind)
}

fn summary(exported: &Exported) -> String {
    format!(
        "{} holds {} {} ({})\n  valid until {} ({} expires first); refresh and export again before",
        exported.directory.display(),
        exported.stream,
        exported.releases.join(", "),
        human_bytes(exported.size),
        exported.valid_until,
        exported.expires_first
    )
}

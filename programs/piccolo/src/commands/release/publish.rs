//! `piccolo release publish`.

use crate::failure::{Failure, FailureKind, OrFail};
use crate::release::artifacts::{Making, Ways, make};
use crate::release::built::{self, Built};
use crate::release::place::{PlaceArgs, Written, failure};
use crate::release::rollout::RolloutArgs;
use crate::report::{Report, human_bytes};
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use recipe::Size;
use release_metadata::release::{self, Needs, Release};
use release_metadata::stream::StreamName;
use release_metadata::updates::{ReleaseEntry, Updates};
use release_repository::images::PATCH_SOURCES;
use release_repository::repository::Repository;
use release_repository::storage::Watch;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// Publish a build as a release
///
/// Takes what `piccolo build` wrote, verifies it, makes the files that devices download, and signs. Nobody is led to the release before it
/// has a rollout: give one here, or later with `piccolo release rollout`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory that the build was written to.
    directory: PathBuf,
    /// The build, where the directory holds several.
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// The stream [default: that of the recipe].
    #[arg(long, short, value_name = "NAME")]
    stream: Option<StreamName>,
    #[command(flatten)]
    rollout: RolloutArgs,
    /// Devices with less memory refuse the release.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    needs_memory: Option<Size>,
    /// Devices with a smaller data partition refuse the release.
    #[arg(long, value_name = "SIZE", value_parser = size)]
    needs_data: Option<Size>,
    /// From how many older releases devices get patches; 0 makes none.
    #[arg(long, default_value_t = PATCH_SOURCES, value_name = "NUMBER", value_parser = patch_sources)]
    patches: usize,
    /// Make no chunks. A device that no patch leads from, or whose running system is damaged, then downloads the whole image.
    #[arg(long)]
    no_chunks: bool,
    /// How hard to compress; 19 makes the smallest files.
    #[arg(long, default_value_t = 19, value_parser = clap::value_parser!(i32).range(1..=19))]
    level: i32,
}

#[derive(Debug, Serialize)]
struct Published {
    stream: StreamName,
    version: String,
    architecture: String,
    root_hash: String,
    files: usize,
    size: u64,
    rollout: bool,
    #[serde(flatten)]
    written: Written,
}

/// Publishes.
pub fn run(place: &PlaceArgs, args: &Args, report: &Report) -> Result<(), Failure> {
    let repository = place.open()?;
    let keys = place.read_keys()?;
    let mut built = built::read(&args.directory, args.name.as_deref(), report)?;
    let stream = match &args.stream {
        Some(stream) => stream.clone(),
        None => built.manifest.stream.parse().or_fail(FailureKind::Input)?,
    };
    let mut updates = repository.updates(&stream).map_err(failure)?;
    check_new(&repository, &stream, &built)?;

    let files = staging(&args.directory).or_fail(FailureKind::Requirement)?;
    let ways = make(&mut Making {
        built: &mut built,
        directory: files.path(),
        repository: &repository,
        updates: &updates,
        patches: args.patches,
        chunks: !args.no_chunks,
        level: args.level,
        report,
    })?;
    let now = whole_seconds(Timestamp::now());
    let release = describe(&built, &stream, ways, args, now)?;
    // Wrong is found here, and not when half of it is public.
    let text = release.to_json().or_fail(FailureKind::Internal)?;
    upload(&repository, &release, files.path(), report)?;

    add(&mut updates, &release, args, now);
    let mut edit = repository.edit();
    edit.set_release(&release).map_err(failure)?;
    edit.set_updates(&updates).map_err(failure)?;
    let written = place.commit(&repository, edit, &keys)?;
    let entry = updates.release(release.version);
    let published = Published {
        version: release.version.to_string(),
        architecture: release.architecture.to_string(),
        root_hash: release.root.root_hash.to_string(),
        files: release.artifacts().count(),
        size: release.artifacts().map(|artifact| artifact.size).sum::<u64>() + text.len() as u64,
        rollout: entry.is_some_and(|entry| entry.rollout.is_some()),
        stream,
        written,
    };
    report.result(&summary(&published), &published);
    Ok(())
}

fn check_new(repository: &Repository, stream: &StreamName, built: &Built) -> Result<(), Failure> {
    let public = repository.release(stream, built.version, built.architecture).map_err(failure)?;
    match public {
        None => Ok(()),
        Some(release) => Err(Failure::new(
            FailureKind::Input,
            anyhow!(
                "{stream} has release {} for {} already (root hash {}); build with a higher version",
                release.version,
                release.architecture,
                release.root.root_hash
            ),
        )),
    }
}

/// Beside the build: it is as large as the images, which a directory in memory may not hold.
fn staging(directory: &Path) -> anyhow::Result<tempfile::TempDir> {
    tempfile::Builder::new()
        .prefix(".release-")
        .tempdir_in(directory)
        .with_context(|| format!("making a directory in {}", directory.display()))
}

fn describe(built: &Built, stream: &StreamName, ways: Ways, args: &Args, now: Timestamp) -> Result<Release, Failure> {
    let bytes = |size: &Option<Size>| size.as_ref().map_or(0, |size| size.bytes());
    Ok(Release {
        format: release::FORMAT,
        stream: stream.clone(),
        version: built.version,
        architecture: built.architecture,
        date: now,
        root: built.root.clone(),
        uki: built.uki.clone(),
        measurements: built.manifest.measurements.clone(),
        needs: Needs { memory: bytes(&args.needs_memory), data: bytes(&args.needs_data) },
        full: ways.full.ok_or_else(|| anyhow!("no maker made the full images")).or_fail(FailureKind::Internal)?,
        patches: ways.patches,
        chunks: ways.chunks,
        sbom: None,
        provenance: None,
    })
}

fn upload(repository: &Repository, release: &Release, files: &Path, report: &Report) -> Result<(), Failure> {
    let phase = report.phase("Writing the files");
    let total: u64 = release.artifacts().map(|artifact| artifact.size).sum();
    let mut before = 0;
    for artifact in release.artifacts() {
        let mut progress = |done, _| phase.bytes(before + done, total);
        let mut watch = Watch { progress: &mut progress, cancel: report.cancel() };
        let from = files.join(artifact.path.as_str());
        repository.put_artifact(release, artifact, &from, &mut watch).map_err(failure)?;
        before += artifact.size;
    }
    Ok(())
}

fn add(updates: &mut Updates, release: &Release, args: &Args, now: Timestamp) {
    updates.updated = now;
    let rollout = args.rollout.rollout(now);
    match updates.releases.binary_search_by_key(&release.version, |entry| entry.version) {
        Ok(index) => {
            let entry = &mut updates.releases[index];
            entry.architectures.push(release.architecture);
            entry.architectures.sort();
            entry.architectures.dedup();
            entry.rollout = rollout.or(entry.rollout.take());
        }
        Err(index) => updates.releases.insert(
            index,
            ReleaseEntry {
                version: release.version,
                date: now,
                architectures: vec![release.architecture],
                rollout,
                barrier: None,
                dead_end: None,
                withdrawn: None,
            },
        ),
    }
}

fn summary(published: &Published) -> String {
    let Published { stream, version, architecture, .. } = published;
    let next = if published.rollout {
        String::new()
    } else {
        format!(
            "\nNobody is led to it yet: piccolo release rollout {version} --stream {stream} --share 5% --duration 48h"
        )
    };
    format!(
        "published {stream} {version} for {architecture}\n  root hash  {}\n  files      {}, {}\n{}{next}",
        published.root_hash,
        published.files,
        human_bytes(published.size),
        published.written.summary()
    )
}

fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

fn patch_sources(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number <= PATCH_SOURCES);
    number.ok_or_else(|| format!("`{text}` is not a number from 0 to {PATCH_SOURCES}"))
}

fn size(text: &str) -> Result<Size, String> {
    Size::new(text).map_err(|problem| format!("`{text}` {problem}"))
}

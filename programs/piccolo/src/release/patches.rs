//! Patches from older releases.

use super::artifacts::{Making, Ways};
use super::place::failure;
use super::readers::{Part, Whole};
use crate::failure::{Failure, FailureKind, OrFail};
use anyhow::{Context, anyhow};
use image_patch::format::Header;
use image_patch::make::{Cache, Input, MakeError, Watch, make_with_cache};
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::path::{self, ArtifactPath};
use release_metadata::release::{Patch, PatchSource, Release, UkiFromRoot};
use release_repository::images::{Images, fetch, patch_sources};
use release_repository::storage;
use sha2::{Digest, Sha256};
use std::fs;
use verity_tree::digest::Salt;

/// What applying takes: a frame's buffers and its code.
const APPLYING_MEMORY: u64 = 32 << 20;

/// Makes a patch from each of the last releases.
pub fn patches(making: &mut Making<'_>, ways: &mut Ways) -> Result<(), Failure> {
    let stream = &making.updates.stream;
    let (version, architecture) = (making.built.version, making.built.architecture);
    let sources = patch_sources(making.updates, version, architecture);
    let old_images =
        tempfile::tempdir_in(making.directory).context("making a directory").or_fail(FailureKind::Requirement)?;
    // Older releases have most of what changed in the new one in common.
    let cache = Cache::new();
    for source in sources.into_iter().take(making.patches) {
        let Some(old) = making.repository.release(stream, source, architecture).map_err(failure)? else { continue };
        let images = {
            let phase = making.report.phase(&format!("Unpacking release {source}"));
            let mut progress = |done, total| phase.bytes(done, total);
            let mut watch = storage::Watch { progress: &mut progress, cancel: making.report.cancel() };
            fetch(making.repository, &old, old_images.path(), &mut watch).map_err(failure)?
        };
        ways.patches.push(patch(making, &old, &images, &cache)?);
        // Eight root images at once would need as much space again as a repository.
        for path in [&images.root, &images.uki] {
            fs::remove_file(path).with_context(|| path.display().to_string()).or_fail(FailureKind::Requirement)?;
        }
    }
    ways.patches.sort_by(|one, other| (one.from.version, &one.file.path).cmp(&(other.from.version, &other.file.path)));
    Ok(())
}

/// Makes the UKI from the release's own root image, where that is smaller than the UKI compressed.
pub fn uki_from_root(making: &mut Making<'_>, ways: &mut Ways) -> Result<(), Failure> {
    let Some(full) = &mut ways.full else { return Ok(()) };
    let built = &making.built;
    let root = Part { window: built.root_partition.clone(), length: built.root.size };
    let no_salt = Salt::new([]).or_fail(FailureKind::Internal)?;
    let input = Input { sources: &[&root], output: &built.uki_bytes, salt: &no_salt };
    let made = one(making, "Making the UKI from the root image", &input, &Cache::new())?;
    if (made.bytes.len() as u64) < full.uki.size {
        let name = path::UKI_FROM_ROOT.parse().or_fail(FailureKind::Internal)?;
        full.uki_from_root = Some(UkiFromRoot { file: write(making, name, &made.bytes)?, header: made.header });
    }
    Ok(())
}

/// Writes a file of the release.
fn write(making: &Making<'_>, path: ArtifactPath, bytes: &[u8]) -> Result<Artifact, Failure> {
    let to = making.directory.join(path.as_str());
    fs::write(&to, bytes).with_context(|| format!("writing {}", to.display())).or_fail(FailureKind::Requirement)?;
    Ok(Artifact { path, size: bytes.len() as u64, sha256: Sha256Digest(Sha256::digest(bytes).into()) })
}

fn patch(making: &Making<'_>, old: &Release, images: &Images, cache: &Cache) -> Result<Patch, Failure> {
    let built = &making.built;
    let salt = Salt::new(built.root.verity.salt.bytes()).or_fail(FailureKind::Internal)?;
    let new_root = Part { window: built.root_partition.clone(), length: built.root.size };
    let [old_root, old_uki] = [Whole::open(&images.root)?, Whole::open(&images.uki)?];
    let title = format!("Making the patch from {}", old.version);
    let root = one(making, &title, &Input { sources: &[&old_root], output: &new_root, salt: &salt }, cache)?;
    let no_salt = Salt::new([]).or_fail(FailureKind::Internal)?;
    let title = format!("Making the patch of the UKI from {}", old.version);
    let uki = one(
        making,
        &title,
        &Input { sources: &[&new_root, &old_uki], output: &built.uki_bytes, salt: &no_salt },
        cache,
    )?;

    let bytes = [root.bytes.as_slice(), uki.bytes.as_slice()].concat();
    Ok(Patch {
        from: PatchSource { version: old.version, root_hash: old.root.root_hash, uki_sha256: old.uki.sha256 },
        file: write(making, path::patch(old.version), &bytes)?,
        root_size: root.bytes.len() as u64,
        uki_size: uki.bytes.len() as u64,
        root_header: root.header,
        uki_header: uki.header,
        memory: APPLYING_MEMORY,
        features: Vec::new(),
    })
}

struct Made {
    bytes: Vec<u8>,
    header: Sha256Digest,
}

fn one(making: &Making<'_>, title: &str, input: &Input<'_>, cache: &Cache) -> Result<Made, Failure> {
    let phase = making.report.phase(title);
    // The report is told from one thread at a time.
    let told = std::sync::Mutex::new(());
    let progress = |done, total| {
        let _one_at_a_time = told.lock();
        phase.bytes(done, total);
    };
    let flag = making.report.cancel().flag();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let made = make_with_cache(input, &Watch { progress: &progress, cancelled: &flag, threads }, cache);
    let bytes = made.map_err(|error| match error {
        MakeError::Cancelled => Failure::new(FailureKind::Cancelled, anyhow!(error)),
        other => Failure::new(FailureKind::Input, anyhow!(other)),
    })?;
    let length = Header::length(&bytes).or_fail(FailureKind::Internal)?;
    let header = Sha256Digest(Sha256::digest(&bytes[..length]).into());
    Ok(Made { bytes, header })
}

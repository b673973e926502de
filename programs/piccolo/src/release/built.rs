//! What `piccolo build` wrote, checked before it becomes a release.

use super::place::read_limited;
use crate::build::manifest::Manifest;
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Phase, Report};
use anyhow::{Context, anyhow, bail};
use disk_layout::root_hash::RootHash;
use disk_layout::slot::{PartitionRole, SlotName};
use image_files::disk::{ExistingDisk, Window};
use image_files::verity::verify;
use release_metadata::Architecture;
use release_metadata::digest::{Sha256Digest, VeritySalt};
use release_metadata::release::{RootImage, UkiImage, Verity};
use release_metadata::version::Version;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Largest description read, in bytes.
const MAXIMUM_MANIFEST: u64 = 16 << 20;
/// Largest UKI that is published, in bytes: the ESP has to hold several.
const MAXIMUM_UKI: u64 = 1 << 30;

/// A build that is fit to be a release.
#[derive(Debug)]
pub struct Built {
    /// Its description.
    pub manifest: Manifest,
    /// Version of the release.
    pub version: Version,
    /// Its architecture.
    pub architecture: Architecture,
    /// The partition that the root image begins.
    pub root_partition: Window,
    /// The root image. Its hash is not known yet and all zeros.
    pub root: RootImage,
    /// The bytes of the UKI.
    pub uki_bytes: Vec<u8>,
    /// The UKI.
    pub uki: UkiImage,
}

/// Reads what a build wrote, and hashes the root image: what does not verify here would not boot anywhere.
pub fn read(directory: &Path, name: Option<&str>, report: &Report) -> Result<Built, Failure> {
    let manifest = manifest(directory, name).or_fail(FailureKind::Input)?;
    let phase = report.phase("Verifying the image");
    let built = checked(directory, manifest, report, &phase);
    drop(phase);
    super::place::check_cancelled(report.cancel())?;
    built.or_fail(FailureKind::Input)
}

fn checked(directory: &Path, manifest: Manifest, report: &Report, phase: &Phase<'_>) -> anyhow::Result<Built> {
    let version: Version = manifest.version.parse()?;
    let architecture: Architecture = manifest.architecture.parse()?;
    let root_hash: RootHash = manifest.root.hash.parse().context("the root hash of the description")?;
    let disk = ExistingDisk::open(&directory.join(&manifest.disk.file), None)?;
    let part = |role: PartitionRole| {
        disk.window_of_role(role).ok_or_else(|| anyhow!("{} has no partition {role}", manifest.disk.file))
    };
    let root_partition = part(PartitionRole::Root(SlotName::A))?;
    let mut hashes = Vec::new();
    part(PartitionRole::Verity(SlotName::A))?.take(manifest.root.verity_size).read_to_end(&mut hashes)?;
    let data = Watched {
        inner: root_partition.clone().take(manifest.root.size),
        done: 0,
        total: manifest.root.size,
        report,
        phase,
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let superblock = verify(data, &hashes, root_hash, threads)
        .with_context(|| format!("the root image in {} is not what {} describes", manifest.disk.file, manifest.name))?;
    let uki_bytes = read_limited(&directory.join(&manifest.uki.file), MAXIMUM_UKI)
        .with_context(|| format!("reading {}", manifest.uki.file))?;
    let uki_hash = Sha256Digest(Sha256::digest(&uki_bytes).into());
    if manifest.uki.sha256.as_deref() != Some(uki_hash.to_string().as_str()) {
        bail!("{} is not the file that was built; build again", manifest.uki.file);
    }
    let names_root = format!("roothash={root_hash}");
    if !uki_bytes.windows(names_root.len()).any(|window| window == names_root.as_bytes()) {
        bail!("{} does not name the root hash {root_hash}; build again", manifest.uki.file);
    }
    Ok(Built {
        version,
        architecture,
        root: RootImage {
            root_hash,
            size: manifest.root.size,
            sha256: Sha256Digest([0; 32]),
            verity: Verity {
                size: manifest.root.verity_size,
                salt: VeritySalt::new(superblock.salt.bytes().to_vec())?,
                uuid: Uuid::from_bytes(superblock.uuid),
            },
        },
        uki: UkiImage { file_name: format!("piccolo_{version}.efi"), size: uki_bytes.len() as u64, sha256: uki_hash },
        root_partition,
        uki_bytes,
        manifest,
    })
}

fn manifest(directory: &Path, name: Option<&str>) -> anyhow::Result<Manifest> {
    let path = match name {
        Some(name) => directory.join(format!("{name}.json")),
        None => only_description(directory)?,
    };
    let bytes = read_limited(&path, MAXIMUM_MANIFEST).with_context(|| format!("reading {}", path.display()))?;
    serde_json::from_slice(&bytes)
        .with_context(|| format!("{} does not describe a build; piccolo build writes one", path.display()))
}

fn only_description(directory: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(directory).with_context(|| format!("reading {}", directory.display()))?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "json"))
        .collect();
    found.sort();
    match found.len() {
        1 => Ok(found.remove(0)),
        0 => bail!("{} holds no build; name the directory that piccolo build wrote to", directory.display()),
        count => bail!("{} holds {count} builds; say which with --name", directory.display()),
    }
}

/// Tells how far reading is, and ends it when it was cancelled.
struct Watched<'a, R> {
    inner: R,
    done: u64,
    total: u64,
    report: &'a Report,
    phase: &'a Phase<'a>,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.report.cancel().is_cancelled() {
            return Err(io::Error::other("cancelled"));
        }
        let count = self.inner.read(buffer)?;
        self.done += count as u64;
        self.phase.bytes(self.done.min(self.total), self.total);
        Ok(count)
    }
}

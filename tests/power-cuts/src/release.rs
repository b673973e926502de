//! What a whole release is on a disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use device_facts::text::command_line::root_hash;
use disk_layout::gpt::{self, SectorSize};
use disk_layout::root_hash::{RootHash, RootHashError};
use disk_layout::slot::{PartitionRole, SlotName};
use serde_json::Value;
use thiserror::Error;
use unified_kernel_image::PeImage;

use crate::SECTOR;
use crate::boot_rule::{LOADER, LOADER_CONFIGURATION};
use crate::contents::{Content, Contents};
use crate::disk::Disk;
use crate::fat::{FatError, FatVolume};

/// A release, as it is on a disk where it is whole.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its version.
    pub version: String,
    /// What its UKI looks for its slot by.
    pub root_hash: RootHash,
    /// The root image.
    pub root: Vec<Content>,
    /// The superblock and hash tree of dm-verity.
    pub verity: Vec<Content>,
    /// The UKI.
    pub uki: Vec<Content>,
    /// The boot loader that was shipped with it.
    pub loader: Vec<Content>,
    /// The settings of the boot loader that were shipped with it.
    pub loader_configuration: Vec<Content>,
}

/// A build is not what a build is.
#[derive(Debug, Error)]
pub enum ReleaseError {
    /// A file could not be read.
    #[error("{} could not be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The disk image has no partition table.
    #[error("the disk image of the build has no partition table")]
    Table(#[from] gpt::ReadError),
    /// The ESP of the disk image cannot be read.
    #[error("the EFI system partition of the build cannot be read")]
    Esp(#[from] FatError),
    /// The manifest has no root hash.
    #[error("the manifest of the build has no root hash")]
    RootHash(#[from] RootHashError),
    /// Something is missing or contradicts something else.
    #[error("the build in {} is not one: {what}", directory.display())]
    Unusable {
        /// Its directory.
        directory: PathBuf,
        /// What is wrong.
        what: &'static str,
    },
}

impl Release {
    /// The release that was built into a directory.
    ///
    /// # Errors
    /// When it is none.
    pub fn of_build(contents: &mut Contents, directory: &Path) -> Result<Self, ReleaseError> {
        let file = |path: PathBuf| File::open(&path).map_err(|source| ReleaseError::File { path, source });
        let bytes = |path: PathBuf| fs::read(&path).map_err(|source| ReleaseError::File { path, source });
        let read_error = |path: &str| {
            let path = directory.join(path);
            move |source| ReleaseError::File { path, source }
        };
        let unusable = |what| ReleaseError::Unusable { directory: directory.to_owned(), what };

        let manifest: Value = serde_json::from_slice(&bytes(directory.join("piccolo.json"))?).unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let [root_size, verity_size] = ["size", "verity_size"].map(|size| manifest["root"][size].as_u64().unwrap_or(0));
        let root_hash_of_root: RootHash = text(&manifest["root"]["hash"]).parse()?;

        let uki_bytes = bytes(directory.join("piccolo.efi"))?;
        let image = PeImage::parse(&uki_bytes).map_err(|_| unusable("the UKI is no PE file"))?;
        let command_line = image.section(".cmdline").map(|section| image.content(section)).unwrap_or_default();
        let command_line = String::from_utf8_lossy(command_line);
        if root_hash(command_line.trim_end_matches('\0')) != Some(root_hash_of_root.to_string()) {
            return Err(unusable("the UKI asks for another root hash"));
        }
        let uki_size = uki_bytes.len() as u64;
        if [root_size, verity_size, uki_size].into_iter().any(|size| size == 0 || size % SECTOR != 0) {
            return Err(unusable("its parts are not whole sectors"));
        }
        let uki_source = contents.add_source(file(directory.join("piccolo.efi"))?);
        let uki = contents.number(uki_source, 0, uki_size / SECTOR).map_err(read_error("piccolo.efi"))?;

        let source = contents.add_source(file(directory.join("piccolo.raw"))?);
        let sectors = contents.length(source).map_err(read_error("piccolo.raw"))? / SECTOR;
        let disk = Disk::beginning_like(contents, source, sectors).map_err(read_error("piccolo.raw"))?;
        let table = gpt::read(&mut disk.reader(contents), Some(SectorSize::Bytes512))?.table;
        let partition = |role: PartitionRole| {
            let found = table.by_label(role.label()).ok_or_else(|| unusable("a partition is missing"))?;
            Ok::<_, ReleaseError>(found.first_lba..found.last_lba + 1)
        };
        let part = |role, size: u64| {
            let range = partition(role)?;
            Ok::<_, ReleaseError>(disk.sectors(range.start..range.end.min(range.start + size / SECTOR)).to_vec())
        };
        let esp = FatVolume::open(&disk, contents, partition(PartitionRole::Esp)?)?;
        Ok(Self {
            version: text(&manifest["version"]),
            root_hash: root_hash_of_root,
            root: part(PartitionRole::Root(SlotName::A), root_size)?,
            verity: part(PartitionRole::Verity(SlotName::A), verity_size)?,
            uki,
            loader: esp.content(&esp.file(LOADER)?)?,
            loader_configuration: esp.content(&esp.file(LOADER_CONFIGURATION)?)?,
        })
    }
}

//! `release.json`: what a release is made of for one architecture, and the ways to get it.

mod check;

use disk_layout::partition_type::Architecture;
use disk_layout::root_hash::RootHash;
use jiff::Timestamp;
use measured_boot::BootPrediction;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::artifact::Artifact;
use crate::digest::{Sha256Digest, VeritySalt};
use crate::document::{self, DocumentError};
use crate::path;
use crate::stream::StreamName;
use crate::version::Version;

/// The format written, and the only one read.
pub const FORMAT: u32 = 1;
/// Largest document read, in bytes.
pub const MAXIMUM_BYTES: usize = 4 << 20;
/// Most patches of a release.
pub const MAXIMUM_PATCHES: usize = 64;
/// Most pack files, and most differences of the chunk index.
pub const MAXIMUM_CHUNK_FILES: usize = 4096;
/// Largest size anywhere, in bytes: what every reader of JSON can hold (2⁵³ − 1).
pub const MAXIMUM_SIZE: u64 = (1 << 53) - 1;

const DOCUMENT: &str = path::RELEASE;

/// A release for one architecture. All sizes are in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Release {
    /// [`FORMAT`].
    pub format: u32,
    /// The stream.
    pub stream: StreamName,
    /// The version.
    pub version: Version,
    /// The architecture.
    pub architecture: Architecture,
    /// When it was published.
    pub date: Timestamp,
    /// The root file system that results.
    pub root: RootImage,
    /// The unified kernel image that results.
    pub uki: UkiImage,
    /// What booting it measures into PCR 11: per profile of the UKI, per phase of the boot, per bank.
    pub measurements: BootPrediction,
    /// What a device must have for it.
    pub needs: Needs,
    /// Both images whole.
    pub full: FullImages,
    /// Ways from other releases, by the version and the name of the file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
    /// The way from any release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chunks: Option<Chunks>,
    /// The bill of materials (SPDX or CycloneDX, by the name of the file).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sbom: Option<Artifact>,
    /// Where it was built from what (in-toto attestation with SLSA provenance).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Artifact>,
}

/// The root file system as it lies in a slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootImage {
    /// Root hash of its dm-verity tree; the UKI's command line holds it, and the slot's partition UUIDs follow from it.
    pub root_hash: RootHash,
    /// Size of the root image, a multiple of 4096.
    pub size: u64,
    /// SHA-256 of the root image.
    pub sha256: Sha256Digest,
    /// The hash tree, which the device computes.
    pub verity: Verity,
}

/// What the hash tree is computed with, besides the root image: SHA-256 and blocks of 4096 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verity {
    /// Size of the verity data with its superblock, a multiple of 4096.
    pub size: u64,
    /// Salt of the hashes.
    pub salt: VeritySalt,
    /// UUID in the superblock.
    pub uuid: Uuid,
}

/// The unified kernel image as it lies in the ESP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UkiImage {
    /// Its name in the ESP without a boot counter: `piccolo_1.4.0.efi`.
    pub file_name: String,
    /// Its size.
    pub size: u64,
    /// SHA-256 of the file.
    pub sha256: Sha256Digest,
}

/// What a device must have, so that a release that cannot work there is refused before anything is downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Needs {
    /// Memory of the machine; 0 if it does not matter.
    pub memory: u64,
    /// Size of the data partition; 0 if it does not matter.
    pub data: u64,
}

/// Both images whole, compressed with zstd.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FullImages {
    /// The root image: `root.zst`.
    pub root: Artifact,
    /// The UKI: `uki.zst`.
    pub uki: Artifact,
    /// The UKI again, by what the root image does not have of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uki_from_root: Option<UkiFromRoot>,
}

/// The UKI as a patch whose only source is the root image of the same release: kernel and initrd are cut from that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UkiFromRoot {
    /// The file: `uki-from-root.patch`.
    pub file: Artifact,
    /// SHA-256 of the patch's header.
    pub header: Sha256Digest,
}

/// A way from one other release, in one file with a part for each image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// The release it starts from.
    pub from: PatchSource,
    /// The file: `from-1.3.0.patch`.
    pub file: Artifact,
    /// How much of the file is about the root image.
    pub root_size: u64,
    /// How much of the file is about the UKI; it comes behind the part about the root image.
    pub uki_size: u64,
    /// SHA-256 of the header of the first part (see `docs/reference/patch-format.md`): the header has the hashes of all else.
    pub root_header: Sha256Digest,
    /// SHA-256 of the header of the second part.
    pub uki_header: Sha256Digest,
    /// Most memory that applying it takes.
    pub memory: u64,
    /// What a device must be able to do to apply it, beyond the first version of the patch format. A device leaves out a
    /// patch that names something it does not know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub features: Vec<String>,
}

/// What must be in the active slot for a patch to apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchSource {
    /// Version of the release, for people. What counts are the hashes.
    pub version: Version,
    /// Root hash of its root image.
    pub root_hash: RootHash,
    /// SHA-256 of its UKI.
    pub uki_sha256: Sha256Digest,
}

/// The root image in content-defined chunks, which serves any starting point.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunks {
    /// Which chunks make the image and where they lie: `chunks.idx`.
    pub index: Artifact,
    /// The index again, as differences to the index of other releases.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub index_differences: Vec<IndexDifference>,
    /// The files that hold the chunks, in the order that the index numbers them.
    pub packs: Vec<Artifact>,
    /// Most memory that building the image from chunks takes.
    pub memory: u64,
}

/// The chunk index as a difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDifference {
    /// The release whose index it starts from.
    pub from: Version,
    /// SHA-256 of the index it starts from.
    pub from_sha256: Sha256Digest,
    /// The file.
    pub file: Artifact,
}

impl Release {
    /// Reads `release.json`.
    ///
    /// # Errors
    /// The first thing that is wrong: its size, its format number, its syntax, its limits, or two statements that contradict each other.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        let release: Self = document::read(DOCUMENT, FORMAT, MAXIMUM_BYTES, text)?;
        release.check()?;
        Ok(release)
    }

    /// Writes it. Equal values give equal bytes, and reading them gives an equal value.
    ///
    /// # Errors
    /// When [`Self::parse`] would refuse it.
    pub fn to_json(&self) -> Result<String, DocumentError> {
        self.check()?;
        let text = document::write(self);
        if text.len() > MAXIMUM_BYTES {
            return Err(DocumentError::TooLarge { document: DOCUMENT, limit: MAXIMUM_BYTES });
        }
        Ok(text)
    }

    /// Every file of the release in the repository, each once.
    pub fn artifacts(&self) -> impl Iterator<Item = &Artifact> {
        let chunks = self.chunks.iter().flat_map(|chunks| {
            let differences = chunks.index_differences.iter().map(|difference| &difference.file);
            std::iter::once(&chunks.index).chain(differences).chain(&chunks.packs)
        });
        [&self.full.root, &self.full.uki]
            .into_iter()
            .chain(self.full.uki_from_root.as_ref().map(|patch| &patch.file))
            .chain(self.patches.iter().map(|patch| &patch.file))
            .chain(chunks)
            .chain(&self.sbom)
            .chain(&self.provenance)
    }

    /// Bytes to download for the UKI where the root image is there and the running UKI is of no use.
    #[must_use]
    pub fn uki_download(&self) -> u64 {
        let whole = self.full.uki.size;
        self.full.uki_from_root.as_ref().map_or(whole, |patch| patch.file.size.min(whole))
    }

    /// The patches that apply to what is in a slot.
    pub fn patches_from(&self, root_hash: RootHash) -> impl Iterator<Item = &Patch> {
        self.patches.iter().filter(move |patch| patch.from.root_hash == root_hash)
    }

    fn check(&self) -> Result<(), DocumentError> {
        check::problem(self).map_or(Ok(()), |problem| Err(DocumentError::Content { document: DOCUMENT, problem }))
    }
}

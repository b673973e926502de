//! Images of releases that are public: what patches start from.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use release_metadata::Architecture;
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::release::Release;
use release_metadata::updates::Updates;
use release_metadata::version::Version;
use sha2::{Digest, Sha256};

use crate::repository::{Repository, RepositoryError, artifact_name};
use crate::storage::{StorageError, Watch};

/// From how many releases back patches are made.
pub const PATCH_SOURCES: usize = 8;

/// The releases that a new one gets patches from: the last [`PATCH_SOURCES`] older ones for its architecture that devices still run, the
/// newest first.
#[must_use]
pub fn patch_sources(updates: &Updates, new: Version, architecture: Architecture) -> Vec<Version> {
    let older = updates.releases.iter().rev().filter(|release| release.version < new);
    let here = older.filter(|release| release.architectures.contains(&architecture) && release.dead_end.is_none());
    here.take(PATCH_SOURCES).map(|release| release.version).collect()
}

/// The images of a release as they lie in a slot and in the ESP.
#[derive(Debug)]
pub struct Images {
    /// The root image.
    pub root: PathBuf,
    /// The UKI.
    pub uki: PathBuf,
}

/// Fetches the images of a release into a directory, verified. Those that are there already are only verified.
///
/// # Errors
/// When a file is missing or damaged, or the directory cannot be written.
pub fn fetch(
    repository: &Repository,
    release: &Release,
    directory: &Path,
    watch: &mut Watch<'_>,
) -> Result<Images, RepositoryError> {
    let name = |ending: &str| directory.join(format!("{}-{}.{ending}", release.version, release.architecture));
    let (root, uki) = (name("root"), name("efi"));
    let parts = [
        (&release.full.root, &root, release.root.size, release.root.sha256),
        (&release.full.uki, &uki, release.uki.size, release.uki.sha256),
    ];
    for (artifact, path, size, sha256) in parts {
        let kept = File::open(path).is_ok_and(|file| file.metadata().is_ok_and(|metadata| metadata.len() == size));
        if !kept {
            decompress(repository, release, artifact, path, size, sha256, watch)?;
        }
    }
    Ok(Images { root, uki })
}

fn decompress(
    repository: &Repository,
    release: &Release,
    artifact: &Artifact,
    path: &Path,
    size: u64,
    sha256: Sha256Digest,
    watch: &mut Watch<'_>,
) -> Result<(), RepositoryError> {
    let name = artifact_name(release, artifact);
    let fault = |source: io::Error| StorageError::File { action: "unpacking", path: name.clone(), source };
    let compressed = repository.artifact(release, artifact)?;
    let mut decoder = zstd::Decoder::new(compressed).map_err(fault)?;
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut unfinished = tempfile::NamedTempFile::new_in(directory).map_err(fault)?;
    let (mut hash, mut done, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        if watch.cancel.is_cancelled() {
            return Err(StorageError::Cancelled { name: name.clone() }.into());
        }
        let count = decoder.read(&mut buffer).map_err(fault)?;
        done += count as u64;
        if count == 0 || done > size {
            break;
        }
        hash.update(&buffer[..count]);
        unfinished.write_all(&buffer[..count]).map_err(fault)?;
        (watch.progress)(done, size);
    }
    if done != size || hash.finalize().as_slice() != sha256.0 {
        return Err(RepositoryError::Damaged { name });
    }
    unfinished.persist(path).map(|_| ()).map_err(|error| fault(error.error).into())
}

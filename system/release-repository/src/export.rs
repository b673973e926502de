//! A part of a repository that stands on its own: one stream, some releases, with all metadata that a device wants to see.

use std::path::Path;

use release_metadata::release::Release;
use release_metadata::stream::StreamName;
use release_metadata::{Architecture, path};

use crate::directory::Directory;
use crate::repository::{Repository, RepositoryError, artifact_name, copy_verified};
use crate::storage::{Storage, StorageError, Watch, When};

/// Largest signed document, in bytes.
const MAXIMUM_DOCUMENT: u64 = 8 << 20;

/// Copies releases of a stream into a directory. What is there already and has the right size and hash is not copied again; the timestamp
/// comes last, so that a stick that is pulled out early still holds what it held before.
///
/// # Errors
/// When a file is missing or damaged, or the directory cannot be written.
pub fn export(
    repository: &Repository,
    stream: &StreamName,
    releases: &[Release],
    to: &Path,
    watch: &mut Watch<'_>,
) -> Result<(), RepositoryError> {
    let target = Directory::open(to)?;
    let total: u64 = releases.iter().flat_map(Release::artifacts).map(|artifact| artifact.size).sum();
    let mut before = 0;
    for release in releases {
        for artifact in release.artifacts() {
            let name = artifact_name(release, artifact);
            let mut progress = |done, _| (watch.progress)(before + done, total);
            let mut inner = Watch { progress: &mut progress, cancel: watch.cancel };
            if !is_there(&target, &name, artifact, &mut inner)? {
                copy(repository, &target, to, release, artifact, &mut inner)?;
            }
            before += artifact.size;
        }
    }
    let mut documents = vec![format!("{stream}/{}", path::UPDATES)];
    let of = |release: &Release| format!("{stream}/{}", path::release(release.version, release.architecture));
    documents.extend(releases.iter().map(of));
    for name in repository.reading_list(stream, &documents)? {
        let damaged = || RepositoryError::Damaged { name: name.clone() };
        let (bytes, _) = repository.storage().read(&name, MAXIMUM_DOCUMENT)?.ok_or_else(damaged)?;
        target.put(&name, &bytes, When::Always)?;
    }
    Ok(())
}

fn is_there(
    target: &Directory,
    name: &str,
    artifact: &release_metadata::artifact::Artifact,
    watch: &mut Watch<'_>,
) -> Result<bool, RepositoryError> {
    match target.open(name)? {
        Some((file, size)) if size == artifact.size => {
            match copy_verified(file, &mut std::io::sink(), artifact, name, watch) {
                Ok(()) => Ok(true),
                Err(RepositoryError::Damaged { .. }) => Ok(false),
                Err(error) => Err(error),
            }
        }
        _ => Ok(false),
    }
}

/// Through a file beside its place: what is copied is verified before it gets its name.
fn copy(
    repository: &Repository,
    target: &Directory,
    to: &Path,
    release: &Release,
    artifact: &release_metadata::artifact::Artifact,
    watch: &mut Watch<'_>,
) -> Result<(), RepositoryError> {
    let name = artifact_name(release, artifact);
    let fault = |source| StorageError::File { action: "writing", path: name.clone(), source };
    target
        .put_with(&name, |file| copy_verified(repository.artifact(release, artifact)?, file, artifact, &name, watch))?;
    // A directory that disappeared under the copy is a stick that was pulled out.
    std::fs::metadata(to).map(|_| ()).map_err(fault).map_err(RepositoryError::from)
}

/// Which architectures a stream has releases for.
#[must_use]
pub fn architectures(updates: &release_metadata::updates::Updates) -> Vec<Architecture> {
    let mut all: Vec<Architecture> =
        updates.releases.iter().flat_map(|release| release.architectures.iter().copied()).collect();
    all.sort();
    all.dedup();
    all
}

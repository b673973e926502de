//! The root image in chunks: the way from any release.

use super::artifacts::{Making, Ways};
use super::place::failure;
use super::readers::Part;
use crate::failure::{Failure, FailureKind, OrFail};
use anyhow::{Context, anyhow};
use image_chunks::difference;
use image_chunks::index::MAXIMUM_BYTES;
use image_chunks::make::{MakeError, PackWriter, make};
use image_chunks::parallel::Work;
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::path::{ArtifactPath, chunk_index, chunk_index_from, chunk_pack};
use release_metadata::release::{Chunks, IndexDifference, Release};
use release_repository::images::patch_sources;
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// What building an image takes: both indexes, what the active slot has, one request and one history.
const ASSEMBLING_MEMORY: u64 = 64 << 20;

/// Cuts the root image into chunks, and makes the index also as differences to the indexes of the last releases.
pub fn chunks(making: &mut Making<'_>, ways: &mut Ways) -> Result<(), Failure> {
    if !making.chunks {
        return Ok(());
    }
    let image = Part { window: making.built.root_partition.clone(), length: making.built.root.size };
    let mut packs = Packs { directory: making.directory, packs: Vec::new() };
    let index = {
        let phase = making.report.phase("Cutting the root image into chunks");
        let mut progress = |done, total| phase.bytes(done, total);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let flag = making.report.cancel().flag();
        let mut work = Work { threads, progress: &mut progress, cancelled: &flag };
        make(&image, &mut packs, &mut work).map_err(|error| match error {
            MakeError::Cancelled => Failure::new(FailureKind::Cancelled, anyhow!(error)),
            error @ MakeError::Write { .. } => Failure::new(FailureKind::Requirement, anyhow!(error)),
            error => Failure::new(FailureKind::Input, anyhow!(error)),
        })?
    };
    let index = index.to_bytes();
    ways.chunks = Some(Chunks {
        index_differences: index_differences(making, &index)?,
        index: written(making.directory, chunk_index(), &index)?,
        packs: packs.finish()?,
        memory: ASSEMBLING_MEMORY,
    });
    Ok(())
}

/// The index as a difference to that of each release that patches are made from, where that release has chunks.
fn index_differences(making: &Making<'_>, new: &[u8]) -> Result<Vec<IndexDifference>, Failure> {
    let stream = &making.updates.stream;
    let (version, architecture) = (making.built.version, making.built.architecture);
    let mut differences = Vec::new();
    for source in patch_sources(making.updates, version, architecture) {
        let Some(old) = making.repository.release(stream, source, architecture).map_err(failure)? else { continue };
        let Some(chunks) = &old.chunks else { continue };
        let bytes = index(making, &old, &chunks.index)?;
        let difference = difference::make(&bytes, new).or_fail(FailureKind::Internal)?;
        // Where it is no smaller, it is of no use.
        if difference.len() < new.len() {
            let file = written(making.directory, chunk_index_from(source), &difference)?;
            differences.push(IndexDifference { from: source, from_sha256: chunks.index.sha256, file });
        }
    }
    differences.sort_by(|one, other| (one.from, &one.file.path).cmp(&(other.from, &other.file.path)));
    Ok(differences)
}

/// The index of an older release, verified.
fn index(making: &Making<'_>, old: &Release, artifact: &Artifact) -> Result<Vec<u8>, Failure> {
    let damaged = || {
        anyhow!("{} of release {} in the repository is damaged; restore it from a mirror", artifact.path, old.version)
    };
    let reader = making.repository.artifact(old, artifact).map_err(failure)?;
    let mut bytes = Vec::new();
    let read = reader.take(MAXIMUM_BYTES as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("reading {} of release {}", artifact.path, old.version))
        .or_fail(FailureKind::Requirement)?;
    if Sha256::digest(&bytes).as_slice() != artifact.sha256.0 {
        return Err(Failure::new(FailureKind::Input, damaged()));
    }
    Ok(bytes)
}

fn written(directory: &Path, path: ArtifactPath, bytes: &[u8]) -> Result<Artifact, Failure> {
    let to = directory.join(path.as_str());
    fs::write(&to, bytes).with_context(|| format!("writing {}", to.display())).or_fail(FailureKind::Requirement)?;
    Ok(Artifact { path, size: bytes.len() as u64, sha256: Sha256Digest(Sha256::digest(bytes).into()) })
}

/// Packs, each in its file.
struct Packs<'m> {
    directory: &'m Path,
    packs: Vec<Pack>,
}

struct Pack {
    path: ArtifactPath,
    file: File,
    hash: Sha256,
    size: u64,
}

impl Packs<'_> {
    fn finish(self) -> Result<Vec<Artifact>, Failure> {
        let finished = self.packs.into_iter().map(|mut pack| {
            let flushed = pack.file.flush().with_context(|| format!("writing {}", pack.path));
            flushed.or_fail(FailureKind::Requirement)?;
            Ok(Artifact { path: pack.path, size: pack.size, sha256: Sha256Digest(pack.hash.finalize().into()) })
        });
        finished.collect()
    }
}

impl PackWriter for Packs<'_> {
    fn append(&mut self, pack: usize, bytes: &[u8]) -> io::Result<()> {
        while self.packs.len() <= pack {
            let path = chunk_pack(self.packs.len());
            let to = self.directory.join(path.as_str());
            fs::create_dir_all(to.parent().unwrap_or(self.directory))?;
            self.packs.push(Pack { path, file: File::create(to)?, hash: Sha256::new(), size: 0 });
        }
        let pack = &mut self.packs[pack];
        pack.file.write_all(bytes)?;
        pack.hash.update(bytes);
        pack.size += bytes.len() as u64;
        Ok(())
    }
}

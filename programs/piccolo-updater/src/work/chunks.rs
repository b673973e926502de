//! The new root image, or a part of it, from chunks and what the active slot holds.

use std::io;
use std::ops::{ControlFlow, Range};
use std::thread;

use image_chunks::apply::{AssembleError, Assembly};
use image_chunks::cut::Average;
use image_chunks::difference;
use image_chunks::index::{Index, MAXIMUM_BYTES};
use image_chunks::parallel::Work;
use image_chunks::plan::Plan;
use image_chunks::seed::SeedChunks;
use image_chunks::source::{Output, Packs};
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::release::{Chunks, IndexDifference, Release};
use release_source::artifact::ArtifactFile;
use release_source::error::SourceError;
use release_source::repository::TrustedRepository;
use sha2::{Digest, Sha256};
use tracing::info;
use update_engine::record::Progress;
use update_slots::image::ImageWriter;
use update_store::chunk_index::ChunkIndexes;
use update_store::resume::ResumeFile;

use super::Worker;
use super::fetch::{Steady, SteadyRange};
use super::source::Source;
use super::write::{Report, WriteError, inactive_image};

/// A request costs as much time as this many bytes, on a usual connection. So many are rather fetched in vain.
const REQUEST_COST: u32 = 32 << 10;

/// The root image, from chunks.
pub fn root(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let image = &release.root;
    let (mut writer, resume) = inactive_image(worker, release)?;
    if writer.written() < image.size {
        let mut way = ChunkWay::prepare(worker, repository, release)?;
        let rest = writer.written()..image.size;
        way.make(rest, &mut writer, &resume, report)?;
    }
    writer.finish()?;
    Ok(resume.keep(image.root_hash, image.size)?)
}

/// The way by chunks, with all that it takes at hand but the packs.
pub struct ChunkWay<'w> {
    worker: &'w Worker,
    release: &'w Release,
    index: Index,
    /// What it took to have the index, in bytes.
    index_download: u64,
    seed: Source,
    seed_chunks: SeedChunks,
    packs: RemotePacks,
}

impl<'w> ChunkWay<'w> {
    /// Gets the index and holds it against the active slot.
    ///
    /// # Errors
    /// When the release has no chunks, or its index cannot be had.
    pub fn prepare(
        worker: &'w Worker,
        repository: &TrustedRepository,
        release: &'w Release,
    ) -> Result<Self, WriteError> {
        let Some(chunks) = &release.chunks else {
            return Err(WriteError::Unusable(format!("release {} has no chunks", release.version)));
        };
        let unusable = |error: image_chunks::index::IndexError| WriteError::Unusable(error.to_string());
        let (bytes, index_download) = index(worker, repository, release, chunks)?;
        let index = Index::parse(&bytes).map_err(unusable)?;
        let packs_agree = index.pack_sizes().eq(chunks.packs.iter().map(|pack| pack.size));
        if index.image_size() != release.root.size || !packs_agree {
            let reason = format!("the chunk index of release {} is not about its image and packs", release.version);
            return Err(WriteError::Unusable(reason));
        }
        let seed = Source::open(worker.paths.slots.active_root())?;
        let seed_chunks = seed_chunks(worker, &seed, index.content().average)?;
        let packs = RemotePacks {
            files: chunks.packs.iter().map(|pack| repository.artifact(release, pack)).collect(),
            worker: worker.clone(),
            failed: None,
        };
        Ok(Self { worker, release, index, index_download, seed, seed_chunks, packs })
    }

    /// Bytes to download for the whole image, with the index.
    pub fn download(&self) -> u64 {
        let plan = Plan::whole(&self.index, &self.seed_chunks, REQUEST_COST);
        plan.download().saturating_add(self.index_download)
    }

    /// Makes a range of the image. It begins where the image ends so far. What of the active slot was found damaged is noted in the report.
    ///
    /// # Errors
    /// When chunks cannot be had, or the image cannot be written.
    pub fn make(
        &mut self,
        range: Range<u64>,
        writer: &mut ImageWriter,
        resume: &ResumeFile,
        report: &mut Report<'_>,
    ) -> Result<(), WriteError> {
        let plan = Plan::ranges(&self.index, &self.seed_chunks, vec![range], REQUEST_COST);
        let plan = plan.map_err(|error| WriteError::Unusable(error.to_string()))?;
        let root_hash = self.release.root.root_hash;
        let mut output = SlotOutput { writer, failed: None, keep: &|durable| resume.keep(root_hash, durable) };
        let before = report.progress().downloaded + std::mem::take(&mut self.index_download);
        let assembly = Assembly {
            index: &self.index,
            plan: &plan,
            seed: &self.seed,
            packs: &mut self.packs,
            output: &mut output,
            observe: &mut |progress| {
                report.tell(Progress { image: progress.position, downloaded: before + progress.downloaded });
                if self.worker.cancel.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        };
        let result = assembly.run();
        let (output_failed, packs_failed) = (output.failed.take(), self.packs.failed.take());
        let error = match result {
            Ok(assembled) => {
                assembled.damaged.into_iter().for_each(|range| report.slot_damaged(range));
                return Ok(());
            }
            Err(error) => error,
        };
        Err(match error {
            AssembleError::Cancelled => WriteError::Stopped,
            AssembleError::WrongChunk { .. } => WriteError::Unusable(error.to_string()),
            AssembleError::Fetch { .. } => match packs_failed {
                Some(failed) => WriteError::from_source(failed),
                None => WriteError::Unusable(error.to_string()),
            },
            AssembleError::Write { source, .. } | AssembleError::ReadBack { source, .. } => {
                output_failed.unwrap_or(WriteError::Write { what: "the root image", source })
            }
        })
    }
}

/// Least bytes to download for an index that is to be had in several ways.
pub fn least_index_download(worker: &Worker, chunks: &Chunks) -> u64 {
    let running = ChunkIndexes::below(&worker.paths.state).load(worker.device.root_hash, MAXIMUM_BYTES);
    let differences = match running {
        Ok(Some(_)) => chunks.index_differences.as_slice(),
        _ => &[],
    };
    differences.iter().map(|difference| difference.file.size).chain([chunks.index.size]).min().unwrap_or(0)
}

/// The index of the release's image: what is here already, or as a difference to that of the running release, or whole. Answers how many
/// bytes that took.
fn index(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    chunks: &Chunks,
) -> Result<(Vec<u8>, u64), WriteError> {
    let indexes = ChunkIndexes::below(&worker.paths.state);
    let right = |bytes: &[u8]| digest(bytes) == chunks.index.sha256;
    let here = indexes.load(release.root.root_hash, MAXIMUM_BYTES)?;
    if let Some(here) = here.filter(|bytes| right(bytes)) {
        return Ok((here, 0));
    }
    let running = indexes.load(worker.device.root_hash, MAXIMUM_BYTES)?;
    let mut downloaded = 0;
    let mut made = None;
    if let Some((running, difference)) = running.and_then(|bytes| difference_from(chunks, &bytes).map(|it| (bytes, it)))
    {
        let bytes = whole(worker, repository, release, &difference.file)?;
        downloaded += bytes.len() as u64;
        match difference::apply(&running, &bytes) {
            Ok(bytes) if right(&bytes) => made = Some(bytes),
            Ok(_) => info!("the difference of chunk indexes leads to another index"),
            Err(problem) => info!("{problem}"),
        }
    }
    let bytes = match made {
        Some(bytes) => bytes,
        None => {
            let bytes = whole(worker, repository, release, &chunks.index)?;
            downloaded += bytes.len() as u64;
            bytes
        }
    };
    if let Err(problem) = indexes.keep(release.root.root_hash, &bytes) {
        // The next update then downloads more.
        info!("{problem}: {}", problem.source);
    }
    Ok((bytes, downloaded))
}

/// The smallest difference that starts from this index, if it is smaller than the index.
fn difference_from<'r>(chunks: &'r Chunks, running: &[u8]) -> Option<&'r IndexDifference> {
    let sha256 = digest(running);
    let fitting = chunks.index_differences.iter().filter(|difference| difference.from_sha256 == sha256);
    fitting.min_by_key(|difference| difference.file.size).filter(|it| it.file.size < chunks.index.size)
}

fn digest(bytes: &[u8]) -> Sha256Digest {
    Sha256Digest(Sha256::digest(bytes).into())
}

/// A small file of the release, verified.
fn whole(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    artifact: &Artifact,
) -> Result<Vec<u8>, WriteError> {
    use std::io::Read;

    if artifact.size > MAXIMUM_BYTES as u64 {
        return Err(WriteError::Unusable(format!("{} has more than {MAXIMUM_BYTES} bytes", artifact.path)));
    }
    let reader = repository.artifact(release, artifact).whole().map_err(WriteError::from_source)?;
    let mut reader = Steady::new(reader, worker.cancel.clone());
    let mut bytes = Vec::new();
    match reader.read_to_end(&mut bytes) {
        Ok(_) => Ok(bytes),
        Err(error) => Err(match super::fetch::Download::failed(&mut reader) {
            Some(failed) => WriteError::from_source(failed),
            None => WriteError::Unusable(error.to_string()),
        }),
    }
}

/// What the active slot holds: as its index says, or found by cutting it.
fn seed_chunks(worker: &Worker, seed: &Source, average: Average) -> Result<SeedChunks, WriteError> {
    let kept = ChunkIndexes::below(&worker.paths.state).load(worker.device.root_hash, MAXIMUM_BYTES)?;
    let of_index = kept.and_then(|bytes| Index::parse(&bytes).ok()).filter(|index| index.content().average == average);
    if let Some(index) = of_index {
        return Ok(SeedChunks::of_index(&index));
    }
    let cancelled = worker.cancel.flag();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let work = &mut Work { threads, progress: &mut |_, _| {}, cancelled: &cancelled };
    SeedChunks::of_image(seed, average, work).map_err(|_| WriteError::Stopped)
}

/// Packs in the repository.
struct RemotePacks {
    files: Vec<ArtifactFile>,
    worker: Worker,
    failed: Option<SourceError>,
}

impl Packs for RemotePacks {
    fn fetch(&mut self, pack: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let file = self.files.get(pack).ok_or(io::ErrorKind::NotFound)?.clone();
        let mut range = SteadyRange::new(file, offset, buffer.len() as u64, self.worker.cancel.clone());
        range.fill(buffer).map_err(|failed| {
            let told = io::Error::other(failed.to_string());
            self.failed = Some(failed);
            told
        })
    }
}

/// The inactive slot, written from front to end.
struct SlotOutput<'w> {
    writer: &'w mut ImageWriter,
    keep: &'w dyn Fn(u64) -> Result<(), update_store::StoreError>,
    failed: Option<WriteError>,
}

impl SlotOutput<'_> {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        if offset != self.writer.written() {
            return Err(WriteError::Unusable("parts of the image came out of order".to_owned()));
        }
        if let Some(durable) = self.writer.write(bytes)? {
            (self.keep)(durable)?;
        }
        Ok(())
    }

    fn noted<T>(&mut self, result: Result<T, WriteError>) -> io::Result<T> {
        result.map_err(|error| {
            let told = io::Error::other(error.to_string());
            self.failed = Some(error);
            told
        })
    }
}

impl Output for SlotOutput<'_> {
    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let result = self.write(offset, bytes);
        self.noted(result)
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let result = self.writer.read_back(offset, buffer).map_err(WriteError::from);
        self.noted(result)
    }
}

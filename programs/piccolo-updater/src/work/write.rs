//! The new image, from one of the ways to get it.

use std::io::{Read, Write};

use host::cancel::Cancel;
use release_metadata::release::Release;
use release_source::error::SourceError;
use release_source::repository::TrustedRepository;
use thiserror::Error;
use tracing::info;
use update_engine::event::WriteProblem;
use update_engine::offer::{Offer, Way};
use update_engine::record::Progress;
use update_slots::boot_entries::{BootEntries, BootEntriesError};
use update_slots::image::{ImageError, ImageWriter};
use update_store::StoreError;
use update_store::release::ReleaseFile;
use update_store::resume::ResumeFile;

use super::fetch::Steady;
use super::{Worker, patch, problem, repository};

/// Bytes decompressed at once.
const PIECE: usize = 1 << 20;
/// The most memory that decompressing may take: the window of `zstd --ultra -22` with long matches of 128 MiB is refused.
const WINDOW_LOG: u32 = 26;

/// Why an image was not made.
#[derive(Debug, Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Image(#[from] ImageError),
    #[error(transparent)]
    Entries(#[from] BootEntriesError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{name} of the release cannot be decompressed")]
    Decompress { name: String, source: std::io::Error },
    #[error("writing {what} did not work")]
    Write { what: &'static str, source: std::io::Error },
    #[error("{0}")]
    Unusable(String),
    #[error("stopped")]
    Stopped,
}

/// Makes the image and the UKI in the inactive slot, going on where it was left.
pub fn write(worker: &Worker, operation: u64, offer: &Offer, way: Way) -> Result<(), WriteProblem> {
    let mut repository = repository::holding(worker, offer).map_err(WriteProblem::Now)?;
    let release = repository.release(&repository::stream(worker), offer.version, worker.device.architecture);
    let release = release.map_err(|error| WriteProblem::Now(problem(&error)))?;
    if release.root.root_hash != offer.root_hash {
        let reason = format!("release {} was published again with other content; check again", offer.version);
        return Err(WriteProblem::Way(update_engine::event::Problem { reason }));
    }
    ReleaseFile::below(&worker.paths.state).keep(&release).map_err(|error| WriteProblem::Now(problem(&error)))?;
    make(worker, operation, &repository, &release, way).map_err(|error| {
        if let (false, Some(taken_out)) = (worker.cancel.is_cancelled(), repository.taken_out(&release)) {
            return WriteProblem::Now(taken_out);
        }
        let problem = repository.named(problem(&error));
        if error.another_way_may_help() { WriteProblem::Way(problem) } else { WriteProblem::Now(problem) }
    })
}

fn make(
    worker: &Worker,
    operation: u64,
    repository: &TrustedRepository,
    release: &Release,
    way: Way,
) -> Result<(), WriteError> {
    let entries = BootEntries::on(worker.paths.slots.esp());
    entries.remove_all_but(worker.device.version, release.version)?;
    let mut report = Report { worker, operation, progress: Progress::default() };
    match way {
        Way::Full => full_root(worker, repository, release, &mut report)?,
        Way::Patch => {
            patch::root(worker, repository, release, &mut report)?;
            match patch::uki(worker, repository, release, &entries, &mut report) {
                // The ESP is not verified, so the running UKI may be another one than was installed. The whole one is small.
                Err(error) if error.another_way_may_help() => info!("the UKI could not be made by patch: {error}"),
                done => return done,
            }
        }
        Way::Chunks => return Err(WriteError::Unusable("this version cannot make an image from chunks".to_owned())),
    }
    full_uki(worker, repository, release, &entries, &mut report)
}

/// The inactive slot, to go on where the image of this release was left.
pub(super) fn inactive_image(worker: &Worker, release: &Release) -> Result<(ImageWriter, ResumeFile), WriteError> {
    let resume = ResumeFile::below(&worker.paths.state);
    let done = resume.position(release.root.root_hash)?;
    if done == 0 {
        // What is noted of another image is about to be overwritten, and must not be believed after a power cut.
        resume.forget()?;
    }
    let target = worker.paths.slots.root(worker.device.active.other());
    Ok((ImageWriter::open(&target, release.root.size, done)?, resume))
}

/// The whole root image, compressed.
fn full_root(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let root = &release.root;
    let (mut image, resume) = inactive_image(worker, release)?;
    if image.written() < root.size {
        let file = repository.artifact(release, &release.full.root).whole()?;
        let mut stream = Decompressed::new("root.zst", Steady::new(file, worker.cancel.clone()))?;
        let mut piece = vec![0; PIECE];
        let mut position = 0;
        loop {
            let count = stream.read(&mut piece, &worker.cancel)?;
            if count == 0 {
                break;
            }
            // What is on the disk already only has to be passed by.
            let known = image.written().saturating_sub(position).min(count as u64) as usize;
            position += count as u64;
            if let Some(durable) = image.write(&piece[known..count])? {
                resume.keep(root.root_hash, durable)?;
            }
            report.tell(Progress { image: image.written(), downloaded: stream.downloaded() });
        }
    }
    image.finish()?;
    Ok(resume.keep(root.root_hash, root.size)?)
}

/// The whole UKI, compressed, beside the boot entries.
fn full_uki(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    entries: &BootEntries,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let uki = &release.uki;
    if entries.check_unfinished(release.version, uki.sha256).is_ok() {
        return Ok(());
    }
    let mut writer = entries.begin(release.version, uki.size)?;
    let file = repository.artifact(release, &release.full.uki).whole()?;
    let mut stream = Decompressed::new("uki.zst", Steady::new(file, worker.cancel.clone()))?;
    let before = report.progress.downloaded;
    let mut piece = vec![0; PIECE];
    let mut size = 0;
    loop {
        let count = stream.read(&mut piece, &worker.cancel)?;
        if count == 0 {
            break;
        }
        size += count as u64;
        if size > uki.size {
            return Err(WriteError::Unusable(format!("uki.zst holds more than the {} bytes of the UKI", uki.size)));
        }
        writer.write_all(&piece[..count]).map_err(|source| WriteError::Write { what: "the UKI", source })?;
        report.tell(Progress { downloaded: before + stream.downloaded(), ..report.progress });
    }
    Ok(writer.finish(uki.sha256)?)
}

/// A compressed file on its way.
struct Decompressed {
    name: &'static str,
    decoder: zstd::stream::read::Decoder<'static, std::io::BufReader<Steady>>,
}

impl Decompressed {
    fn new(name: &'static str, file: Steady) -> Result<Self, WriteError> {
        let failed = |source| WriteError::Decompress { name: name.to_owned(), source };
        let mut decoder = zstd::stream::read::Decoder::new(file).map_err(failed)?;
        decoder.window_log_max(WINDOW_LOG).map_err(failed)?;
        Ok(Self { name, decoder })
    }

    fn downloaded(&self) -> u64 {
        self.decoder.get_ref().get_ref().position()
    }

    fn read(&mut self, buffer: &mut [u8], cancel: &Cancel) -> Result<usize, WriteError> {
        if cancel.is_cancelled() {
            return Err(WriteError::Stopped);
        }
        let failure = match self.decoder.read(buffer) {
            Ok(count) => return Ok(count),
            Err(failure) => failure,
        };
        match self.decoder.get_mut().get_mut().failed() {
            Some(SourceError::Cancelled) => Err(WriteError::Stopped),
            Some(source) => Err(source.into()),
            None => Err(WriteError::Decompress { name: self.name.to_owned(), source: failure }),
        }
    }
}

impl WriteError {
    /// Whether what is wrong is wrong with this way, and not with the network or the disk.
    fn another_way_may_help(&self) -> bool {
        match self {
            Self::Source(source) => {
                !source.may_pass() && !matches!(source, SourceError::Cancelled | SourceError::Refused(_))
            }
            Self::Image(image) => matches!(image, ImageError::TooLong { .. } | ImageError::TooShort { .. }),
            Self::Entries(entries) => matches!(entries, BootEntriesError::OtherImage { .. }),
            Self::Decompress { .. } | Self::Unusable(_) => true,
            Self::Store(_) | Self::Write { .. } | Self::Stopped => false,
        }
    }
}

/// Tells the engine how far the image is, not more often than anybody can see.
pub(super) struct Report<'w> {
    worker: &'w Worker,
    operation: u64,
    progress: Progress,
}

impl Report<'_> {
    /// Bytes between two reports.
    const STEP: u64 = 4 << 20;

    /// What was told last.
    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    /// Tells it.
    pub(super) fn tell(&mut self, progress: Progress) {
        let step = |new: u64, old: u64| new / Self::STEP != old / Self::STEP;
        let worth_it = step(progress.image, self.progress.image) || step(progress.downloaded, self.progress.downloaded);
        self.progress = progress;
        if worth_it {
            self.worker.progress(self.operation, progress);
        }
    }
}

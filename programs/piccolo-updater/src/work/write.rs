//! The new image, from one of the ways to get it.

use std::ops::Range;

use release_metadata::release::Release;
use release_source::error::SourceError;
use release_source::repository::TrustedRepository;
use thiserror::Error;
use tracing::{info, warn};
use update_engine::event::{Event, WriteProblem};
use update_engine::offer::{Offer, Way};
use update_engine::record::Progress;
use update_slots::boot_entries::{BootEntries, BootEntriesError};
use update_slots::image::{ImageError, ImageWriter};
use update_store::StoreError;
use update_store::release::ReleaseFile;
use update_store::resume::ResumeFile;

use super::{Worker, chunks, full, patch, problem, repository};

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
    let mut report =
        Report { worker, operation, progress: Progress::default(), told: Progress::default(), damaged: Vec::new() };
    let made = make(worker, &repository, &release, way, &mut report);
    report.tell_rest();
    made.map_err(|error| {
        if let (false, Some(taken_out)) = (worker.cancel.is_cancelled(), repository.taken_out(&release)) {
            return WriteProblem::Now(taken_out);
        }
        let problem = repository.named(problem(&error));
        if error.another_way_may_help() { WriteProblem::Way(problem) } else { WriteProblem::Now(problem) }
    })
}

fn make(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    way: Way,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let entries = BootEntries::on(worker.paths.slots.esp());
    entries.remove_all_but(worker.device.version, release.version)?;
    entries.check_room(release.version, release.uki.size)?;
    match way {
        Way::Full => full::root(worker, repository, release, report)?,
        Way::Chunks => chunks::root(worker, repository, release, report)?,
        Way::Patch => patch::root(worker, repository, release, report)?,
    }
    if entries.check_unfinished(release.version, release.uki.sha256).is_ok() {
        return Ok(());
    }
    if way == Way::Patch {
        match patch::uki(worker, repository, release, &entries, report) {
            // The ESP is not verified, so the running UKI may be another one than was installed. The root image is.
            Err(error) if error.another_way_may_help() => info!("the UKI could not be made by patch: {error}"),
            done => return done,
        }
    }
    match patch::uki_from_root(worker, repository, release, &entries, report) {
        Err(error) if error.another_way_may_help() => info!("the UKI is downloaded whole: {error}"),
        done => return done,
    }
    full::uki(worker, repository, release, &entries, report)
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

impl WriteError {
    /// What a source said.
    pub(super) fn from_source(source: SourceError) -> Self {
        match source {
            SourceError::Cancelled => Self::Stopped,
            source => Self::Source(source),
        }
    }

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
    told: Progress,
    /// Ranges of the active slot.
    damaged: Vec<Range<u64>>,
}

impl Report<'_> {
    /// Bytes between two reports.
    const STEP: u64 = 4 << 20;

    /// What was told last.
    pub(super) fn progress(&self) -> Progress {
        self.progress
    }

    /// Notes that a range of the active slot cannot be read, or holds something else.
    pub(super) fn slot_damaged(&mut self, range: Range<u64>) {
        warn!(offset = range.start, length = range.end - range.start, "the active slot is damaged");
        // Patch and chunks look at the same places; one after the other, they come in order.
        match self.damaged.last_mut() {
            Some(last) if range.start <= last.end && last.start <= range.end => {
                *last = last.start.min(range.start)..last.end.max(range.end);
            }
            _ => self.damaged.push(range),
        }
    }

    /// Tells what was not worth telling before.
    fn tell_rest(&self) {
        if self.progress != self.told {
            self.worker.progress(self.operation, self.progress);
        }
        if !self.damaged.is_empty() {
            let bytes = self.damaged.iter().map(|range| range.end - range.start).sum();
            let places = u32::try_from(self.damaged.len()).unwrap_or(u32::MAX);
            self.worker.tell(Event::SlotDamaged { operation: self.operation, places, bytes });
        }
    }

    /// Tells it.
    pub(super) fn tell(&mut self, progress: Progress) {
        let step = |new: u64, old: u64| new / Self::STEP != old / Self::STEP;
        self.progress = progress;
        if step(progress.image, self.told.image) || step(progress.downloaded, self.told.downloaded) {
            self.told = progress;
            self.worker.progress(self.operation, progress);
        }
    }
}

//! The new image from a patch and what is in the active slot.

use std::io::{self, Write};
use std::ops::Range;

use image_patch::apply::{Applier, FrameBuffer, FrameError, Written};
use image_patch::format::Header;
use image_patch::frames::FrameSet;
use image_patch::source::ReadAt;
use release_metadata::digest::Sha256Digest;
use release_metadata::release::{Patch, Release};
use release_source::artifact::ArtifactFile;
use release_source::repository::TrustedRepository;
use tracing::info;
use update_engine::record::Progress;
use update_slots::boot_entries::BootEntries;
use update_slots::image::ImageWriter;
use update_slots::uki_writer::UkiWriter;
use update_store::resume::ResumeFile;

use super::Worker;
use super::check::patch_for;
use super::chunks::ChunkWay;
use super::fetch::{Download, SteadyRange};
use super::source::Source;
use super::write::{Report, WriteError, inactive_image};

/// The root image, by the patch from the running release.
pub fn root(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let patch = patch(worker, release)?;
    let image = &release.root;
    let slots = &worker.paths.slots;
    let (mut writer, resume) = inactive_image(worker, release)?;
    if writer.written() < image.size {
        let file = repository.artifact(release, &patch.file);
        let mut part = Part { file, start: 0, length: patch.root_size, header_length: 0, worker };
        let header = part.header(patch.root_header)?;
        if header.output != image.size {
            return Err(WriteError::Unusable("the patch makes an image of another size".to_owned()));
        }
        let header_length = part.header_length;
        let active = Source::open(slots.active_root())?;
        let sources: [&dyn ReadAt; 1] = [&active];
        let applier = Applier::new(&header, &sources).map_err(|error| WriteError::Unusable(error.to_string()))?;
        // Frames are made in their order, so what is made is a front of the image. One that was cut is made again.
        let first = header.frames.partition_point(|frame| frame.output.end <= writer.written());
        let mut made = FrameSet::new(&header);
        (0..first).for_each(|number| made.insert(number));
        let known = writer.written() - header.frames.get(first).map_or(writer.written(), |frame| frame.output.start);
        let mut known = known as usize;
        let mut codes = part.codes(&header, first)?;
        let mut buffer = FrameBuffer::default();
        let mut repair = Repair { worker, repository, release, way: None, downloaded: 0 };
        for (number, frame) in header.frames.iter().enumerate().skip(first) {
            let code = next(&mut codes, frame.coded.end - frame.coded.start)?;
            let output = Made {
                length: writer.written(),
                read: &|offset, bytes| writer.read_back(offset, bytes).map_err(io::Error::other),
            };
            match applier.make(number, &code, Written { output: &output, done: &made }, &mut buffer) {
                Ok(()) => {
                    if let Some(durable) = writer.write(&buffer.output()[known..])? {
                        resume.keep(image.root_hash, durable)?;
                    }
                }
                Err(failure) => {
                    let rest = writer.written()..frame.output.end;
                    repair.make(rest, &failure, &mut writer, &resume, report)?;
                }
            }
            known = 0;
            made.insert(number);
            let downloaded = header_length + codes.downloaded() + repair.downloaded;
            report.tell(Progress { image: writer.written(), downloaded });
        }
    }
    writer.finish()?;
    Ok(resume.keep(image.root_hash, image.size)?)
}

/// The UKI, from the new root image, which is complete by now, and the running UKI.
pub fn uki(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    entries: &BootEntries,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let patch = patch(worker, release)?;
    let running = Source::open(&entries.of(worker.device.version)?.path)?;
    let file = repository.artifact(release, &patch.file);
    let part = Part { file, start: patch.root_size, length: patch.uki_size, header_length: 0, worker };
    make_uki(worker, release, entries, report, UkiPatch { part, header: patch.uki_header, running: Some(&running) })
}

/// The UKI, from the new root image alone.
pub fn uki_from_root(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    entries: &BootEntries,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    // What was announced counts the smaller one.
    let patch = release.full.uki_from_root.as_ref().filter(|patch| patch.file.size <= release.full.uki.size);
    let patch = patch.ok_or_else(|| WriteError::Unusable("there is no patch from the root image".to_owned()))?;
    let file = repository.artifact(release, &patch.file);
    let part = Part { file, start: 0, length: patch.file.size, header_length: 0, worker };
    make_uki(worker, release, entries, report, UkiPatch { part, header: patch.header, running: None })
}

/// A patch that makes a UKI from the new root image.
struct UkiPatch<'w> {
    part: Part<'w>,
    /// The hash of its header.
    header: Sha256Digest,
    /// The UKI that is its second source.
    running: Option<&'w Source>,
}

fn make_uki(
    worker: &Worker,
    release: &Release,
    entries: &BootEntries,
    report: &mut Report<'_>,
    patch: UkiPatch<'_>,
) -> Result<(), WriteError> {
    let uki = &release.uki;
    let new_root = Source::front_of(&worker.paths.slots.root(worker.device.active.other()), release.root.size)?;
    let UkiPatch { mut part, header, running } = patch;
    let header = part.header(header)?;
    if header.output != uki.size {
        return Err(WriteError::Unusable("the patch makes a UKI of another size".to_owned()));
    }
    let sources: Vec<&dyn ReadAt> =
        std::iter::once(&new_root).chain(running).map(|source| source as &dyn ReadAt).collect();
    let applier = Applier::new(&header, &sources).map_err(|error| WriteError::Unusable(error.to_string()))?;
    let mut writer = entries.begin(release.version, uki.size)?;
    let mut made = FrameSet::new(&header);
    let mut codes = part.codes(&header, 0)?;
    let mut buffer = FrameBuffer::default();
    let before = report.progress();
    let header_length = part.header_length;
    for (number, frame) in header.frames.iter().enumerate() {
        let code = next(&mut codes, frame.coded.end - frame.coded.start)?;
        let output = Made { length: frame.output.start, read: &|offset, bytes| writer.read_back(offset, bytes) };
        applier
            .make(number, &code, Written { output: &output, done: &made }, &mut buffer)
            .map_err(|error| WriteError::Unusable(error.to_string()))?;
        write_uki(&mut writer, buffer.output())?;
        made.insert(number);
        report.tell(Progress { downloaded: before.downloaded + header_length + codes.downloaded(), ..before });
    }
    Ok(writer.finish(uki.sha256)?)
}

fn write_uki(writer: &mut UkiWriter, bytes: &[u8]) -> Result<(), WriteError> {
    writer.write_all(bytes).map_err(|source| WriteError::Write { what: "the UKI", source })
}

fn patch<'r>(worker: &Worker, release: &'r Release) -> Result<&'r Patch, WriteError> {
    patch_for(release, worker)
        .ok_or_else(|| WriteError::Unusable("there is no patch from the running release".to_owned()))
}

/// Makes what a patch cannot, from chunks.
struct Repair<'w> {
    worker: &'w Worker,
    repository: &'w TrustedRepository,
    release: &'w Release,
    way: Option<ChunkWay<'w>>,
    /// Bytes.
    downloaded: u64,
}

impl Repair<'_> {
    /// Makes the rest of a frame.
    fn make(
        &mut self,
        rest: Range<u64>,
        failure: &FrameError,
        writer: &mut ImageWriter,
        resume: &ResumeFile,
        report: &mut Report<'_>,
    ) -> Result<(), WriteError> {
        info!(
            offset = rest.start,
            length = rest.end - rest.start,
            "a part of the patch is made from chunks: {failure}"
        );
        if let FrameError::Source { source_index: 0, offset, length, .. } = failure {
            report.slot_damaged(*offset..offset.saturating_add(*length));
        }
        if self.release.chunks.is_none() {
            return Err(WriteError::Unusable(failure.to_string()));
        }
        let way = match &mut self.way {
            Some(way) => way,
            None => self.way.insert(ChunkWay::prepare(self.worker, self.repository, self.release)?),
        };
        let before = report.progress().downloaded;
        way.make(rest, writer, resume, report)?;
        self.downloaded += report.progress().downloaded - before;
        Ok(())
    }
}

/// One of the two patches in a file.
struct Part<'w> {
    file: ArtifactFile,
    start: u64,
    length: u64,
    /// Bytes of the header, once it is here.
    header_length: u64,
    worker: &'w Worker,
}

impl Part<'_> {
    fn header(&mut self, expected: Sha256Digest) -> Result<Header, WriteError> {
        let unusable = |error: image_patch::format::HeaderError| WriteError::Unusable(error.to_string());
        // Its first bytes say how long it is.
        let mut header = self.bytes(0, 16.min(self.length))?;
        let length = (Header::length(&header).map_err(unusable)? as u64).min(self.length);
        let begun = header.len() as u64;
        header.extend(self.bytes(begun, length.saturating_sub(begun))?);
        self.header_length = header.len() as u64;
        Header::parse(&header, &expected.0).map_err(unusable)
    }

    /// The codes of all frames from this one on, one after the other.
    fn codes(&mut self, header: &Header, first: usize) -> Result<SteadyRange, WriteError> {
        let from = header.frames.get(first).map_or(self.length, |frame| frame.coded.start);
        let to = header.patch_length();
        if to > self.length {
            return Err(WriteError::Unusable("the patch is longer than its part of the file".to_owned()));
        }
        Ok(self.range(from, to.saturating_sub(from)))
    }

    fn bytes(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, WriteError> {
        next(&mut self.range(offset, length), length)
    }

    fn range(&self, offset: u64, length: u64) -> SteadyRange {
        SteadyRange::new(self.file.clone(), self.start + offset, length, self.worker.cancel.clone())
    }
}

/// The next bytes, so many: the header bounds the code of a frame to a few MiB.
fn next(codes: &mut SteadyRange, length: u64) -> Result<Vec<u8>, WriteError> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    codes.fill(&mut bytes).map_err(WriteError::from_source)?;
    Ok(bytes)
}

/// What is made so far.
struct Made<'w> {
    length: u64,
    read: &'w (dyn Fn(u64, &mut [u8]) -> io::Result<()> + Sync),
}

impl ReadAt for Made<'_> {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        (self.read)(offset, buffer)
    }
}

//! The new image from a patch and what is in the active slot.

use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use image_patch::apply::{Applier, FrameBuffer, Written};
use image_patch::format::Header;
use image_patch::frames::FrameSet;
use image_patch::source::ReadAt;
use release_metadata::digest::Sha256Digest;
use release_metadata::release::{Patch, Release};
use release_source::artifact::{ArtifactFile, RangeReader};
use release_source::error::SourceError;
use release_source::repository::TrustedRepository;
use update_engine::record::Progress;
use update_slots::boot_entries::{BootEntries, UkiWriter};

use super::Worker;
use super::check::patch_for;
use super::write::{Report, WriteError, inactive_image};

/// Attempts to go on after a cut, before the engine puts the rest off.
const ATTEMPTS: u32 = 5;

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
        let mut part = Part { file, start: 0, length: patch.root_size, worker };
        let header = part.header(patch.root_header)?;
        if header.output != image.size {
            return Err(WriteError::Unusable("the patch makes an image of another size".to_owned()));
        }
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
        for (number, frame) in header.frames.iter().enumerate().skip(first) {
            let code = codes.next(frame.coded.end - frame.coded.start)?;
            let output = Made {
                length: writer.written(),
                read: &|offset, bytes| writer.read_back(offset, bytes).map_err(io::Error::other),
            };
            applier
                .make(number, &code, Written { output: &output, done: &made }, &mut buffer)
                .map_err(|error| WriteError::Unusable(error.to_string()))?;
            if let Some(durable) = writer.write(&buffer.output()[known..])? {
                resume.keep(image.root_hash, durable)?;
            }
            known = 0;
            made.insert(number);
            report.tell(Progress { image: writer.written(), downloaded: codes.downloaded });
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
    let uki = &release.uki;
    if entries.check_unfinished(release.version, uki.sha256).is_ok() {
        return Ok(());
    }
    let patch = patch(worker, release)?;
    let running = entries.of(worker.device.version)?.path;
    let new_root = Source::front_of(&worker.paths.slots.root(worker.device.active.other()), release.root.size)?;
    let old_uki = Source::open(&running)?;
    let file = repository.artifact(release, &patch.file);
    let mut part = Part { file, start: patch.root_size, length: patch.uki_size, worker };
    let header = part.header(patch.uki_header)?;
    if header.output != uki.size {
        return Err(WriteError::Unusable("the patch makes a UKI of another size".to_owned()));
    }
    let sources: [&dyn ReadAt; 2] = [&new_root, &old_uki];
    let applier = Applier::new(&header, &sources).map_err(|error| WriteError::Unusable(error.to_string()))?;
    let mut writer = entries.begin(release.version, uki.size)?;
    let mut made = FrameSet::new(&header);
    let mut codes = part.codes(&header, 0)?;
    let mut buffer = FrameBuffer::default();
    let before = report.progress();
    for (number, frame) in header.frames.iter().enumerate() {
        let code = codes.next(frame.coded.end - frame.coded.start)?;
        let output = Made { length: frame.output.start, read: &|offset, bytes| writer.read_back(offset, bytes) };
        applier
            .make(number, &code, Written { output: &output, done: &made }, &mut buffer)
            .map_err(|error| WriteError::Unusable(error.to_string()))?;
        write_uki(&mut writer, buffer.output())?;
        made.insert(number);
        report.tell(Progress { downloaded: before.downloaded + codes.downloaded, ..before });
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

/// One of the two patches in a file.
struct Part<'w> {
    file: ArtifactFile,
    start: u64,
    length: u64,
    worker: &'w Worker,
}

impl Part<'_> {
    fn header(&mut self, expected: Sha256Digest) -> Result<Header, WriteError> {
        let unusable = |error: image_patch::format::HeaderError| WriteError::Unusable(error.to_string());
        let start = self.bytes(0, 16.min(self.length))?;
        let length = Header::length(&start).map_err(unusable)? as u64;
        let header = self.bytes(0, length.min(self.length))?;
        Header::parse(&header, &expected.0).map_err(unusable)
    }

    /// The codes of all frames from this one on, one after the other.
    fn codes(&mut self, header: &Header, first: usize) -> Result<Codes<'_>, WriteError> {
        let from = header.frames.get(first).map_or(self.length, |frame| frame.coded.start);
        let to = header.patch_length();
        if to > self.length {
            return Err(WriteError::Unusable("the patch is longer than its part of the file".to_owned()));
        }
        let (position, end) = (self.start + from, self.start + to);
        Ok(Codes {
            cancelled: &self.worker.cancel,
            file: self.file.clone(),
            reader: None,
            position,
            end,
            downloaded: 0,
        })
    }

    fn bytes(&mut self, offset: u64, length: u64) -> Result<Vec<u8>, WriteError> {
        let mut codes = Codes {
            cancelled: &self.worker.cancel,
            file: self.file.clone(),
            reader: None,
            position: self.start + offset,
            end: self.start + offset + length,
            downloaded: 0,
        };
        codes.next(length)
    }
}

/// A range of a file that is read from front to end, over cuts of the connection.
struct Codes<'w> {
    cancelled: &'w host::cancel::Cancel,
    file: ArtifactFile,
    reader: Option<RangeReader>,
    position: u64,
    end: u64,
    downloaded: u64,
}

impl Codes<'_> {
    /// The next bytes, so many.
    fn next(&mut self, length: u64) -> Result<Vec<u8>, WriteError> {
        if self.cancelled.is_cancelled() {
            return Err(WriteError::Stopped);
        }
        // The header bounds the code of a frame to a few MiB.
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        let mut filled = 0;
        let mut attempt = 0;
        while filled < bytes.len() {
            match self.read(&mut bytes[filled..]) {
                Ok(count) => {
                    filled += count;
                    attempt = 0;
                }
                Err(SourceError::Cancelled) => return Err(WriteError::Stopped),
                Err(error) if attempt == ATTEMPTS || !error.may_pass() || self.cancelled.is_cancelled() => {
                    return Err(error.into());
                }
                Err(_) => {
                    self.reader = None;
                    thread::sleep(Duration::from_millis(200 << attempt));
                    attempt += 1;
                }
            }
        }
        Ok(bytes)
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.file.range(self.position, self.end - self.position)?),
        };
        let count = reader.read_some(buffer)?;
        self.position += count as u64;
        self.downloaded += count as u64;
        Ok(count)
    }
}

/// A file or partition that a patch copies from.
struct Source {
    file: File,
    length: u64,
}

impl Source {
    fn open(path: &Path) -> Result<Self, WriteError> {
        Self::front_of(path, u64::MAX)
    }

    fn front_of(path: &Path, length: u64) -> Result<Self, WriteError> {
        let opened = || -> io::Result<Self> {
            let mut file = File::open(path)?;
            let whole = file.seek(SeekFrom::End(0))?;
            Ok(Self { file, length: whole.min(length) })
        };
        opened().map_err(|error| WriteError::Unusable(format!("{} cannot be read: {error}", path.display())))
    }
}

impl ReadAt for Source {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
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

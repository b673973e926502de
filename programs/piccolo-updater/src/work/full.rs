//! The new images whole, compressed.

use std::io::{BufReader, Read, Write};

use host::cancel::Cancel;
use release_metadata::release::Release;
use release_source::artifact::ArtifactFile;
use release_source::error::SourceError;
use release_source::repository::TrustedRepository;
use seekable_zstd::{FOOTER, Place, SeekTable};
use tracing::info;
use update_engine::record::Progress;
use update_slots::boot_entries::BootEntries;

use super::Worker;
use super::fetch::{Download, Steady, SteadyRange};
use super::write::{Report, WriteError, inactive_image};

/// Bytes decompressed at once.
const PIECE: usize = 1 << 20;
/// The most memory that decompressing may take: the window of `zstd --ultra -22` with long matches of 128 MiB is refused.
const WINDOW_LOG: u32 = 26;

/// The whole root image.
pub fn root(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let root = &release.root;
    let (mut image, resume) = inactive_image(worker, release)?;
    if image.written() < root.size {
        let file = repository.artifact(release, &release.full.root);
        let (mut stream, mut position) = stream_from(file, image.written(), &worker.cancel)?;
        let mut piece = vec![0; PIECE];
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

/// The whole UKI, beside the boot entries.
pub fn uki(
    worker: &Worker,
    repository: &TrustedRepository,
    release: &Release,
    entries: &BootEntries,
    report: &mut Report<'_>,
) -> Result<(), WriteError> {
    let uki = &release.uki;
    let mut writer = entries.begin(release.version, uki.size)?;
    let file = repository.artifact(release, &release.full.uki).whole()?;
    let mut stream = Decompressed::new("uki.zst", Box::new(Steady::new(file, worker.cancel.clone())), 0)?;
    let before = report.progress();
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
        report.tell(Progress { downloaded: before.downloaded + stream.downloaded(), ..before });
    }
    Ok(writer.finish(uki.sha256)?)
}

/// The content of `root.zst`, from the last place at or before `offset` that it can be read from. Answers that place, too.
fn stream_from(mut file: ArtifactFile, offset: u64, cancel: &Cancel) -> Result<(Decompressed, u64), WriteError> {
    if offset > 0 {
        match place_of(&file, offset, cancel) {
            Ok((place, end, looked_at)) if place.decompressed > 0 => {
                // Nobody vouches for a part of the file: the root hash does, when the image is complete.
                let rest = SteadyRange::new(file, place.compressed, end - place.compressed, cancel.clone());
                let stream = Decompressed::new("root.zst", Box::new(rest), looked_at)?;
                return Ok((stream, place.decompressed));
            }
            Ok(_) => {}
            Err(WriteError::Unusable(reason)) => info!("root.zst is read from its front: {reason}"),
            Err(WriteError::Source(problem @ SourceError::NoRanges { .. })) => {
                info!("root.zst is read from its front: {problem}");
            }
            Err(error) => return Err(error),
        }
    }
    let whole = Steady::new(file.whole()?, cancel.clone());
    Ok((Decompressed::new("root.zst", Box::new(whole), 0)?, 0))
}

/// Where `root.zst` can be read from in order to get what is at `offset`, where its frames end, and how many bytes it took to find out.
fn place_of(file: &ArtifactFile, offset: u64, cancel: &Cancel) -> Result<(Place, u64, u64), WriteError> {
    let size = file.size();
    let bytes = |length: u64| -> Result<Vec<u8>, WriteError> {
        let start = size.checked_sub(length).ok_or_else(|| WriteError::Unusable("it is too short".to_owned()))?;
        // The footer is a few bytes, and the number of frames of a table is limited.
        let mut bytes = vec![0; length as usize];
        let read = SteadyRange::new(file.clone(), start, length, cancel.clone()).fill(&mut bytes);
        read.map(|()| bytes).map_err(WriteError::from_source)
    };
    let unusable = |error: seekable_zstd::SeekTableError| WriteError::Unusable(error.to_string());
    let footer = bytes(FOOTER as u64)?;
    let footer = footer.first_chunk().ok_or_else(|| WriteError::Unusable("it is too short".to_owned()))?;
    let length = SeekTable::length(footer).map_err(unusable)? as u64;
    let table = SeekTable::parse(&bytes(length)?, size).map_err(unusable)?;
    Ok((table.place_of(offset), table.compressed_size(), FOOTER as u64 + length))
}

/// A compressed file on its way.
struct Decompressed {
    name: &'static str,
    decoder: zstd::stream::read::Decoder<'static, BufReader<Box<dyn Download>>>,
    /// Downloaded before.
    before: u64,
}

impl Decompressed {
    fn new(name: &'static str, download: Box<dyn Download>, before: u64) -> Result<Self, WriteError> {
        let failed = |source| WriteError::Decompress { name: name.to_owned(), source };
        let mut decoder = zstd::stream::read::Decoder::new(download).map_err(failed)?;
        decoder.window_log_max(WINDOW_LOG).map_err(failed)?;
        Ok(Self { name, decoder, before })
    }

    fn downloaded(&self) -> u64 {
        self.before + self.decoder.get_ref().get_ref().downloaded()
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
            Some(source) => Err(WriteError::from_source(source)),
            None => Err(WriteError::Decompress { name: self.name.to_owned(), source: failure }),
        }
    }
}

//! The files of a release. Each way to get one has a maker; a new way is one more line in [`MAKERS`].

use super::built::Built;
use super::place::check_cancelled;
use super::{chunks, patches};
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::Report;
use anyhow::{Context, anyhow};
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::path::{FULL_ROOT, FULL_UKI};
use release_metadata::release::{Chunks, FullImages, Patch};
use release_metadata::updates::Updates;
use release_repository::repository::Repository;
use seekable_zstd::{Frame, SeekTable};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Bytes of an image that are compressed together; smaller frames make larger files. A device notes every 8 MiB how far it is, and reads at most a
/// frame again.
const FRAME: u64 = 16 << 20;

/// What makers work with.
#[derive(Debug)]
pub struct Making<'a> {
    /// The build.
    pub built: &'a mut Built,
    /// Where files go, each under its path in the release.
    pub directory: &'a Path,
    /// Where older releases are.
    pub repository: &'a Repository,
    /// The stream, with its older releases.
    pub updates: &'a Updates,
    /// From how many older releases patches are made.
    pub patches: usize,
    /// Whether chunks are made.
    pub chunks: bool,
    /// How hard zstd tries, 1 to 19.
    pub level: i32,
    /// Tells how far it is.
    pub report: &'a Report,
}

/// What makers made.
#[derive(Debug, Default)]
pub struct Ways {
    /// Both images whole.
    pub full: Option<FullImages>,
    /// Patches from older releases.
    pub patches: Vec<Patch>,
    /// The way from any release.
    pub chunks: Option<Chunks>,
}

/// Writes files into the directory and says what they are.
type Maker = fn(&mut Making<'_>, &mut Ways) -> Result<(), Failure>;

/// Every way to get a release. The first one also finds out the hash of the root image, which others may want. Makers that start from older
/// releases take their images from `release_repository::images`.
const MAKERS: [Maker; 4] = [full_images, patches::uki_from_root, patches::patches, chunks::chunks];

/// Makes all files of a release.
pub fn make(making: &mut Making<'_>) -> Result<Ways, Failure> {
    let mut ways = Ways::default();
    for maker in MAKERS {
        maker(making, &mut ways)?;
    }
    Ok(ways)
}

/// Both images whole, compressed.
fn full_images(making: &mut Making<'_>, ways: &mut Ways) -> Result<(), Failure> {
    let (directory, level, report) = (making.directory, making.level, making.report);
    let size = making.built.root.size;
    let root = making.built.root_partition.clone().take(size);
    let (root_file, root_hash) =
        compress(root, size, &directory.join(FULL_ROOT), level, "Compressing the root image", report)?;
    making.built.root.sha256 = root_hash;
    let uki = making.built.uki_bytes.as_slice();
    let (uki_file, _) =
        compress(uki, uki.len() as u64, &directory.join(FULL_UKI), level, "Compressing the UKI", report)?;
    let named = |path: &str, (size, sha256): (u64, Sha256Digest)| -> Result<Artifact, Failure> {
        Ok(Artifact { path: path.parse().or_fail(FailureKind::Internal)?, size, sha256 })
    };
    ways.full =
        Some(FullImages { root: named(FULL_ROOT, root_file)?, uki: named(FULL_UKI, uki_file)?, uki_from_root: None });
    Ok(())
}

/// Compresses on all cores, in frames that a device can begin at (zstd's seekable format). Answers size and hash of the file, and the hash of
/// what went in. The bytes do not depend on the number of cores.
fn compress(
    mut from: impl Read,
    size: u64,
    to: &Path,
    level: i32,
    what: &str,
    report: &Report,
) -> Result<((u64, Sha256Digest), Sha256Digest), Failure> {
    let phase = report.phase(what);
    let writing = |error: io::Error| anyhow::Error::new(error).context(format!("writing {}", to.display()));
    let file = File::create(to).map_err(writing).or_fail(FailureKind::Requirement)?;
    let mut out = Hashed { inner: file, hash: Sha256::new(), size: 0 };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut hash, mut done, mut frames) = (Sha256::new(), 0, Vec::new());
    while done < size {
        check_cancelled(report.cancel())?;
        let mut contents = Vec::new();
        while done < size && contents.len() < threads {
            let content = next_frame(&mut from, size - done).or_fail(FailureKind::Input)?;
            hash.update(&content);
            done += content.len() as u64;
            contents.push(content);
        }
        for (content, frame) in contents.iter().zip(compress_frames(&contents, level)?) {
            out.write_all(&frame).map_err(writing).or_fail(FailureKind::Requirement)?;
            // Frames are smaller than 4 GiB.
            frames.push(Frame { compressed: frame.len() as u32, decompressed: content.len() as u32 });
        }
        phase.bytes(done, size);
    }
    let table = SeekTable::new(frames).or_fail(FailureKind::Input)?;
    out.write_all(&table.to_bytes()).map_err(writing).or_fail(FailureKind::Requirement)?;
    Ok(((out.size, Sha256Digest(out.hash.finalize().into())), Sha256Digest(hash.finalize().into())))
}

/// The next bytes of an image, of which so many are left.
fn next_frame(from: &mut impl Read, left: u64) -> anyhow::Result<Vec<u8>> {
    let wanted = left.min(FRAME);
    let mut content = Vec::new();
    from.take(wanted).read_to_end(&mut content).context("reading the image")?;
    let missing = wanted - content.len() as u64;
    if missing > 0 { Err(anyhow!("the image ends {} bytes early", left - content.len() as u64)) } else { Ok(content) }
}

/// Each content as a frame, each on its thread.
fn compress_frames(contents: &[Vec<u8>], level: i32) -> Result<Vec<Vec<u8>>, Failure> {
    let compress = |content: &[u8]| -> io::Result<Vec<u8>> {
        let mut compressor = zstd::bulk::Compressor::new(level)?;
        compressor.include_checksum(true)?;
        compressor.compress(content)
    };
    let frames: io::Result<Vec<Vec<u8>>> = std::thread::scope(|scope| {
        let running: Vec<_> = contents.iter().map(|content| scope.spawn(move || compress(content))).collect();
        let ended = running.into_iter().map(|thread| thread.join().map_err(|_| io::Error::other("zstd panicked")));
        ended.map(|result| result.and_then(|frame| frame)).collect()
    });
    frames.context("zstd does not compress").or_fail(FailureKind::Internal)
}

struct Hashed<W> {
    inner: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

//! The files of a release. Each way to get one has a maker; a new way is one more line in [`MAKERS`].

use super::built::Built;
use super::patches;
use super::place::check_cancelled;
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::Report;
use anyhow::Context;
use release_metadata::artifact::Artifact;
use release_metadata::digest::Sha256Digest;
use release_metadata::path::{FULL_ROOT, FULL_UKI};
use release_metadata::release::{Chunks, FullImages, Patch};
use release_metadata::updates::Updates;
use release_repository::repository::Repository;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

/// Copied at a time.
const PIECE: usize = 1 << 20;

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
const MAKERS: [Maker; 2] = [full_images, patches::patches];

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
    ways.full = Some(FullImages { root: named(FULL_ROOT, root_file)?, uki: named(FULL_UKI, uki_file)? });
    Ok(())
}

/// Compresses with all cores. Answers size and hash of the file, and the hash of what went in.
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
    let mut encoder = encoder(Hashed { inner: file, hash: Sha256::new(), size: 0 }, size, level)
        .context("zstd does not start")
        .or_fail(FailureKind::Internal)?;
    let (mut hash, mut done, mut buffer) = (Sha256::new(), 0, vec![0; PIECE]);
    while done < size {
        check_cancelled(report.cancel())?;
        let count = from.read(&mut buffer).context("reading the image").or_fail(FailureKind::Input)?;
        if count == 0 {
            return Err(Failure::new(
                FailureKind::Input,
                anyhow::anyhow!("the image ends after {done} of {size} bytes"),
            ));
        }
        hash.update(&buffer[..count]);
        encoder.write_all(&buffer[..count]).map_err(writing).or_fail(FailureKind::Requirement)?;
        done += count as u64;
        phase.bytes(done, size);
    }
    let out = encoder.finish().map_err(writing).or_fail(FailureKind::Requirement)?;
    Ok(((out.size, Sha256Digest(out.hash.finalize().into())), Sha256Digest(hash.finalize().into())))
}

/// The number of threads does not change the bytes, but whether there are any does: always at least one beside the main thread.
fn encoder<W: Write>(to: W, size: u64, level: i32) -> io::Result<zstd::Encoder<'static, W>> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut encoder = zstd::Encoder::new(to, level)?;
    encoder.multithread(u32::try_from(threads).unwrap_or(1).max(1))?;
    encoder.include_checksum(true)?;
    encoder.set_pledged_src_size(Some(size))?;
    Ok(encoder)
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

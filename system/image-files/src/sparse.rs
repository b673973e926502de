//! Copying files and keeping their holes, so that a disk image of gigabytes occupies only what is in it

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{SeekFrom, copy_file_range, fstatfs, seek};
use rustix::io::Errno;
use thiserror::Error;

/// What is skipped when it is zero: the block size of the file systems that images are made on.
const BLOCK: usize = 4096;
/// Bytes moved at once: large enough for few system calls, small enough for quick cancellation.
const CHUNK: usize = 1 << 20;
/// File systems that copy by sharing blocks (magic numbers of statfs(2)): btrfs, XFS, bcachefs.
const SHARING_FILE_SYSTEMS: [u64; 3] = [0x9123_683e, 0x5846_5342, 0xca45_1a4e];

/// Who watches a long operation, and may end it.
pub struct Watch<'a> {
    /// Called with the bytes done and the bytes in total, at least once per MiB.
    pub progress: &'a mut dyn FnMut(u64, u64),
    /// Set by somebody else to end the operation soon.
    pub cancelled: &'a AtomicBool,
}

impl Watch<'_> {
    /// Reports progress.
    ///
    /// # Errors
    /// [`Cancelled`] when the operation shall end.
    pub fn advance(&mut self, done: u64, total: u64) -> Result<(), Cancelled> {
        (self.progress)(done, total);
        if self.cancelled.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }
}

/// The operation was cancelled by whoever watches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("cancelled; nothing that it was writing is kept")]
pub struct Cancelled;

/// Which bytes go where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyRange {
    /// First byte to read.
    pub source_offset: u64,
    /// Where it goes.
    pub target_offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// A copy did not finish.
#[derive(Debug, Error)]
pub enum CopyError {
    /// The source could not be read.
    #[error("reading {length} bytes at offset {offset} of the source did not work")]
    Read {
        /// Where, in bytes.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// Why.
        source: io::Error,
    },
    /// The target could not be written.
    #[error("writing {length} bytes at offset {offset} of the target did not work")]
    Write {
        /// Where, in bytes.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// Why.
        source: io::Error,
    },
    /// Somebody wanted it to end.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Copies a range into a place of the target that is a hole or holds zeros, and leaves holes where the source has holes or
/// blocks of zeros. The target is not truncated. Where the file system can share blocks, they are shared.
///
/// # Errors
/// When reading or writing does not work, the source is shorter than the range, or the copy was cancelled.
pub fn copy(source: &File, target: &File, range: CopyRange, watch: &mut Watch<'_>) -> Result<(), CopyError> {
    let end = range.source_offset.saturating_add(range.length);
    let unreadable = |source| CopyError::Read { offset: range.source_offset, length: 0, source };
    let mut buffer = vec![0; CHUNK];
    let mut sharing = shares_blocks(target);
    let mut reached = range.source_offset;
    while let Some(data) = next_data(source, reached, end).map_err(unreadable)? {
        reached = data.start;
        while reached < data.end {
            let done = reached - range.source_offset;
            watch.advance(done, range.length)?;
            let target_offset = range.target_offset.saturating_add(done);
            // At most one chunk, so it fits.
            let length = (data.end - reached).min(CHUNK as u64) as usize;
            let shared = if sharing { share(source, reached, target, target_offset, length) } else { 0 };
            if shared > 0 {
                reached += shared as u64;
                continue;
            }
            // Not possible here (other file system, misaligned): the ordinary way from now on.
            sharing = false;
            let bytes = &mut buffer[..length];
            source.read_exact_at(bytes, reached).map_err(|source| CopyError::Read {
                offset: reached,
                length,
                source,
            })?;
            write_at(target, bytes, target_offset).map_err(|source| CopyError::Write {
                offset: target_offset,
                length,
                source,
            })?;
            reached += length as u64;
        }
    }
    Ok(watch.advance(range.length, range.length)?)
}

/// Writes bytes into a place that is a hole or holds zeros: blocks of zeros are skipped.
///
/// # Errors
/// When writing does not work.
pub fn write_at(target: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    // The first block ends where the target's block ends, so that whole blocks of the target stay holes.
    let lead = (BLOCK - (offset % BLOCK as u64) as usize).min(bytes.len());
    let (first, rest) = bytes.split_at(lead);
    let mut run = 0..0;
    let mut place = 0;
    for block in std::iter::once(first).chain(rest.chunks(BLOCK)) {
        if block == &ZEROS[..block.len()] {
            target.write_all_at(&bytes[run.clone()], offset + run.start as u64)?;
            run = place + block.len()..place + block.len();
        } else {
            run.end = place + block.len();
        }
        place += block.len();
    }
    target.write_all_at(&bytes[run.clone()], offset + run.start as u64)
}

/// The next stretch of data in `from..end`, skipping a hole. Nothing if there is only a hole. Moves the file's position.
fn next_data(file: &File, from: u64, end: u64) -> io::Result<Option<Range<u64>>> {
    if from >= end {
        return Ok(None);
    }
    let start = match seek(file, SeekFrom::Data(from)) {
        Ok(start) => start,
        // No data until the end of the file. A file that ends too early is an error of reading, not a hole.
        Err(Errno::NXIO) if file.metadata()?.len() >= end => return Ok(None),
        Err(Errno::NXIO) => return Err(io::ErrorKind::UnexpectedEof.into()),
        // The file system knows no holes.
        Err(Errno::INVAL) => return Ok(Some(from..end)),
        Err(error) => return Err(error.into()),
    };
    if start >= end {
        return Ok(None);
    }
    let stop = seek(file, SeekFrom::Hole(start))?.min(end);
    // Every file has a hole at its end, so data that ends early is a file that does.
    let truncated = stop < end && file.metadata()?.len() <= stop;
    if truncated { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(Some(start..stop)) }
}

/// Whether copying inside this file's file system shares blocks. Elsewhere reading and writing is better: it finds zeros.
fn shares_blocks(file: &File) -> bool {
    // The type of the magic number depends on the architecture; its low 32 bits are what is defined.
    fstatfs(file).is_ok_and(|status| SHARING_FILE_SYSTEMS.contains(&(status.f_type as u64 & 0xffff_ffff)))
}

/// The number of bytes that were copied by the file system; 0 if it could not.
fn share(source: &File, source_offset: u64, target: &File, target_offset: u64, length: usize) -> usize {
    let (mut from, mut to) = (source_offset, target_offset);
    copy_file_range(source, Some(&mut from), target, Some(&mut to), length).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::sync::atomic::AtomicBool;

    use proptest::collection::vec;
    use proptest::{prop_assert_eq, proptest};

    use super::{CopyError, CopyRange, Watch, copy, write_at};

    fn copied(source: &File, target: &File, range: CopyRange) -> Result<(), CopyError> {
        copy(source, target, range, &mut Watch { progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) })
    }

    #[test]
    fn holes_and_blocks_of_zeros_take_no_space() {
        let source = tempfile::tempfile().unwrap();
        source.set_len(64 << 20).unwrap();
        source.write_all_at(&[7; 10_000], 8 << 20).unwrap();
        source.write_all_at(&vec![0; 4 << 20], 16 << 20).unwrap();
        source.write_all_at(b"end", (64 << 20) - 3).unwrap();
        let target = tempfile::tempfile().unwrap();
        let mut calls = Vec::new();
        copy(
            &source,
            &target,
            CopyRange { source_offset: 0, target_offset: 1 << 20, length: 64 << 20 },
            &mut Watch { progress: &mut |done, total| calls.push((done, total)), cancelled: &AtomicBool::new(false) },
        )
        .unwrap();
        let mut bytes = [0; 10_002];
        target.read_exact_at(&mut bytes, (9 << 20) - 1).unwrap();
        assert!(bytes[0] == 0 && bytes[10_001] == 0 && bytes[1..10_001] == [7; 10_000]);
        target.read_exact_at(&mut bytes[..3], (65 << 20) - 3).unwrap();
        assert_eq!(&bytes[..3], b"end");
        assert_eq!(target.metadata().unwrap().len(), 65 << 20);
        assert!(target.metadata().unwrap().blocks() * 512 < 256 << 10, "zeros were written");
        assert_eq!(calls.last(), Some(&(64 << 20, 64 << 20)));
    }

    #[test]
    fn a_short_source_is_an_error_and_not_a_hole() {
        let (source, target) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        source.write_all_at(&[1; 5000], 0).unwrap();
        let range = CopyRange { source_offset: 0, target_offset: 0, length: 5001 };
        assert!(matches!(copied(&source, &target, range), Err(CopyError::Read { .. })));
        let range = CopyRange { source_offset: 6000, target_offset: 0, length: 1 };
        assert!(matches!(copied(&source, &target, range), Err(CopyError::Read { .. })));
        let range = CopyRange { source_offset: 6000, target_offset: 0, length: 0 };
        assert!(copied(&source, &target, range).is_ok());
    }

    #[test]
    fn cancelling_ends_the_copy() {
        let (source, target) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        source.write_all_at(&vec![1; 3 << 20], 0).unwrap();
        let cancelled = AtomicBool::new(false);
        let mut progress = |done, _| cancelled.store(done >= 1 << 20, std::sync::atomic::Ordering::Relaxed);
        let range = CopyRange { source_offset: 0, target_offset: 0, length: 3 << 20 };
        let result = copy(&source, &target, range, &mut Watch { progress: &mut progress, cancelled: &cancelled });
        assert!(matches!(result, Err(CopyError::Cancelled(_))));
        assert_eq!(target.metadata().unwrap().len(), 1 << 20);
    }

    proptest! {
        #[test]
        fn every_byte_arrives(runs in vec((0..3_u8, 1..9000_usize), 0..6), offset in 0..9000_u64) {
            let bytes: Vec<u8> = runs.into_iter().flat_map(|(byte, length)| vec![byte; length]).collect();
            let target = tempfile::tempfile().unwrap();
            target.set_len(offset + bytes.len() as u64).unwrap();
            write_at(&target, &bytes, offset).unwrap();
            let mut read = vec![9; bytes.len()];
            target.read_exact_at(&mut read, offset).unwrap();
            prop_assert_eq!(read, bytes);
        }
    }
}

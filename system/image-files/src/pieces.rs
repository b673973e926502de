//! One pass over an image on several threads: each reads a piece, hashes it, writes it, and takes the next
//!
//! There is no queue between reading, hashing and writing: while one thread waits for the disk the others compute, memory is one
//! buffer per thread, and a piece is hashed while it is still in the processor's cache.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

use verity_tree::BLOCK_SIZE;
use verity_tree::digest::{BlockDigest, Salt, hash_blocks};

use crate::disk::Window;
use crate::sparse::{self, CopyError, Watch};

/// Blocks in a piece: 512 KiB, so that a piece stays in a core's second-level cache from being read to being written.
const PIECE_BLOCKS: usize = 128;

/// Bytes written at once. For a longer write the kernel takes larger runs of free memory, which in a virtual machine is memory that the host has
/// yet to provide: 400 MB then took 1.0 s of processor time instead of 0.2 s.
const WRITE_LENGTH: usize = 16 << 10;

/// Where an image's bytes come from.
pub(crate) trait Source: Sync {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;
}

impl Source for File {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }
}

impl Source for Window {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        Self::read_exact_at(self, buffer, offset)
    }
}

/// Something new that an image is written into: a file, or a partition of a new disk image. It holds zeros so far.
pub trait EmptyTarget: Sync {
    /// Writes all bytes at `offset`; blocks of zeros may stay holes.
    ///
    /// # Errors
    /// When writing does not work, or the target has no room for the bytes.
    fn write_sparse_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
}

impl EmptyTarget for File {
    fn write_sparse_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        sparse::write_at(self, bytes, offset)
    }
}

impl EmptyTarget for Window {
    fn write_sparse_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_sparse_at(bytes, offset)
    }
}

/// What to do in one pass.
pub(crate) struct Pass<'a> {
    pub(crate) source: &'a dyn Source,
    /// Length of the source in bytes, a multiple of the block size.
    pub(crate) length: u64,
    pub(crate) target: Option<&'a dyn EmptyTarget>,
    /// Digests of all blocks are asked for, with this salt.
    pub(crate) salt: Option<&'a Salt>,
    /// How many threads work at once.
    pub(crate) threads: usize,
}

/// One piece of the work.
struct Piece<'a> {
    offset: u64,
    digests: &'a mut [BlockDigest],
}

/// Runs the pass. Answers the digest of every block, or zeros where no salt was given.
pub(crate) fn run(pass: &Pass<'_>, watch: &mut Watch<'_>) -> Result<Vec<BlockDigest>, CopyError> {
    let blocks = usize::try_from(pass.length / BLOCK_SIZE as u64).map_err(|_| CopyError::Read {
        offset: 0,
        length: 0,
        source: io::ErrorKind::FileTooLarge.into(),
    })?;
    let mut digests = vec![[0; 32]; blocks];
    let offsets = (0..).step_by(PIECE_BLOCKS * BLOCK_SIZE);
    let pieces = offsets.zip(digests.chunks_mut(PIECE_BLOCKS)).map(|(offset, digests)| Piece { offset, digests });
    let (pieces, ended) = (Mutex::new(pieces), AtomicBool::new(false));
    let writing = Mutex::new(());
    std::thread::scope(|scope| {
        let (report, reports) = mpsc::channel();
        for _ in 0..pass.threads.max(1) {
            let (report, pieces, ended, writing) = (report.clone(), &pieces, &ended, &writing);
            scope.spawn(move || {
                let mut buffer = vec![0; PIECE_BLOCKS * BLOCK_SIZE];
                while !ended.load(Ordering::Relaxed) {
                    let Some(piece) = pieces.lock().unwrap_or_else(PoisonError::into_inner).next() else { break };
                    let result = perform(pass, piece, &mut buffer, writing);
                    // Nobody listens any more after an error; the others end by themselves.
                    if report.send(result).is_err() {
                        break;
                    }
                }
            });
        }
        drop(report);
        let result = follow(&reports, pass.length, watch);
        ended.store(true, Ordering::Relaxed);
        result
    })?;
    Ok(digests)
}

/// Reports progress until every thread has ended or one has failed.
fn follow(
    reports: &mpsc::Receiver<Result<u64, CopyError>>,
    length: u64,
    watch: &mut Watch<'_>,
) -> Result<(), CopyError> {
    let mut done = 0;
    watch.advance(done, length)?;
    for report in reports {
        done += report?;
        watch.advance(done, length)?;
    }
    Ok(())
}

fn perform(pass: &Pass<'_>, piece: Piece<'_>, buffer: &mut [u8], writing: &Mutex<()>) -> Result<u64, CopyError> {
    let (offset, length) = (piece.offset, piece.digests.len() * BLOCK_SIZE);
    let bytes = &mut buffer[..length];
    pass.source.read_exact_at(bytes, offset).map_err(|source| CopyError::Read { offset, length, source })?;
    if let Some(salt) = pass.salt {
        hash_blocks(salt, bytes, piece.digests);
    }
    if let Some(target) = pass.target {
        // The kernel lets one thread at a time write to a file, and those that wait burn the processor; here they sleep.
        let _turn = writing.lock().unwrap_or_else(PoisonError::into_inner);
        for (offset, bytes) in (offset..).step_by(WRITE_LENGTH).zip(bytes.chunks(WRITE_LENGTH)) {
            let unwritten = |source| CopyError::Write { offset, length: bytes.len(), source };
            target.write_sparse_at(bytes, offset).map_err(unwritten)?;
        }
    }
    Ok(length as u64)
}

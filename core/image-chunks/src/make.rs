//! Makes chunks of an image: packs and index.

use crate::apply::{DICTIONARY_MAGIC, ZSTD_MAGIC};
use crate::cut::{Average, Cutter, Piece};
use crate::digest::ChunkDigest;
use crate::history::{self, History};
use crate::index::{Chunk, Content, Index, IndexError, Run};
use crate::parallel::{Cancelled, Work, each_section};
use crate::source::ReadAt;
use crate::{BLOCK_SIZE, HISTORY_STEP, MAXIMUM_IMAGE};
use std::collections::HashMap;
use std::io;
use std::ops::Range;
use zstd::zstd_safe::{CCtx, CDict, CParameter, compress_bound, get_error_name};

/// zstd's level. Higher ones take ten times as long and save less than a hundredth; low ones are for trying out.
pub const BEST_LEVEL: i32 = 12;
/// Size from which on a pack is full.
const PACK_SIZE: u64 = 64 << 20;

/// Where packs are written.
pub trait PackWriter {
    /// Appends to a pack, numbered from 0. Packs come one after the other.
    ///
    /// # Errors
    /// Any error of what is below.
    fn append(&mut self, pack: usize, bytes: &[u8]) -> io::Result<()>;
}

impl PackWriter for Vec<Vec<u8>> {
    fn append(&mut self, pack: usize, bytes: &[u8]) -> io::Result<()> {
        if self.len() <= pack {
            self.resize(pack + 1, Vec::new());
        }
        self[pack].extend(bytes);
        Ok(())
    }
}

/// Why no chunks were made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The image is not one.
    #[error("the image has {size} bytes; it must be whole blocks of {BLOCK_SIZE}, and at most {MAXIMUM_IMAGE} bytes")]
    Size {
        /// Its size.
        size: u64,
    },
    /// The image cannot be read.
    #[error("reading {length} bytes at {offset} of the image did not work")]
    Read {
        /// Offset in the image.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// A pack cannot be written.
    #[error("writing pack {pack} did not work")]
    Write {
        /// Which pack, from 0.
        pack: usize,
        /// What the writer said.
        source: io::Error,
    },
    /// The compressor did not work.
    #[error("a chunk could not be compressed: {reason}")]
    Compress {
        /// What zstd says.
        reason: &'static str,
    },
    /// The image changed between two readings.
    #[error("the image changed while its chunks were made; try again")]
    Changed,
    /// The image has more chunks than an index can hold.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It was cancelled.
    #[error("making chunks was cancelled; delete the packs")]
    Cancelled,
}

impl From<Cancelled> for MakeError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Cuts an image, writes the packs, and answers the index. Equal images give equal bytes, whatever the number of threads. Reads
/// the image twice: progress is told for twice its size.
///
/// # Errors
/// When the image cannot be read, is no image or changes, a pack cannot be written, or it was cancelled.
pub fn make(image: &dyn ReadAt, packs: &mut dyn PackWriter, work: &mut Work<'_>) -> Result<Index, MakeError> {
    make_at_level(image, packs, BEST_LEVEL, work)
}

/// As [`make`], with another of zstd's levels: less time, larger packs.
///
/// # Errors
/// As [`make`].
pub fn make_at_level(
    image: &dyn ReadAt,
    packs: &mut dyn PackWriter,
    level: i32,
    work: &mut Work<'_>,
) -> Result<Index, MakeError> {
    let size = image.length();
    if size > MAXIMUM_IMAGE || !size.is_multiple_of(BLOCK_SIZE) {
        return Err(MakeError::Size { size });
    }
    let average = Average::for_image(size);
    let Work { threads, progress, cancelled } = work;
    let mut first = |done, _| progress(done, 2 * size);
    let listed = list(image, average, &mut Work { threads: *threads, progress: &mut first, cancelled })?;
    let mut second = |done, _| progress(size + done, 2 * size);
    let work = &mut Work { threads: *threads, progress: &mut second, cancelled };
    let (packs, packed) = pack(image, &listed, packs, level, work)?;
    let chunks = listed.new.iter().zip(packed);
    let chunks = chunks.map(|(new, packed)| Chunk { digest: new.digest, length: new.length, packed }).collect();
    Ok(Index::new(Content { average, packs, runs: listed.runs, chunks })?)
}

/// A chunk that occurs for the first time.
struct New {
    digest: ChunkDigest,
    offset: u64,
    length: u32,
}

/// What is in the image.
#[derive(Default)]
struct Listed {
    runs: Vec<Run>,
    new: Vec<New>,
    numbers: HashMap<ChunkDigest, u32>,
}

impl Listed {
    fn add_zeros(&mut self, count: u32) {
        match self.runs.last_mut() {
            Some(Run::Zero { blocks }) => *blocks += count,
            _ => self.runs.push(Run::Zero { blocks: count }),
        }
    }

    fn add_chunk(&mut self, chunk: New) {
        let next = self.new.len() as u32;
        let number = *self.numbers.entry(chunk.digest).or_insert(next);
        match self.runs.last_mut() {
            Some(Run::New { count }) if number == next => *count += 1,
            Some(Run::Again { first, count }) if number != next && *first + *count == number => *count += 1,
            _ if number == next => self.runs.push(Run::New { count: 1 }),
            _ => self.runs.push(Run::Again { first: number, count: 1 }),
        }
        if number == next {
            self.new.push(chunk);
        }
    }
}

enum Found {
    Zeros(u32),
    Chunk(New),
}

/// Cuts and hashes.
fn list(image: &dyn ReadAt, average: Average, work: &mut Work<'_>) -> Result<Listed, MakeError> {
    let cutter = Cutter::new(average);
    let mut listed = Listed::default();
    each_section::<_, MakeError>(
        image.length(),
        work,
        |range| {
            let section = read(image, range.clone())?;
            let pieces = cutter.cut(&section).into_iter().map(|piece| match piece {
                Piece::Zero(zeros) => Found::Zeros((zeros.len() as u64 / BLOCK_SIZE) as u32),
                Piece::Chunk(chunk) => Found::Chunk(New {
                    digest: ChunkDigest::of(&section[chunk.clone()]),
                    offset: range.start + chunk.start as u64,
                    length: chunk.len() as u32,
                }),
            });
            Ok(pieces.collect::<Vec<_>>())
        },
        |pieces| {
            for piece in pieces {
                match piece {
                    Found::Zeros(blocks) => listed.add_zeros(blocks),
                    Found::Chunk(chunk) => listed.add_chunk(chunk),
                }
            }
            Ok(())
        },
    )?;
    Ok(listed)
}

/// Compresses, and writes the packs. Answers how many chunks lie in each pack, and their packed lengths.
fn pack(
    image: &dyn ReadAt,
    listed: &Listed,
    writer: &mut dyn PackWriter,
    level: i32,
    work: &mut Work<'_>,
) -> Result<(Vec<u32>, Vec<u32>), MakeError> {
    let (mut packs, mut packed) = (Vec::new(), Vec::new());
    let (mut count, mut length) = (0, 0);
    each_section::<_, MakeError>(
        image.length(),
        work,
        |range| pack_section(image, listed, level, range),
        |section| {
            for bytes in section {
                let pack = packs.len();
                writer.append(pack, &bytes).map_err(|source| MakeError::Write { pack, source })?;
                packed.push(bytes.len() as u32);
                (count, length) = (count + 1, length + bytes.len() as u64);
                if length >= PACK_SIZE {
                    packs.push(std::mem::take(&mut count));
                    length = 0;
                }
            }
            Ok(())
        },
    )?;
    packs.extend((count > 0).then_some(count));
    Ok((packs, packed))
}

/// The chunks that first occur in a section, as they lie in the pack.
fn pack_section(image: &dyn ReadAt, listed: &Listed, level: i32, range: Range<u64>) -> Result<Vec<Vec<u8>>, MakeError> {
    let position = |offset| listed.new.partition_point(|new| new.offset < offset);
    let mut packed = Vec::new();
    let mut history = History::default();
    for start in range.clone().step_by(HISTORY_STEP as usize) {
        let end = range.end.min(start + HISTORY_STEP);
        let new = &listed.new[position(start)..position(end)];
        if let Some(last) = new.last() {
            let history = history.get(&history::range(start), |offset, bytes| read_into(image, offset, bytes))?;
            let bytes = read(image, start..last.offset + u64::from(last.length))?;
            packed.append(&mut pack_step(history, level, &bytes, start, new)?);
        }
    }
    Ok(packed)
}

/// The chunks that have one history. `bytes` are those of the image from `start` on.
fn pack_step(history: &[u8], level: i32, bytes: &[u8], start: u64, new: &[New]) -> Result<Vec<Vec<u8>>, MakeError> {
    // zstd would take it for a dictionary with tables; whoever unpacks does not.
    let history = if history.starts_with(&DICTIONARY_MAGIC) { &[] } else { history };
    let dictionary = CDict::create(history, level);
    let mut context = CCtx::create();
    let failed = |code| MakeError::Compress { reason: get_error_name(code) };
    context.set_parameter(CParameter::CompressionLevel(level)).map_err(failed)?;
    context.set_parameter(CParameter::DictIdFlag(false)).map_err(failed)?;
    context.ref_cdict(&dictionary).map_err(failed)?;
    new.iter().map(|new| pack_chunk(&mut context, &bytes[(new.offset - start) as usize..], new)).collect()
}

fn pack_chunk(context: &mut CCtx<'_>, from_here: &[u8], new: &New) -> Result<Vec<u8>, MakeError> {
    let chunk = &from_here[..new.length as usize];
    if ChunkDigest::of(chunk) != new.digest {
        return Err(MakeError::Changed);
    }
    let mut frame = Vec::with_capacity(compress_bound(chunk.len()));
    let compressed = context.compress2(&mut frame, chunk);
    compressed.map_err(|code| MakeError::Compress { reason: get_error_name(code) })?;
    let packed = frame.strip_prefix(&ZSTD_MAGIC).unwrap_or(&frame);
    Ok(if packed.len() < chunk.len() { packed.to_vec() } else { chunk.to_vec() })
}

fn read(image: &dyn ReadAt, range: Range<u64>) -> Result<Vec<u8>, MakeError> {
    let mut bytes = vec![0; (range.end - range.start) as usize];
    read_into(image, range.start, &mut bytes)?;
    Ok(bytes)
}

fn read_into(image: &dyn ReadAt, offset: u64, bytes: &mut [u8]) -> Result<(), MakeError> {
    let length = bytes.len() as u64;
    image.read_exact_at(offset, bytes).map_err(|source| MakeError::Read { offset, length, source })
}

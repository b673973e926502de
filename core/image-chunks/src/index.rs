//! Which chunks make an image, and where they lie in the packs.

use crate::codec::{Fields, write_number};
use crate::cut::Average;
use crate::digest::ChunkDigest;
use crate::{BLOCK_SIZE, MAXIMUM_IMAGE};
use std::ops::Range;

const MAGIC: &[u8; 8] = b"PICCHUNK";
const VERSION: u32 = 1;
/// Most chunks of an index.
pub const MAXIMUM_CHUNKS: u32 = 1 << 19;
/// Most places of chunks and runs of zeros in an image, together.
pub const MAXIMUM_PLACES: u64 = 1 << 20;
/// Most packs.
pub const MAXIMUM_PACKS: u32 = 4096;
/// Most bytes of an index. One at every other limit is smaller.
pub const MAXIMUM_BYTES: usize = 32 << 20;

/// A chunk. Each is listed once, in the order in which they first occur in the image; so they also lie in the packs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Hash of its bytes.
    pub digest: ChunkDigest,
    /// Its length in bytes.
    pub length: u32,
    /// Its length in the pack. As long as the chunk: not compressed.
    pub packed: u32,
}

/// A run of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Run {
    /// The next chunks of the list, which occur for the first time.
    New {
        /// How many, at least one.
        count: u32,
    },
    /// Blocks of zeros.
    Zero {
        /// How many, at least one.
        blocks: u32,
    },
    /// Chunks that occurred before.
    Again {
        /// Number of the first.
        first: u32,
        /// How many that follow each other in the list, at least one.
        count: u32,
    },
}

/// What an index says, before it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// What the image was cut with.
    pub average: Average,
    /// How many chunks lie in each pack, in order.
    pub packs: Vec<u32>,
    /// The image, from front to back.
    pub runs: Vec<Run>,
    /// All chunks.
    pub chunks: Vec<Chunk>,
}

/// Why bytes or values are no index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// Something else, or cut off.
    #[error("this is not a whole chunk index; fetch it again")]
    Format,
    /// Made by a newer version of the publisher.
    #[error(
        "the chunk index has version {found}, and this device reads version {VERSION}; update by way of an older release"
    )]
    Version {
        /// What it says.
        found: u32,
    },
    /// A limit is exceeded or two statements contradict each other.
    #[error("the chunk index contradicts itself: {what}; publish the release again")]
    Content {
        /// What is wrong.
        what: &'static str,
    },
}

/// A checked index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    content: Content,
    image_size: u64,
    /// Offset in the image where each chunk first occurs.
    first_offsets: Vec<u64>,
    /// Offset of each chunk in all packs together, and the end of the last.
    packed_offsets: Vec<u64>,
}

/// What is at a place of the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Zeros.
    Zero {
        /// Offset in the image.
        offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// A chunk.
    Chunk {
        /// Offset in the image.
        offset: u64,
        /// Its number.
        number: u32,
    },
}

/// A range of a pack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackRange {
    /// The pack, from 0.
    pub pack: usize,
    /// First byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

impl Index {
    /// Checks what an index says.
    ///
    /// # Errors
    /// The first limit that is exceeded, or the first contradiction.
    pub fn new(content: Content) -> Result<Self, IndexError> {
        let wrong = |what| Err(IndexError::Content { what });
        let Content { average, packs, runs, chunks } = &content;
        if chunks.len() > MAXIMUM_CHUNKS as usize || runs.len() as u64 > MAXIMUM_PLACES {
            return wrong("it has too many chunks");
        }
        if packs.len() > MAXIMUM_PACKS as usize || packs.contains(&0) {
            return wrong("it has too many packs, or an empty one");
        }
        if packs.iter().map(|count| u64::from(*count)).sum::<u64>() != chunks.len() as u64 {
            return wrong("packs and chunks do not go together");
        }
        let mut packed_offsets = Vec::with_capacity(chunks.len() + 1);
        let mut packed_end = 0;
        for chunk in chunks {
            if !(1..=average.longest()).contains(&chunk.length) || !(1..=chunk.length).contains(&chunk.packed) {
                return wrong("the length of a chunk is out of bounds");
            }
            packed_offsets.push(packed_end);
            packed_end += u64::from(chunk.packed);
        }
        packed_offsets.push(packed_end);
        let (first_offsets, image_size) = first_offsets(runs, chunks)?;
        if image_size > MAXIMUM_IMAGE || !image_size.is_multiple_of(BLOCK_SIZE) {
            return wrong("the image is too large, or not whole blocks");
        }
        Ok(Self { content, image_size, first_offsets, packed_offsets })
    }

    /// Reads an index.
    ///
    /// # Errors
    /// When it is not whole, of another version, beyond a limit, or contradicts itself.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        let mut fields = Fields(bytes);
        if bytes.len() > MAXIMUM_BYTES || fields.array() != Some(*MAGIC) {
            return Err(IndexError::Format);
        }
        let version = fields.word().ok_or(IndexError::Format)?;
        if version != VERSION {
            return Err(IndexError::Version { found: version });
        }
        Self::new(read_content(&mut fields).ok_or(IndexError::Format)?)
    }

    /// Writes it: equal indexes are equal bytes, and reading them gives an equal index.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let Content { average, packs, runs, chunks } = &self.content;
        let mut bytes = MAGIC.to_vec();
        for word in [VERSION, average.bytes(), packs.len() as u32, runs.len() as u32, chunks.len() as u32] {
            bytes.extend(word.to_le_bytes());
        }
        packs.iter().for_each(|count| write_number(&mut bytes, *count));
        runs.iter().for_each(|run| write_run(&mut bytes, *run));
        chunks.iter().for_each(|chunk| write_number(&mut bytes, chunk.length));
        chunks.iter().for_each(|chunk| write_number(&mut bytes, chunk.length - chunk.packed));
        chunks.iter().for_each(|chunk| bytes.extend(chunk.digest.0));
        bytes
    }

    /// What it says.
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Size of the image in bytes.
    #[must_use]
    pub fn image_size(&self) -> u64 {
        self.image_size
    }

    /// The size of all packs.
    #[must_use]
    pub fn packed_size(&self) -> u64 {
        self.packed_offsets.last().copied().unwrap_or_default()
    }

    /// The size of each pack, to be held against what signed metadata says.
    pub fn pack_sizes(&self) -> impl Iterator<Item = u64> {
        let mut first = 0;
        self.content.packs.iter().map(move |count| {
            let last = first + *count as usize;
            let size = self.packed_offsets[last] - self.packed_offsets[first];
            first = last;
            size
        })
    }

    /// Everything in the image, from front to back.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        let mut offset = 0;
        let mut new = 0;
        self.content.runs.iter().flat_map(move |run| {
            let (numbers, zeros) = match *run {
                Run::New { count } => {
                    new += count;
                    (new - count..new, None)
                }
                Run::Again { first, count } => (first..first + count, None),
                Run::Zero { blocks } => (0..0, Some(u64::from(blocks) * BLOCK_SIZE)),
            };
            let start = offset;
            offset += zeros.unwrap_or(0) + self.lengths(numbers.clone());
            let zeros = zeros.map(|length| Place::Zero { offset: start, length });
            let chunks = numbers.scan(start, |at, number| {
                let offset = *at;
                *at += self.lengths(number..number + 1);
                Some(Place::Chunk { offset, number })
            });
            zeros.into_iter().chain(chunks)
        })
    }

    /// Where a chunk first occurs in the image.
    ///
    /// # Panics
    /// When there is no such chunk, as [`Self::chunk`] and [`Self::pack_range`].
    #[must_use]
    pub fn first_offset(&self, number: u32) -> u64 {
        self.first_offsets[number as usize]
    }

    /// A chunk.
    #[must_use]
    pub fn chunk(&self, number: u32) -> Chunk {
        self.content.chunks[number as usize]
    }

    /// Where these chunks lie: as many of them, from the first on, as lie in one pack.
    #[must_use]
    pub fn pack_range(&self, numbers: Range<u32>) -> PackRange {
        let mut pack_start = 0;
        for (pack, count) in self.content.packs.iter().enumerate() {
            let pack_end = pack_start + count;
            if numbers.start < pack_end {
                let offset = |number: u32| self.packed_offsets[number as usize];
                let end = offset(numbers.end.min(pack_end));
                let start = offset(numbers.start);
                return PackRange { pack, offset: start - offset(pack_start), length: end - start };
            }
            pack_start = pack_end;
        }
        PackRange { pack: self.content.packs.len(), offset: 0, length: 0 }
    }

    /// The pack of each chunk, and where in all packs together it lies.
    pub(crate) fn packed_offset(&self, number: u32) -> u64 {
        self.packed_offsets[number as usize]
    }

    fn lengths(&self, numbers: Range<u32>) -> u64 {
        let chunks = &self.content.chunks[numbers.start as usize..numbers.end as usize];
        chunks.iter().map(|chunk| u64::from(chunk.length)).sum()
    }
}

/// Where each chunk first occurs, and the size of the image.
fn first_offsets(runs: &[Run], chunks: &[Chunk]) -> Result<(Vec<u64>, u64), IndexError> {
    const UNKNOWN: IndexError =
        IndexError::Content { what: "a run names chunks that do not exist or did not occur yet" };
    let mut offsets = Vec::with_capacity(chunks.len());
    let mut offset = 0;
    let mut places = 0;
    for run in runs {
        match *run {
            Run::New { count } => {
                let first = offsets.len();
                let new = chunks.get(first..first + count as usize).filter(|new| !new.is_empty()).ok_or(UNKNOWN)?;
                for chunk in new {
                    offsets.push(offset);
                    offset += u64::from(chunk.length);
                }
                places += u64::from(count);
            }
            Run::Again { first, count } => {
                let known = first.checked_add(count).filter(|end| count > 0 && *end as usize <= offsets.len());
                let again = &chunks[first as usize..known.ok_or(UNKNOWN)? as usize];
                places += u64::from(count);
                if places > MAXIMUM_PLACES {
                    break;
                }
                offset += again.iter().map(|chunk| u64::from(chunk.length)).sum::<u64>();
            }
            Run::Zero { blocks: 0 } => return Err(IndexError::Content { what: "a run is empty" }),
            Run::Zero { blocks } => {
                offset += u64::from(blocks) * BLOCK_SIZE;
                places += 1;
            }
        }
    }
    if places > MAXIMUM_PLACES {
        return Err(IndexError::Content { what: "the image has too many chunks" });
    }
    if offsets.len() != chunks.len() {
        return Err(IndexError::Content { what: "chunks occur nowhere in the image" });
    }
    Ok((offsets, offset))
}

/// Everything behind the version. Nothing is allocated for what cannot follow.
fn read_content(fields: &mut Fields<'_>) -> Option<Content> {
    let average = Average::new(fields.word()?)?;
    let packs = count(fields, 1)?;
    let runs = count(fields, 1)?;
    let chunks = count(fields, 18)?;
    let packs = (0..packs).map(|_| fields.number()).collect::<Option<_>>()?;
    let runs = (0..runs).map(|_| read_run(fields)).collect::<Option<_>>()?;
    let mut chunks: Vec<Chunk> = (0..chunks)
        .map(|_| fields.number().map(|length| Chunk { digest: ChunkDigest([0; 16]), length, packed: 0 }))
        .collect::<Option<_>>()?;
    for chunk in &mut chunks {
        chunk.packed = chunk.length.checked_sub(fields.number()?)?;
    }
    for chunk in &mut chunks {
        chunk.digest = ChunkDigest(fields.array()?);
    }
    fields.0.is_empty().then_some(Content { average, packs, runs, chunks })
}

/// A number of things that take at least `least` bytes each.
fn count(fields: &mut Fields<'_>, least: usize) -> Option<usize> {
    let count = usize::try_from(fields.word()?).ok()?;
    (count <= fields.0.len() / least).then_some(count)
}

fn read_run(fields: &mut Fields<'_>) -> Option<Run> {
    let number = fields.number()?;
    let count = number >> 2;
    match number & 3 {
        0 => Some(Run::New { count }),
        1 => Some(Run::Zero { blocks: count }),
        2 => Some(Run::Again { count, first: fields.number()? }),
        _ => None,
    }
}

fn write_run(bytes: &mut Vec<u8>, run: Run) {
    match run {
        Run::New { count } => write_number(bytes, count << 2),
        Run::Zero { blocks } => write_number(bytes, blocks << 2 | 1),
        Run::Again { first, count } => {
            write_number(bytes, count << 2 | 2);
            write_number(bytes, first);
        }
    }
}

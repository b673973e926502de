//! Assembles the image from front to back.

use crate::digest::ChunkDigest;
use crate::history::{self, History};
use crate::index::{Chunk, Index, PackRange, Place};
use crate::plan::{MAXIMUM_REQUEST, Origin, Plan, places_within};
use crate::source::{Output, Packs, ReadAt};
use std::io;
use std::ops::{ControlFlow, Range};
use zstd::zstd_safe::DCtx;

/// Bytes written at once.
const WRITE_SIZE: u64 = 1 << 20;
/// The first bytes of every zstd frame, which packs leave out.
pub(crate) const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
/// The first bytes of a zstd dictionary with tables of its own.
pub(crate) const DICTIONARY_MAGIC: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];
/// Fetched at once instead of the first chunk of the seed that is damaged; the double for each further one, because damage is rarely
/// alone.
const FIRST_REPAIR: u64 = 32 << 10;
/// Most damaged ranges that are reported one by one.
const MAXIMUM_DAMAGE: usize = 1000;

/// How far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Every byte of the ranges before this offset of the image was written. Once flushed, a later run goes on from here.
    pub position: u64,
    /// Bytes downloaded in this run.
    pub downloaded: u64,
}

/// What was noticed while everything was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assembled {
    /// Bytes downloaded.
    pub downloaded: u64,
    /// Ranges of the seed that could not be read or have other content than expected, in the order of the image: the first thousand.
    pub damaged: Vec<Range<u64>>,
}

/// Why the image was not made. What was written stays: see [`Progress::position`].
#[derive(Debug, thiserror::Error)]
pub enum AssembleError {
    /// A range of a pack did not arrive.
    #[error("fetching {} bytes at {} of pack {} did not work; try again, from another source if there is one", .range.length, .range.offset, .range.pack)]
    Fetch {
        /// What was asked for.
        range: PackRange,
        /// What the source said.
        source: io::Error,
    },
    /// A chunk from a pack is not what the index names.
    #[error("the chunk of {} bytes at {} of pack {} is not what the index names: the pack was changed; fetch it from another source", .range.length, .range.offset, .range.pack)]
    WrongChunk {
        /// Where it lies.
        range: PackRange,
    },
    /// The output does not take the bytes.
    #[error("writing {length} bytes at {offset} of the image did not work")]
    Write {
        /// Offset in the image.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// What the output said.
        source: io::Error,
    },
    /// The output does not give back what was written.
    #[error("reading back {length} bytes at {offset} of the image did not work")]
    ReadBack {
        /// Offset in the image.
        offset: u64,
        /// How many bytes.
        length: usize,
        /// What the output said.
        source: io::Error,
    },
    /// Whoever watches ended it.
    #[error("making the image was cancelled; it can go on where it was")]
    Cancelled,
}

/// Everything that making an image takes.
pub struct Assembly<'a> {
    /// The index of the new image.
    pub index: &'a Index,
    /// Made from this index.
    pub plan: &'a Plan,
    /// The active slot, read through dm-verity.
    pub seed: &'a dyn ReadAt,
    /// Where packs come from.
    pub packs: &'a mut dyn Packs,
    /// Where the image goes. All bytes before each range of the plan are there already, or made before.
    pub output: &'a mut dyn Output,
    /// Called after each write. Breaking ends the work.
    pub observe: &'a mut dyn FnMut(Progress) -> ControlFlow<()>,
}

impl Assembly<'_> {
    /// Makes the ranges of the plan.
    ///
    /// Every chunk is checked by its hash, wherever it comes from. Neither the seed nor a mirror can bring wrong bytes into the image; the root
    /// hash checks all of it once more.
    ///
    /// # Errors
    /// When a chunk can be had from nowhere, or the output does not work.
    pub fn run(self) -> Result<Assembled, AssembleError> {
        let (index, plan) = (self.index, self.plan);
        let mut making = Making {
            assembly: self,
            written: Writing::default(),
            history: History::default(),
            fetched: Fetched::default(),
            repair: FIRST_REPAIR,
            chunk: Vec::new(),
            frame: Vec::new(),
            context: DCtx::create(),
            result: Assembled::default(),
        };
        for (place, part) in places_within(index, plan.image_ranges()) {
            match place {
                Place::Zero { .. } => making.write_zeros(part)?,
                Place::Chunk { offset, number } => {
                    making.make_chunk(number, offset)?;
                    let chunk = std::mem::take(&mut making.chunk);
                    making.write(part.start, &chunk[(part.start - offset) as usize..(part.end - offset) as usize])?;
                    making.chunk = chunk;
                }
            }
        }
        making.write_out()?;
        Ok(making.result)
    }
}

/// Bytes of the image that are not written yet.
#[derive(Default)]
struct Writing {
    start: u64,
    bytes: Vec<u8>,
}

impl Writing {
    /// Reads back what was written, or is about to be.
    fn read(&self, output: &mut dyn Output, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset + buffer.len() as u64;
        let waiting = self.start.clamp(offset, end)..(self.start + self.bytes.len() as u64).clamp(offset, end);
        let (before, rest) = buffer.split_at_mut((waiting.start - offset) as usize);
        let (here, behind) = rest.split_at_mut((waiting.end - waiting.start) as usize);
        if !here.is_empty() {
            here.copy_from_slice(&self.bytes[(waiting.start - self.start) as usize..][..here.len()]);
        }
        for (offset, bytes) in [(offset, before), (waiting.end, behind)] {
            if !bytes.is_empty() {
                output.read_exact_at(offset, bytes)?;
            }
        }
        Ok(())
    }
}

/// A part of a pack.
#[derive(Default)]
struct Fetched {
    pack: usize,
    offset: u64,
    bytes: Vec<u8>,
}

impl Fetched {
    fn get(&self, range: &PackRange) -> Option<&[u8]> {
        let start = usize::try_from(range.offset.checked_sub(self.offset)?).ok()?;
        let end = start.checked_add(usize::try_from(range.length).ok()?)?;
        if range.pack == self.pack { self.bytes.get(start..end) } else { None }
    }
}

struct Making<'a> {
    assembly: Assembly<'a>,
    written: Writing,
    history: History,
    fetched: Fetched,
    /// Bytes to fetch when the next chunk of the seed is damaged.
    repair: u64,
    /// The chunk that was made last.
    chunk: Vec<u8>,
    frame: Vec<u8>,
    context: DCtx<'static>,
    result: Assembled,
}

impl Making<'_> {
    /// Makes a chunk, from wherever it can be had.
    fn make_chunk(&mut self, number: u32, offset: u64) -> Result<(), AssembleError> {
        let chunk = self.assembly.index.chunk(number);
        let origin = self.assembly.plan.origin(number);
        if let Origin::Seed(seed_offset) = origin {
            if self.read_seed(seed_offset, chunk) {
                self.repair = FIRST_REPAIR;
                return Ok(());
            }
            self.report_damage(seed_offset..seed_offset + u64::from(chunk.length));
        }
        let first = self.assembly.index.first_offset(number);
        if first < offset && self.read_written(first, chunk) {
            return Ok(());
        }
        let range = self.assembly.index.pack_range(number..number + 1);
        if self.fetched.get(&range).is_none() {
            let wanted = match origin {
                Origin::Pack => self.request_of(&range),
                Origin::Seed(_) | Origin::Elsewhere => self.repair_of(number),
            };
            self.fetch(wanted)?;
        }
        self.unpack(range, chunk, first)
    }

    fn read_seed(&mut self, offset: u64, chunk: Chunk) -> bool {
        self.chunk.resize(chunk.length as usize, 0);
        let read = self.assembly.seed.read_exact_at(offset, &mut self.chunk);
        read.is_ok() && ChunkDigest::of(&self.chunk) == chunk.digest
    }

    /// Whether the chunk stands earlier in the image, as it should.
    fn read_written(&mut self, offset: u64, chunk: Chunk) -> bool {
        self.chunk.resize(chunk.length as usize, 0);
        let read = self.written.read(self.assembly.output, offset, &mut self.chunk);
        read.is_ok() && ChunkDigest::of(&self.chunk) == chunk.digest
    }

    /// The planned request that a chunk is in.
    fn request_of(&self, range: &PackRange) -> PackRange {
        let requests = self.assembly.plan.requests();
        let behind = requests.partition_point(|request| (request.pack, request.offset) <= (range.pack, range.offset));
        let request = behind.checked_sub(1).and_then(|found| requests.get(found)).copied();
        request
            .filter(|request| {
                request.pack == range.pack && range.offset + range.length <= request.offset + request.length
            })
            .unwrap_or(*range)
    }

    /// A chunk that was not planned to be fetched, and some of those behind it.
    fn repair_of(&mut self, number: u32) -> PackRange {
        let index = self.assembly.index;
        let chunks = index.content().chunks.len() as u32;
        let mut end = number + 1;
        let mut range = index.pack_range(number..end);
        while end < chunks {
            let longer = index.pack_range(number..end + 1);
            if longer.length > self.repair || longer == range {
                break;
            }
            (range, end) = (longer, end + 1);
        }
        self.repair = (self.repair * 2).min(MAXIMUM_REQUEST);
        range
    }

    fn fetch(&mut self, range: PackRange) -> Result<(), AssembleError> {
        let fetched = &mut self.fetched;
        fetched.bytes.clear();
        fetched.bytes.resize(range.length as usize, 0);
        let fetch = self.assembly.packs.fetch(range.pack, range.offset, &mut fetched.bytes);
        fetch.map_err(|source| {
            fetched.bytes.clear();
            AssembleError::Fetch { range, source }
        })?;
        (fetched.pack, fetched.offset) = (range.pack, range.offset);
        self.result.downloaded += range.length;
        Ok(())
    }

    /// Makes a chunk from what was fetched.
    fn unpack(&mut self, range: PackRange, chunk: Chunk, first: u64) -> Result<(), AssembleError> {
        let wrong = || AssembleError::WrongChunk { range };
        let packed = self.fetched.get(&range).ok_or_else(wrong)?;
        self.chunk.clear();
        if chunk.packed == chunk.length {
            self.chunk.extend(packed);
        } else {
            let (written, output) = (&self.written, &mut *self.assembly.output);
            let history = self.history.get(&history::range(first), |offset, bytes| {
                let length = bytes.len();
                let read = written.read(output, offset, bytes);
                read.map_err(|source| AssembleError::ReadBack { offset, length, source })
            })?;
            self.frame.clear();
            self.frame.extend(ZSTD_MAGIC);
            self.frame.extend(packed);
            // zstd writes no more than there is room for.
            self.chunk.reserve(chunk.length as usize);
            let unpacked = if history.starts_with(&DICTIONARY_MAGIC) {
                // A prefix is content whatever it begins with.
                let mut context = DCtx::create();
                context.ref_prefix(history).and_then(|_| context.decompress(&mut self.chunk, &self.frame))
            } else {
                self.context.decompress_using_dict(&mut self.chunk, &self.frame, history)
            };
            unpacked.map_err(|_| wrong())?;
        }
        if ChunkDigest::of(&self.chunk) == chunk.digest { Ok(()) } else { Err(wrong()) }
    }

    fn write_zeros(&mut self, part: Range<u64>) -> Result<(), AssembleError> {
        static ZEROS: [u8; 64 << 10] = [0; 64 << 10];
        let mut offset = part.start;
        while offset < part.end {
            let length = (part.end - offset).min(ZEROS.len() as u64);
            self.write(offset, &ZEROS[..length as usize])?;
            offset += length;
        }
        Ok(())
    }

    /// Takes the next bytes of the image, and writes out what reaches a multiple of the write size.
    fn write(&mut self, mut offset: u64, mut bytes: &[u8]) -> Result<(), AssembleError> {
        if self.written.start + self.written.bytes.len() as u64 != offset {
            self.write_out()?;
            self.written.start = offset;
        }
        while !bytes.is_empty() {
            let room = WRITE_SIZE - offset % WRITE_SIZE;
            let (now, rest) = bytes.split_at((bytes.len() as u64).min(room) as usize);
            self.written.bytes.extend(now);
            offset += now.len() as u64;
            bytes = rest;
            if offset.is_multiple_of(WRITE_SIZE) {
                self.write_out()?;
            }
        }
        Ok(())
    }

    fn write_out(&mut self) -> Result<(), AssembleError> {
        let Writing { start, bytes } = &mut self.written;
        if bytes.is_empty() {
            return Ok(());
        }
        let (offset, length) = (*start, bytes.len());
        let write = self.assembly.output.write_all_at(offset, bytes);
        write.map_err(|source| AssembleError::Write { offset, length, source })?;
        bytes.clear();
        *start += length as u64;
        let progress = Progress { position: *start, downloaded: self.result.downloaded };
        match (self.assembly.observe)(progress) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(AssembleError::Cancelled),
        }
    }

    fn report_damage(&mut self, range: Range<u64>) {
        let damaged = &mut self.result.damaged;
        if let Some(last) = damaged.last_mut().filter(|last| last.end == range.start) {
            last.end = range.end;
        } else if damaged.len() < MAXIMUM_DAMAGE {
            damaged.push(range);
        }
    }
}

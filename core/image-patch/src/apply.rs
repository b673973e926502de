//! Applies patches, a frame at a time.

use crate::digest::FrameDigest;
use crate::format::{Fields, Header, first_distance};
use crate::frame::Models;
use crate::frames::FrameSet;
use crate::operation::{Kind, Operation};
use crate::range_coder::Decoder;
use crate::source::ReadAt;
use crate::window::Window;
use std::io;
use verity_tree::digest::BlockDigest;

/// Why a frame was not made. What is missing then are the bytes at the frame's [`output`](crate::format::Frame::output).
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// A source cannot be read there: on a device, dm-verity found damage.
    #[error(
        "source {source_index} of the patch cannot be read at offset {offset} ({length} bytes); fetch this frame otherwise"
    )]
    Source {
        /// Which source, from 0.
        source_index: usize,
        /// Offset in it.
        offset: u64,
        /// Number of bytes wanted.
        length: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// Earlier output cannot be read back.
    #[error("the output cannot be read back at offset {offset} ({length} bytes); make the frames there first")]
    Output {
        /// Offset in the output.
        offset: u64,
        /// Number of bytes wanted.
        length: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// It copies from a frame that is not made yet.
    #[error("the frame copies from frame {frame}, which is not made; make that one first")]
    Waiting {
        /// Number of that frame.
        frame: usize,
    },
    /// What came out is not what the header names.
    #[error("a frame of the patch came out wrong: the patch or a source was changed; fetch this frame otherwise")]
    Digest,
    /// The code makes no sense.
    #[error("a frame of the patch is damaged: {what}; fetch this frame otherwise")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
}

/// A frame's output and the memory to make it in, to be used again for the next frame.
#[derive(Debug, Default)]
pub struct FrameBuffer {
    output: Vec<u8>,
    blocks: Vec<BlockDigest>,
    old: Vec<u8>,
    window: Window,
}

impl FrameBuffer {
    /// The bytes that belong at [`Frame::output`](crate::format::Frame::output), once they were made and checked.
    #[must_use]
    pub fn output(&self) -> &[u8] {
        &self.output
    }

    /// The salted SHA-256 of each of its blocks: the leaves of the output's verity tree. A last block that is not whole was hashed
    /// with zeros behind it.
    #[must_use]
    pub fn blocks(&self) -> &[BlockDigest] {
        &self.blocks
    }
}

/// The output so far: a few frames copy from frames before them.
#[derive(Clone, Copy)]
pub struct Written<'a> {
    /// Reads the output back.
    pub output: &'a dyn ReadAt,
    /// What of it is there.
    pub done: &'a FrameSet,
}

/// Makes the frames of one patch. Holds nothing that changes: several threads can use it at once.
#[derive(Clone, Copy)]
pub struct Applier<'a> {
    header: &'a Header,
    sources: &'a [&'a dyn ReadAt],
}

/// The sources are not those that the patch was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("source {index} of the patch has {have} bytes where {wanted} belong: this patch is for another release")]
pub struct WrongSource {
    /// Which source, from 0.
    pub index: usize,
    /// Bytes it has.
    pub have: u64,
    /// Bytes it must have.
    pub wanted: u64,
}

impl<'a> Applier<'a> {
    /// For these sources, in the order in which the patch was made. A source may be longer than needed, as a partition is.
    ///
    /// # Errors
    /// When a source is missing or too short.
    pub fn new(header: &'a Header, sources: &'a [&'a dyn ReadAt]) -> Result<Self, WrongSource> {
        for (index, wanted) in header.sources.iter().enumerate() {
            let have = sources.get(index).map_or(0, |source| source.length());
            if have < *wanted {
                return Err(WrongSource { index, have, wanted: *wanted });
            }
        }
        Ok(Self { header, sources })
    }

    /// Makes frame `number` from its code: the bytes at [`Frame::coded`](crate::format::Frame::coded) of the patch. When this returns
    /// without an error, what is in the buffer was checked against the header.
    ///
    /// # Errors
    /// When this frame cannot be made; others may still be.
    pub fn make(
        &self,
        number: usize,
        coded: &[u8],
        written: Written<'_>,
        buffer: &mut FrameBuffer,
    ) -> Result<(), FrameError> {
        let frame =
            self.header.frames.get(number).ok_or(FrameError::Damaged { what: "the patch has no such frame" })?;
        if coded.len() as u64 != frame.coded.end - frame.coded.start {
            return Err(FrameError::Damaged { what: "its code is not all there" });
        }
        let mut fields = Fields(coded);
        let stored = fields.number().ok_or(FrameError::Damaged { what: "its code has no beginning" })?;
        let stored = usize::try_from(stored).ok().and_then(|stored| fields.bytes(stored).ok());
        let stored = stored.ok_or(FrameError::Damaged { what: "its stored bytes are not all there" })?;
        let length = usize::try_from(frame.output.end - frame.output.start).unwrap_or(usize::MAX);
        buffer.output.clear();
        buffer.output.resize(length, 0);
        buffer.window.forget();
        let making = Making { applier: self, start: frame.output.start, written };
        making.run(Decoder::new(fields.0), stored, buffer)?;
        if FrameDigest::of(&self.header.salt, &buffer.output, &mut buffer.blocks) != frame.digest {
            return Err(FrameError::Digest);
        }
        Ok(())
    }
}

struct Making<'a> {
    applier: &'a Applier<'a>,
    start: u64,
    written: Written<'a>,
}

impl Making<'_> {
    fn run(&self, mut decoder: Decoder<'_>, mut stored: &[u8], buffer: &mut FrameBuffer) -> Result<(), FrameError> {
        let FrameBuffer { output, old, window, .. } = buffer;
        let mut models = Models::new(first_distance(&self.applier.header.sources));
        let mut at = 0;
        while at < output.len() {
            let nothing = Operation { kind: Kind::Copy, length: 0, source: 0 };
            let operation = models.operations.code(&mut decoder, self.start + at as u64, nothing);
            let length =
                usize::try_from(operation.length).ok().filter(|length| (1..=output.len() - at).contains(length));
            let length = length.ok_or(FrameError::Damaged { what: "an operation goes beyond its end" })?;
            let (before, rest) = output.split_at_mut(at);
            let new = &mut rest[..length];
            match operation.kind {
                Kind::Copy => self.read(operation.source, before, window, new)?,
                Kind::Difference => {
                    old.resize(length, 0);
                    self.read(operation.source, before, window, old)?;
                    models.difference(&mut decoder, self.start + at as u64, old, new);
                }
                Kind::Literal => models.literal(&mut decoder, before, new),
                Kind::Stored => {
                    let (bytes, rest) = stored
                        .split_at_checked(length)
                        .ok_or(FrameError::Damaged { what: "it stores too few bytes" })?;
                    new.copy_from_slice(bytes);
                    stored = rest;
                }
                // The buffer was cleared.
                Kind::Zero => {}
            }
            at += length;
        }
        Ok(())
    }

    /// Reads from the sources, behind them from earlier output, and behind that from this frame's own.
    fn read(
        &self,
        mut address: u64,
        before: &[u8],
        window: &mut Window,
        mut bytes: &mut [u8],
    ) -> Result<(), FrameError> {
        let mut start = 0;
        for (index, source_length) in self.applier.header.sources.iter().enumerate() {
            let offset = address.wrapping_sub(start);
            if address >= start && offset < *source_length && !bytes.is_empty() {
                let (here, behind) = split(bytes, source_length - offset);
                let length = here.len() as u64;
                let source = self.applier.sources[index];
                window.read(index, source, *source_length, offset, here).map_err(|source| FrameError::Source {
                    source_index: index,
                    offset,
                    length,
                    source,
                })?;
                (address, bytes) = (address + length, behind);
            }
            start += source_length;
        }
        if bytes.is_empty() {
            return Ok(());
        }
        let offset = address.wrapping_sub(start);
        let (earlier, own) = split(bytes, self.start.saturating_sub(offset));
        self.read_earlier(offset, earlier)?;
        let from = usize::try_from((offset + earlier.len() as u64).wrapping_sub(self.start)).unwrap_or(usize::MAX);
        let made = from.checked_add(own.len()).and_then(|end| before.get(from..end));
        if !own.is_empty() {
            own.copy_from_slice(made.ok_or(FrameError::Damaged { what: "a copy reads output that is not made yet" })?);
        }
        Ok(())
    }

    fn read_earlier(&self, offset: u64, bytes: &mut [u8]) -> Result<(), FrameError> {
        if bytes.is_empty() {
            return Ok(());
        }
        let length = bytes.len() as u64;
        let frames = &self.applier.header.frames;
        let first = self.applier.header.frame_at(offset).unwrap_or(frames.len());
        let behind = frames.partition_point(|frame| frame.output.start < offset.saturating_add(length));
        if let Some(frame) = (first..behind).find(|frame| !self.written.done.contains(*frame)) {
            return Err(FrameError::Waiting { frame });
        }
        let result = self.written.output.read_exact_at(offset, bytes);
        result.map_err(|source| FrameError::Output { offset, length, source })
    }
}

/// The first `most` bytes, or all, and the rest.
fn split(bytes: &mut [u8], most: u64) -> (&mut [u8], &mut [u8]) {
    let middle = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
    bytes.split_at_mut(middle)
}

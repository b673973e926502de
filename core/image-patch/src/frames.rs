//! Which frames are made: what an update keeps on disk to go on after a cut.

use crate::format::Header;
use std::ops::Range;

/// A set of a patch's frames, by number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameSet {
    bits: Vec<u8>,
    count: usize,
}

/// Bytes are no set of this patch's frames: the progress that was kept is of another patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the kept progress is not of this patch: {have} bytes where {wanted} belong; start over")]
pub struct WrongSet {
    /// Bytes given.
    pub have: usize,
    /// Bytes that a set of this patch has.
    pub wanted: usize,
}

/// Frames that lie one behind the other and are wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needed {
    /// Their numbers.
    pub frames: Range<usize>,
    /// Their bytes in the patch: one range to ask a server for.
    pub coded: Range<u64>,
    /// The bytes of the output that they make.
    pub output: Range<u64>,
}

impl FrameSet {
    /// The empty set, for a patch with this header.
    #[must_use]
    pub fn new(header: &Header) -> Self {
        let count = header.frames.len();
        Self { bits: vec![0; count.div_ceil(8)], count }
    }

    /// Reads what [`FrameSet::to_bytes`] wrote.
    ///
    /// # Errors
    /// When it belongs to another number of frames.
    pub fn from_bytes(header: &Header, bytes: &[u8]) -> Result<Self, WrongSet> {
        let mut set = Self::new(header);
        if bytes.len() != set.bits.len() {
            return Err(WrongSet { have: bytes.len(), wanted: set.bits.len() });
        }
        set.bits.copy_from_slice(bytes);
        Ok(set)
    }

    /// One bit for each frame, the first in the lowest bit of the first byte.
    #[must_use]
    pub fn to_bytes(&self) -> &[u8] {
        &self.bits
    }

    /// Adds a frame; numbers that the patch does not have are ignored.
    pub fn insert(&mut self, frame: usize) {
        if frame < self.count {
            self.bits[frame / 8] |= 1 << (frame % 8);
        }
    }

    /// Whether the frame is in.
    #[must_use]
    pub fn contains(&self, frame: usize) -> bool {
        frame < self.count && self.bits[frame / 8] & (1 << (frame % 8)) != 0
    }

    /// Whether all frames are in.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        (0..self.count).all(|frame| self.contains(frame))
    }

    /// What is missing, in as few pieces as possible.
    #[must_use]
    pub fn missing(&self, header: &Header) -> Vec<Needed> {
        let mut missing: Vec<Needed> = Vec::new();
        for (number, frame) in header.frames.iter().enumerate().filter(|(number, _)| !self.contains(*number)) {
            match missing.last_mut() {
                Some(needed) if needed.frames.end == number => {
                    needed.frames.end = number + 1;
                    needed.coded.end = frame.coded.end;
                    needed.output.end = frame.output.end;
                }
                _ => missing.push(Needed {
                    frames: number..number + 1,
                    coded: frame.coded.clone(),
                    output: frame.output.clone(),
                }),
            }
        }
        missing
    }
}

impl Header {
    /// Number of the frame that makes this byte of the output.
    #[must_use]
    pub fn frame_at(&self, offset: u64) -> Option<usize> {
        let frame = self.frames.partition_point(|frame| frame.output.end <= offset);
        (frame < self.frames.len()).then_some(frame)
    }
}

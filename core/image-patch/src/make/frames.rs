//! From operations to frames.

use crate::digest::FrameDigest;
use crate::format::{FRAME, FrameEntry, write_number};
use crate::frame::Models;
use crate::make::blocks::BLOCK;
use crate::operation::{Kind, Operation};
use crate::range_coder::Encoder;
use crate::source::ReadAt;
use std::io;
use std::ops::Range;
use verity_tree::digest::Salt;

/// Most new bytes of a frame.
const NEW: u64 = 1 << 20;

/// Cuts the output: frames of 4 MiB, and shorter ones where much of it is new, because what is new must be fetched again when
/// a download is cut off within the frame.
pub(crate) fn cut(operations: &[(u64, Operation)], length: u64) -> Vec<Range<u64>> {
    let mut frames = Vec::new();
    let mut start = 0;
    let mut next = 0;
    while start < length {
        let mut end = (start + FRAME).min(length);
        let mut new = 0;
        while let Some((at, operation)) = operations.get(next).filter(|(at, _)| *at < end) {
            let here = (*at).max(start)..(at + operation.length).min(end);
            if matches!(operation.kind, Kind::Literal | Kind::Stored) {
                let room = NEW - new;
                if here.end - here.start > room {
                    end = ((here.start + room) / BLOCK * BLOCK).max(start + BLOCK).min(length);
                    break;
                }
                new += here.end - here.start;
            }
            if at + operation.length > end {
                break;
            }
            next += 1;
        }
        frames.push(start..end);
        start = end;
    }
    frames
}

/// A frame's code and what the header says about it.
pub(crate) struct Coded {
    pub(crate) entry: FrameEntry,
    pub(crate) bytes: Vec<u8>,
}

/// What all frames are made from.
pub(crate) struct Origin<'a> {
    pub(crate) sources: &'a dyn ReadAt,
    pub(crate) output: &'a dyn ReadAt,
    pub(crate) operations: &'a [(u64, Operation)],
    pub(crate) salt: &'a Salt,
    pub(crate) first_distance: i64,
}

impl Origin<'_> {
    /// Codes a frame.
    pub(crate) fn code(&self, frame: &Range<u64>) -> io::Result<Coded> {
        let mut new = vec![0; (frame.end - frame.start) as usize];
        self.output.read_exact_at(frame.start, &mut new)?;
        let digest = FrameDigest::of(self.salt, &new, &mut Vec::new());
        let mut old = Vec::new();
        let mut coder = Encoder::new();
        let mut stored = Vec::new();
        let mut models = Models::new(self.first_distance);
        let first = self.operations.partition_point(|(at, operation)| at + operation.length <= frame.start);
        for (at, operation) in self.operations[first..].iter().take_while(|(at, _)| *at < frame.end) {
            let (from, to) = ((*at).max(frame.start), (at + operation.length).min(frame.end));
            let here = (from - frame.start) as usize..(to - frame.start) as usize;
            let mut operation =
                Operation { length: to - from, source: operation.source.wrapping_add(from - at), ..*operation };
            if operation.kind.has_source() {
                old.resize(here.len(), 0);
                self.read(operation.source, &mut old)?;
                if old != new[here.clone()] {
                    operation.kind = Kind::Difference;
                }
            }
            let (before, rest) = new.split_at_mut(here.start);
            let bytes = &mut rest[..here.len()];
            let undo = may_be_noise(&operation).then(|| (models.clone(), coder.mark()));
            operation = models.operations.code(&mut coder, from, operation);
            match operation.kind {
                Kind::Copy | Kind::Zero => {}
                Kind::Difference => models.difference(&mut coder, from, &old, bytes),
                Kind::Literal => models.literal(&mut coder, before, bytes),
                Kind::Stored => stored.extend_from_slice(bytes),
            }
            if let Some((known, mark)) = undo.filter(|(_, mark)| coder.bits_since(*mark) > dear(bytes.len())) {
                (models, operation) = (known, Operation { kind: Kind::Stored, source: 0, ..operation });
                coder.back_to(mark);
                models.operations.code(&mut coder, from, operation);
                stored.extend_from_slice(bytes);
            }
        }
        let mut bytes = together(&stored, coder);
        if bytes.len() > new.len() {
            // Nothing was gained: store it all.
            let all = Operation { kind: Kind::Stored, length: new.len() as u64, source: 0 };
            let mut coder = Encoder::new();
            Models::new(self.first_distance).operations.code(&mut coder, frame.start, all);
            bytes = together(&new, coder);
        }
        let entry = FrameEntry { output_length: frame.end - frame.start, coded_length: bytes.len() as u64, digest };
        Ok(Coded { entry, bytes })
    }

    /// Reads from the sources, and behind them from the output.
    fn read(&self, address: u64, bytes: &mut [u8]) -> io::Result<()> {
        let length = self.sources.length();
        let here = usize::try_from(length.saturating_sub(address)).unwrap_or(usize::MAX).min(bytes.len());
        let (from_sources, from_output) = bytes.split_at_mut(here);
        if !from_sources.is_empty() {
            self.sources.read_exact_at(address, from_sources)?;
        }
        if !from_output.is_empty() {
            self.output.read_exact_at((address + here as u64).saturating_sub(length), from_output)?;
        }
        Ok(())
    }
}

/// Whether an operation may make what nothing can be learned from: signatures, hashes, keys. Such bytes are cheaper stored, and the models
/// are better off without them. Trying takes a copy of the models.
fn may_be_noise(operation: &Operation) -> bool {
    match operation.kind {
        Kind::Literal => operation.length >= 16,
        Kind::Difference => (16..=512).contains(&operation.length),
        Kind::Copy | Kind::Stored | Kind::Zero => false,
    }
}

/// More bits than storing so many bytes takes, with its operation.
fn dear(length: usize) -> u64 {
    length as u64 * 8 + 20
}

/// A frame's bytes: how many are stored, those, and the code.
fn together(stored: &[u8], coder: Encoder) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_number(&mut bytes, stored.len() as u64);
    bytes.extend_from_slice(stored);
    bytes.extend_from_slice(&coder.finish());
    bytes
}

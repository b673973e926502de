//! The part of the image that chunks are compressed with.

use crate::{HISTORY_SIZE, HISTORY_STEP};
use std::ops::Range;

/// Where the history of a chunk lies that first occurs at `offset`.
pub(crate) fn range(offset: u64) -> Range<u64> {
    let end = offset / HISTORY_STEP * HISTORY_STEP;
    end.saturating_sub(HISTORY_SIZE)..end
}

/// Keeps one history, and reads only what the next one has more.
#[derive(Debug, Default)]
pub(crate) struct History {
    bytes: Vec<u8>,
    start: u64,
}

impl History {
    /// The bytes at `range`, taken from what is here already and from `read`.
    pub(crate) fn get<E>(
        &mut self,
        range: &Range<u64>,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
    ) -> Result<&[u8], E> {
        let end = self.start + self.bytes.len() as u64;
        let overlaps = (self.start..end).contains(&range.start) && end <= range.end;
        if overlaps {
            self.bytes.drain(..(range.start - self.start) as usize);
        } else {
            self.bytes.clear();
        }
        self.start = range.start;
        let have = self.bytes.len();
        self.bytes.resize((range.end - range.start) as usize, 0);
        if let Err(error) = read(range.start + have as u64, &mut self.bytes[have..]) {
            self.bytes.clear();
            return Err(error);
        }
        Ok(&self.bytes)
    }
}

//! Files with holes: which chunks are stored, and in chunks of what size.

use crate::BLOCK_SIZE;
use file_tree::content::{Content, Extent};

/// Most entries of a chunk table; files that would need more get larger chunks.
const MAXIMUM_CHUNKS: u64 = 1 << 20;

/// A file as chunks of equal size, some of them not stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunks {
    /// Blocks per chunk, as a power of two.
    pub(crate) bits: u8,
    /// Chunks of the whole file.
    pub(crate) count: u64,
    /// The stored ones, as ranges in file order.
    pub(crate) stored: Vec<std::ops::Range<u64>>,
    length: u64,
}

impl Chunks {
    /// Nothing for a file without a hole of a whole block.
    pub(crate) fn of(content: &Content) -> Option<Self> {
        let holes = holes(content);
        if !holes.iter().any(|hole| !blocks_within(hole, content.length(), BLOCK_SIZE).is_empty()) {
            return None;
        }
        let bits = (0..31_u8).find(|bits| content.length().div_ceil(BLOCK_SIZE << bits) <= MAXIMUM_CHUNKS)?;
        let chunk = BLOCK_SIZE << bits;
        let count = content.length().div_ceil(chunk);
        let mut stored = Vec::new();
        let mut next = 0;
        for hole in holes {
            let absent = blocks_within(&hole, content.length(), chunk);
            if absent.is_empty() {
                continue;
            }
            if next < absent.start {
                stored.push(next..absent.start);
            }
            next = absent.end;
        }
        if next < count {
            stored.push(next..count);
        }
        Some(Self { bits, count, stored, length: content.length() })
    }

    /// Stored ranges in bytes of the file. Only the last may end within a block.
    pub(crate) fn stored_bytes(&self) -> impl Iterator<Item = std::ops::Range<u64>> + '_ {
        let chunk = BLOCK_SIZE << self.bits;
        self.stored.iter().map(move |range| range.start * chunk..self.length.min(range.end.saturating_mul(chunk)))
    }

    /// Number of blocks stored.
    pub(crate) fn blocks(&self) -> u64 {
        self.stored_bytes().map(|range| (range.end - range.start).div_ceil(BLOCK_SIZE)).sum()
    }
}

/// The holes in bytes, neighbours merged.
fn holes(content: &Content) -> Vec<std::ops::Range<u64>> {
    let mut holes: Vec<std::ops::Range<u64>> = Vec::new();
    let mut at = 0;
    for extent in content.extents() {
        let end = at + extent.length();
        if matches!(extent, Extent::Hole { .. }) {
            match holes.last_mut() {
                Some(hole) if hole.end == at => hole.end = end,
                _ => holes.push(at..end),
            }
        }
        at = end;
    }
    holes
}

/// The units that lie wholly within a range of a file; a last, shorter unit counts as whole.
fn blocks_within(range: &std::ops::Range<u64>, length: u64, unit: u64) -> std::ops::Range<u64> {
    let end = if range.end == length { length.div_ceil(unit) } else { range.end / unit };
    range.start.div_ceil(unit)..end
}

#[cfg(test)]
mod tests {
    use super::Chunks;
    use file_tree::content::{Content, Extent};

    fn content(runs: &[(bool, u64)]) -> Content {
        let mut content = Content::default();
        for (hole, length) in runs {
            content.push(match hole {
                true => Extent::Hole { length: *length },
                false => Extent::Bytes(vec![1; *length as usize].into()),
            });
        }
        content
    }

    #[test]
    fn only_whole_blocks_become_holes() {
        assert_eq!(Chunks::of(&content(&[(false, 1), (true, 4095), (false, 1)])), None);
        assert_eq!(Chunks::of(&content(&[(false, 1), (true, 8190)])).unwrap().stored, vec![0..1; 1]);
        let chunks = Chunks::of(&content(&[(false, 4095), (true, 1), (true, 4096), (false, 5000)])).unwrap();
        assert_eq!((chunks.bits, chunks.count, chunks.blocks()), (0, 4, 3));
        assert_eq!(chunks.stored, [0..1, 2..4]);
        assert_eq!(chunks.stored_bytes().collect::<Vec<_>>(), [0..4096, 8192..13192]);
    }

    #[test]
    fn a_hole_at_the_end_needs_no_whole_block() {
        let chunks = Chunks::of(&content(&[(false, 4096), (true, 7)])).unwrap();
        assert_eq!((chunks.stored, chunks.count), (vec![0..1; 1], 2));
        assert_eq!(Chunks::of(&content(&[(true, 1)])).unwrap().stored, []);
    }

    #[test]
    fn huge_files_get_larger_chunks() {
        let chunks = Chunks::of(&content(&[(false, 1), (true, 1 << 40)])).unwrap();
        assert_eq!((chunks.bits, chunks.count), (9, (1 << 19) + 1));
        let (stored, blocks) = (chunks.stored.clone(), chunks.blocks());
        assert_eq!((stored, blocks), (vec![0..1; 1], 512));
    }
}

//! Where an image is cut: FastCDC between blocks of zeros.
//!
//! W. Xia et al., *FastCDC: a Fast and Efficient Content-Defined Chunking Approach for Data Deduplication*, USENIX ATC 2016: a gear
//! hash, a minimum that is skipped, and two masks that pull lengths towards the average.

use crate::{BLOCK_SIZE, MAXIMUM_IMAGE, SECTION_SIZE};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// What the bytes of the gear table are made from, with the table's index as one byte behind it.
const GEAR_SEED: &[u8] = b"piccolo chunk gear";
/// A larger image is cut into larger chunks, so that there are hardly more than this.
const TYPICAL_CHUNKS: u64 = 1 << 18;

/// The average length of chunks: a power of two from 4 KiB to 64 KiB. The shortest is a quarter of it, unless data ends before; the longest
/// is four times as long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Average(u32);

impl Average {
    /// The smallest average: most is found again, and the index costs less than it saves.
    pub const SMALLEST: Self = Self(4 << 10);
    /// The largest average.
    pub const LARGEST: Self = Self(64 << 10);

    /// Checks a length.
    #[must_use]
    pub fn new(bytes: u32) -> Option<Self> {
        let allowed = Self::SMALLEST.0..=Self::LARGEST.0;
        (bytes.is_power_of_two() && allowed.contains(&bytes)).then_some(Self(bytes))
    }

    /// What an image of this size is cut with, so that its index stays small enough to hold in memory.
    #[must_use]
    pub fn for_image(size: u64) -> Self {
        let wanted = (size.min(MAXIMUM_IMAGE) / TYPICAL_CHUNKS).max(1).next_power_of_two();
        let bytes = wanted.clamp(Self::SMALLEST.0.into(), Self::LARGEST.0.into());
        Self(bytes as u32)
    }

    /// In bytes.
    #[must_use]
    pub fn bytes(self) -> u32 {
        self.0
    }

    /// The longest chunk in bytes.
    #[must_use]
    pub fn longest(self) -> u32 {
        self.0 * 4
    }
}

/// A part of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Blocks of zeros.
    Zero(Range<usize>),
    /// A chunk.
    Chunk(Range<usize>),
}

/// Cuts sections.
#[derive(Clone, Debug)]
pub struct Cutter {
    gear: Box<[u64; 256]>,
    average: usize,
    /// Until the average is reached a cut is four times less likely than behind it.
    strict: u64,
    loose: u64,
}

impl Cutter {
    /// With chunks of this average.
    #[must_use]
    pub fn new(average: Average) -> Self {
        let gear = Box::new(std::array::from_fn(|byte| {
            let digest = Sha256::new_with_prefix(GEAR_SEED).chain_update([byte as u8]).finalize();
            u64::from_le_bytes(std::array::from_fn(|index| digest[index]))
        }));
        let bits = average.0.trailing_zeros();
        let top = |count: u32| u64::MAX << (64 - count);
        Self { gear, average: average.0 as usize, strict: top(bits + 1), loose: top(bits - 1) }
    }

    /// Cuts a section: the bytes of an image from a multiple of [`SECTION_SIZE`] to the next, or to its end. The pieces follow
    /// each other without gaps. Longer input is cut as one section.
    #[must_use]
    pub fn cut(&self, section: &[u8]) -> Vec<Piece> {
        debug_assert!(section.len() as u64 <= SECTION_SIZE);
        let mut pieces = Vec::new();
        let mut start = 0;
        for stretch in stretches(section) {
            let end = start + stretch.length;
            if stretch.zero {
                pieces.push(Piece::Zero(start..end));
            } else {
                while start < end {
                    let length = self.first_cut(&section[start..end]);
                    pieces.push(Piece::Chunk(start..start + length));
                    start += length;
                }
            }
            start = end;
        }
        pieces
    }

    /// Length of the first chunk of data that is not empty.
    fn first_cut(&self, data: &[u8]) -> usize {
        let least = (self.average / 4).min(data.len());
        let middle = self.average.min(data.len());
        let end = (self.average * 4).min(data.len());
        let mut hash = 0_u64;
        let mut cut_within = |range: Range<usize>, mask: u64| {
            let found = data[range.clone()].iter().position(|byte| {
                hash = (hash << 1).wrapping_add(self.gear[usize::from(*byte)]);
                hash & mask == 0
            });
            found.map(|index| range.start + index + 1)
        };
        cut_within(least..middle, self.strict).or_else(|| cut_within(middle..end, self.loose)).unwrap_or(end)
    }
}

struct Stretch {
    zero: bool,
    length: usize,
}

/// Splits a section into stretches of blocks that are zero and of blocks that are not.
fn stretches(section: &[u8]) -> Vec<Stretch> {
    let mut stretches: Vec<Stretch> = Vec::new();
    for block in section.chunks(BLOCK_SIZE as usize) {
        let zero = is_zero(block);
        match stretches.last_mut() {
            Some(last) if last.zero == zero => last.length += block.len(),
            _ => stretches.push(Stretch { zero, length: block.len() }),
        }
    }
    stretches
}

fn is_zero(block: &[u8]) -> bool {
    const ZEROS: [u8; BLOCK_SIZE as usize] = [0; BLOCK_SIZE as usize];
    block == &ZEROS[..block.len()]
}

#[cfg(test)]
mod tests {
    use super::{Average, Cutter, Piece};
    use proptest::collection::vec;
    use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};

    /// Bytes without pattern, the same every time.
    fn noise(length: usize, seed: u64) -> Vec<u8> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn an_insertion_changes_only_the_chunks_around_it() {
        let cutter = Cutter::new(Average::SMALLEST);
        let old = noise(1 << 20, 1);
        let mut new = old.clone();
        new.splice(300_000..300_000, *b"inserted");
        new.truncate(1 << 20);
        let chunks = |bytes: &[u8]| -> Vec<Vec<u8>> {
            let ranges = cutter.cut(bytes).into_iter();
            ranges
                .map(|piece| match piece {
                    Piece::Zero(range) | Piece::Chunk(range) => bytes[range].to_vec(),
                })
                .collect()
        };
        let (old, new) = (chunks(&old), chunks(&new));
        let changed = new.iter().filter(|chunk| !old.contains(chunk)).count();
        assert!(old.len() > 100 && changed <= 4, "{changed} of {} chunks changed", new.len());
    }

    #[test]
    fn large_images_have_larger_chunks() {
        assert_eq!(Average::for_image(0), Average::SMALLEST);
        assert_eq!(Average::for_image(1 << 30).bytes(), 4 << 10);
        assert_eq!(Average::for_image((1 << 30) + 4096).bytes(), 4 << 10);
        assert_eq!(Average::for_image(3 << 30).bytes(), 16 << 10);
        assert_eq!(Average::for_image(u64::MAX), Average::LARGEST);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]
        #[test]
        fn pieces_cover_the_section_and_keep_their_limits(runs in vec((any::<bool>(), 1..20_usize, any::<u64>()), 0..6)) {
            let section: Vec<u8> = runs.into_iter().flat_map(|(zero, blocks, seed)| {
                if zero { vec![0; blocks * 4096] } else { noise(blocks * 4096, seed) }
            }).collect();
            let mut end = 0;
            for piece in Cutter::new(Average::SMALLEST).cut(&section) {
                let (Piece::Zero(range) | Piece::Chunk(range)) = piece.clone();
                prop_assert_eq!(range.start, end);
                end = range.end;
                match piece {
                    Piece::Zero(range) => prop_assert!(section[range.clone()].iter().all(|byte| *byte == 0) && range.len() % 4096 == 0),
                    Piece::Chunk(range) => prop_assert!((1..=16 << 10).contains(&range.len())),
                }
            }
            prop_assert_eq!(end, section.len());
        }
    }
}

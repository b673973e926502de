//! How many levels a tree has and where they lie.

use crate::{BLOCK_SIZE, DIGESTS_PER_BLOCK};

/// One level of hash blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    /// First block of the level in the hash partition; block 0 is the superblock.
    pub first_block: u64,
    /// Number of hash blocks.
    pub blocks: u64,
}

/// The levels over `data_blocks` blocks, the one that holds the data's digests first. None for a single data block, whose
/// digest is the root hash itself.
#[must_use]
pub fn levels(data_blocks: u64) -> Vec<Level> {
    let mut levels = Vec::new();
    let mut below = data_blocks;
    while below > 1 {
        below = below.div_ceil(DIGESTS_PER_BLOCK as u64);
        levels.push(Level { first_block: 0, blocks: below });
    }
    let mut next = 1;
    for level in levels.iter_mut().rev() {
        level.first_block = next;
        next += level.blocks;
    }
    levels
}

/// Length of the hash partition's contents in bytes: superblock and tree.
#[must_use]
pub fn hash_length(data_blocks: u64) -> u64 {
    let blocks = 1 + levels(data_blocks).iter().map(|level| level.blocks).sum::<u64>();
    blocks.saturating_mul(BLOCK_SIZE as u64)
}

#[cfg(test)]
mod tests {
    use super::{Level, hash_length, levels};

    #[test]
    fn the_topmost_level_lies_first() {
        assert_eq!(levels(1), []);
        assert_eq!(levels(128), [Level { first_block: 1, blocks: 1 }]);
        assert_eq!(levels(129), [Level { first_block: 2, blocks: 2 }, Level { first_block: 1, blocks: 1 }]);
        let deep = levels(16_385);
        assert_eq!(
            deep.iter().map(|level| (level.first_block, level.blocks)).collect::<Vec<_>>(),
            [(4, 129), (2, 2), (1, 1)]
        );
    }

    #[test]
    fn any_number_of_blocks_has_a_length() {
        assert_eq!(hash_length(0), 4096);
        assert_eq!(hash_length(1), 4096);
        assert!(hash_length(u64::MAX) > 0);
    }
}

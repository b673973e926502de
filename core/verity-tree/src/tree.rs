//! The tree over the digests of all data blocks.

use crate::digest::{BlockDigest, hash_blocks, hash_blocks_on};
use crate::shape::{hash_length, levels};
use crate::superblock::Superblock;
use crate::{BLOCK_SIZE, DIGESTS_PER_BLOCK};
use disk_layout::root_hash::RootHash;

/// A finished tree: the contents of a hash partition, and the hash that stands for the data.
#[derive(Clone, PartialEq, Eq)]
pub struct HashTree {
    bytes: Vec<u8>,
    root_hash: RootHash,
}

/// A tree cannot be made of these digests.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum TreeError {
    /// There is no data.
    #[error("dm-verity needs at least one block of data")]
    NoData,
    /// More or fewer digests than the superblock says there are data blocks.
    #[error("there are {digests} digests for {data_blocks} data blocks")]
    Digests {
        /// Number of digests given.
        digests: usize,
        /// Number of data blocks announced.
        data_blocks: u64,
    },
}

impl HashTree {
    /// Builds the tree over the digests of all data blocks, in their order. `threads` is how many may work at once.
    ///
    /// # Errors
    /// When there are no digests, or not as many as the superblock says.
    pub fn build(superblock: &Superblock, digests: &[BlockDigest], threads: usize) -> Result<Self, TreeError> {
        let data_blocks = superblock.data_blocks;
        if digests.len() as u64 != data_blocks {
            return Err(TreeError::Digests { digests: digests.len(), data_blocks });
        }
        let Some(first) = digests.first() else { return Err(TreeError::NoData) };
        // The tree is a 127th of digests that are in memory, so its length fits a usize.
        let mut bytes = vec![0; hash_length(data_blocks) as usize];
        bytes[..BLOCK_SIZE].copy_from_slice(&superblock.encode());

        let mut root = *first;
        let mut below = digests.to_vec();
        for level in levels(data_blocks) {
            let start = level.first_block as usize * BLOCK_SIZE;
            let blocks = &mut bytes[start..start + level.blocks as usize * BLOCK_SIZE];
            blocks[..below.len() * size_of::<BlockDigest>()].copy_from_slice(below.as_flattened());
            let mut above = vec![[0; 32]; level.blocks as usize];
            hash_blocks_on(threads, &superblock.salt, blocks, &mut above);
            root = above[0];
            below = above;
        }
        debug_assert!(
            data_blocks == 1 || below.len() == 1,
            "the topmost level is one block of at most {DIGESTS_PER_BLOCK} digests"
        );
        Ok(Self { bytes, root_hash: RootHash(root) })
    }

    /// Builds the tree over data in memory.
    ///
    /// # Errors
    /// When there is no data, or its length is not that of the superblock's data blocks.
    pub fn of_data(superblock: &Superblock, data: &[u8]) -> Result<Self, TreeError> {
        let mut digests = vec![[0; 32]; data.len() / BLOCK_SIZE];
        hash_blocks(&superblock.salt, &data[..digests.len() * BLOCK_SIZE], &mut digests);
        Self::build(superblock, &digests, 1)
    }

    /// The contents of the hash partition: superblock, then the levels from the top.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The hash that stands for the data (`roothash=`).
    #[must_use]
    pub fn root_hash(&self) -> RootHash {
        self.root_hash
    }
}

impl std::fmt::Debug for HashTree {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "HashTree({} bytes, root hash {})", self.bytes.len(), self.root_hash)
    }
}

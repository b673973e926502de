//! Hashing data that comes in order, in pieces of any length.

use crate::BLOCK_SIZE;
use crate::digest::{BlockDigest, Salt, hash_blocks_on};
use crate::superblock::Superblock;
use crate::tree::HashTree;

/// Takes the data of a partition from front to end. Holds 32 bytes for each block of 4096 seen.
///
/// Pieces of a few MiB keep several threads busy; smaller ones are hashed where they come in.
#[derive(Debug)]
pub struct StreamHasher {
    salt: Salt,
    threads: usize,
    digests: Vec<BlockDigest>,
    /// The beginning of a block whose end has not come yet.
    partial: Vec<u8>,
}

/// The data ended within a block, or there was none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the data has {length} bytes; dm-verity covers one or more whole blocks of {BLOCK_SIZE}")]
pub struct PartialBlock {
    /// Length of all data in bytes.
    pub length: u64,
}

impl StreamHasher {
    /// Starts with no data. `threads` is how many may hash at once.
    #[must_use]
    pub fn new(salt: Salt, threads: usize) -> Self {
        Self { salt, threads, digests: Vec::new(), partial: Vec::new() }
    }

    /// Takes the next bytes.
    pub fn update(&mut self, mut data: &[u8]) {
        if !self.partial.is_empty() {
            let take = data.len().min(BLOCK_SIZE - self.partial.len());
            self.partial.extend_from_slice(&data[..take]);
            data = &data[take..];
            if self.partial.len() == BLOCK_SIZE {
                let block = std::mem::take(&mut self.partial);
                self.hash(&block);
            }
        }
        let (whole, rest) = data.split_at(data.len() - data.len() % BLOCK_SIZE);
        self.hash(whole);
        self.partial.extend_from_slice(rest);
    }

    /// Builds the tree over everything taken.
    ///
    /// # Errors
    /// When no whole block or a partial one was taken.
    pub fn finish(self, uuid: [u8; 16]) -> Result<HashTree, PartialBlock> {
        let data_blocks = self.digests.len() as u64;
        let length = data_blocks * BLOCK_SIZE as u64 + self.partial.len() as u64;
        if !self.partial.is_empty() {
            return Err(PartialBlock { length });
        }
        let superblock = Superblock { uuid, data_blocks, salt: self.salt };
        HashTree::build(&superblock, &self.digests, self.threads).map_err(|_| PartialBlock { length })
    }

    fn hash(&mut self, blocks: &[u8]) {
        let known = self.digests.len();
        self.digests.resize(known + blocks.len() / BLOCK_SIZE, [0; 32]);
        hash_blocks_on(self.threads, &self.salt, blocks, &mut self.digests[known..]);
    }
}

#[cfg(test)]
mod tests {
    use super::{PartialBlock, StreamHasher};
    use crate::digest::Salt;
    use crate::superblock::Superblock;
    use crate::tree::HashTree;

    #[test]
    fn the_pieces_do_not_matter() {
        let data: Vec<u8> = (0..300 * 4096_usize).map(|index| (index / 7) as u8).collect();
        let salt = Salt::new(*b"salt").unwrap();
        let superblock = Superblock { uuid: [3; 16], data_blocks: 300, salt: salt.clone() };
        let expected = HashTree::of_data(&superblock, &data).unwrap();
        for piece in [1000, 4096, 5000, 8192, 1 << 20, data.len()] {
            let mut hasher = StreamHasher::new(salt.clone(), 3);
            data.chunks(piece).for_each(|piece| hasher.update(piece));
            assert_eq!(hasher.finish([3; 16]).unwrap(), expected, "pieces of {piece}");
        }
    }

    #[test]
    fn a_partial_block_is_refused() {
        let mut hasher = StreamHasher::new(Salt::new([]).unwrap(), 1);
        hasher.update(&[0; 4097]);
        assert_eq!(hasher.finish([0; 16]), Err(PartialBlock { length: 4097 }));
        assert_eq!(StreamHasher::new(Salt::new([]).unwrap(), 1).finish([0; 16]), Err(PartialBlock { length: 0 }));
    }
}

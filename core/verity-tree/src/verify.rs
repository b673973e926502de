//! Checking data against a tree and a root hash.

use crate::digest::{BlockDigest, hash_blocks, hash_blocks_on};
use crate::shape::{hash_length, levels};
use crate::superblock::{Superblock, SuperblockError};
use crate::{BLOCK_SIZE, DIGESTS_PER_BLOCK};
use disk_layout::root_hash::RootHash;
use std::io::{self, Read};

/// Blocks read at once: 4 MiB.
const BLOCKS_AT_ONCE: usize = 1024;

/// Why data is not what the root hash stands for.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The hash partition does not start as one.
    #[error(transparent)]
    Superblock(#[from] SuperblockError),
    /// The superblock announces a tree that the partition cannot hold.
    #[error("the hash partition has {length} bytes; a tree over {data_blocks} data blocks needs {needed}")]
    HashLength {
        /// Its length in bytes.
        length: u64,
        /// Number of data blocks that the superblock announces.
        data_blocks: u64,
        /// Length in bytes that the tree needs.
        needed: u64,
    },
    /// There is no data.
    #[error("the dm-verity superblock announces no data blocks")]
    NoData,
    /// The top of the tree is not what the root hash says.
    #[error("the tree has the root hash {found}, not {expected}")]
    RootHash {
        /// The hash asked for.
        expected: RootHash,
        /// The hash of the topmost block.
        found: RootHash,
    },
    /// A block of the tree was changed.
    #[error("block {block} of the hash partition was changed")]
    HashBlock {
        /// Its number within the hash partition.
        block: u64,
    },
    /// A block of the data was changed.
    #[error("block {block} of the data was changed")]
    DataBlock {
        /// Its number within the data.
        block: u64,
    },
    /// The data cannot be read, or ends too early.
    #[error("the data cannot be read at block {block}")]
    Read {
        /// First block of the piece that was being read.
        block: u64,
        /// What the reader said.
        source: io::Error,
    },
}

/// Checks that `data` is what `root_hash` stands for, with the tree in `hash_partition`. Answers the superblock. Data behind the blocks that
/// the tree covers is not read. Reads 4 MiB at a time; `threads` is how many may hash at once.
///
/// # Errors
/// What is wrong first, from the top of the tree down and then in the order of the data.
pub fn verify(
    data: &mut dyn Read,
    hash_partition: &[u8],
    root_hash: RootHash,
    threads: usize,
) -> Result<Superblock, VerifyError> {
    let superblock = Superblock::decode(hash_partition)?;
    let data_blocks = superblock.data_blocks;
    let (length, needed) = (hash_partition.len() as u64, hash_length(data_blocks));
    if length < needed {
        return Err(VerifyError::HashLength { length, data_blocks, needed });
    }
    let digests = verified_digests(&superblock, hash_partition, root_hash)?;
    let mut buffer = vec![0; BLOCKS_AT_ONCE.min(digests.len()) * BLOCK_SIZE];
    let mut found = vec![[0; 32]; buffer.len() / BLOCK_SIZE];
    for (block, expected) in (0..).step_by(BLOCKS_AT_ONCE).zip(digests.chunks(BLOCKS_AT_ONCE)) {
        let (buffer, found) = (&mut buffer[..expected.len() * BLOCK_SIZE], &mut found[..expected.len()]);
        data.read_exact(buffer).map_err(|source| VerifyError::Read { block, source })?;
        hash_blocks_on(threads, &superblock.salt, buffer, found);
        if let Some(index) = first_difference(found, expected) {
            return Err(VerifyError::DataBlock { block: block + index });
        }
    }
    Ok(superblock)
}

/// The digests of the data blocks, after checking every block of the tree that leads to them.
fn verified_digests<'h>(
    superblock: &Superblock,
    hash_partition: &'h [u8],
    root_hash: RootHash,
) -> Result<std::borrow::Cow<'h, [BlockDigest]>, VerifyError> {
    let data_blocks = superblock.data_blocks;
    if data_blocks == 0 {
        return Err(VerifyError::NoData);
    }
    let mut expected: std::borrow::Cow<'h, [BlockDigest]> = vec![root_hash.0].into();
    for level in levels(data_blocks).iter().rev() {
        // `verify` has checked that the whole tree lies within the partition, which is in memory.
        let (first, count) = (level.first_block as usize, level.blocks as usize);
        let blocks = &hash_partition[first * BLOCK_SIZE..(first + count) * BLOCK_SIZE];
        let mut found = vec![[0; 32]; count];
        hash_blocks(&superblock.salt, blocks, &mut found);
        if let Some(index) = first_difference(&found, &expected[..count]) {
            if level.first_block == 1 {
                return Err(VerifyError::RootHash { expected: root_hash, found: RootHash(found[0]) });
            }
            return Err(VerifyError::HashBlock { block: level.first_block + index });
        }
        let (digests, _) = blocks.as_chunks::<32>();
        debug_assert_eq!(digests.len(), count * DIGESTS_PER_BLOCK);
        expected = digests.into();
    }
    // The last block is padded; the number of data blocks is bounded by the partition.
    match expected {
        std::borrow::Cow::Borrowed(digests) => Ok(digests[..data_blocks as usize].into()),
        owned => Ok(owned),
    }
}

fn first_difference(found: &[BlockDigest], expected: &[BlockDigest]) -> Option<u64> {
    found.iter().zip(expected).position(|(found, expected)| found != expected).map(|index| index as u64)
}

#[cfg(test)]
mod tests {
    use super::{VerifyError, verify};
    use crate::digest::Salt;
    use crate::superblock::Superblock;
    use crate::tree::HashTree;
    use disk_layout::root_hash::RootHash;
    use proptest::prelude::{any, proptest};

    fn tree(data: &[u8]) -> HashTree {
        let superblock =
            Superblock { uuid: [1; 16], data_blocks: data.len() as u64 / 4096, salt: Salt::new([9; 32]).unwrap() };
        HashTree::of_data(&superblock, data).unwrap()
    }

    #[test]
    fn what_was_hashed_is_accepted() {
        for blocks in [1, 2, 128, 129, 1500] {
            let data = vec![5; blocks * 4096];
            let tree = tree(&data);
            verify(&mut data.as_slice(), tree.bytes(), tree.root_hash(), 2).unwrap();
        }
    }

    #[test]
    fn one_changed_bit_is_found_wherever_it_is() {
        let mut data = vec![5; 1500 * 4096];
        let tree = tree(&data);
        let root = tree.root_hash();
        data[1100 * 4096 + 17] ^= 4;
        let error = verify(&mut data.as_slice(), tree.bytes(), root, 2).unwrap_err();
        assert!(matches!(error, VerifyError::DataBlock { block: 1100 }), "{error}");
        data[1100 * 4096 + 17] ^= 4;
        let changed = |block: usize| {
            let mut bytes = tree.bytes().to_vec();
            bytes[block * 4096 + 40] ^= 1;
            verify(&mut data.as_slice(), &bytes, root, 2).unwrap_err()
        };
        assert!(matches!(changed(1), VerifyError::RootHash { .. }));
        assert!(matches!(changed(5), VerifyError::HashBlock { block: 5 }));
        let other = RootHash([0; 32]);
        assert!(matches!(verify(&mut data.as_slice(), tree.bytes(), other, 1), Err(VerifyError::RootHash { .. })));
        let short = &data[..data.len() - 1];
        assert!(matches!(verify(&mut &*short, tree.bytes(), root, 1), Err(VerifyError::Read { block: 1024, .. })));
        let cut = &tree.bytes()[..tree.bytes().len() - 1];
        assert!(matches!(verify(&mut data.as_slice(), cut, root, 1), Err(VerifyError::HashLength { .. })));
    }

    proptest! {
        #[test]
        fn hostile_superblocks_are_refused(at in 0..512_usize, byte in any::<u8>(), blocks in any::<u64>()) {
            let data = vec![5; 4096];
            let mut bytes = tree(&data).bytes().to_vec();
            bytes[at] = byte;
            let _ = verify(&mut data.as_slice(), &bytes, RootHash([0; 32]), 1);
            bytes[72..80].copy_from_slice(&blocks.to_le_bytes());
            assert!(verify(&mut data.as_slice(), &bytes, RootHash([0; 32]), 1).is_err());
        }
    }
}

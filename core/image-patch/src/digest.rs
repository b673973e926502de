//! How a frame is checked: the hashes of its blocks, which dm-verity needs anyway, hashed together.

use sha2::{Digest, Sha256};
use verity_tree::BLOCK_SIZE;
use verity_tree::digest::{BlockDigest, Salt, hash_blocks};

/// The first 16 bytes of the SHA-256 of the salted SHA-256s of a frame's blocks. A last block that is not whole is hashed with
/// zeros behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameDigest(pub [u8; 16]);

impl FrameDigest {
    /// Hashes a frame, leaving the digests of its blocks in `blocks`.
    pub(crate) fn of(salt: &Salt, frame: &[u8], blocks: &mut Vec<BlockDigest>) -> Self {
        let (whole, rest) = frame.split_at(frame.len() / BLOCK_SIZE * BLOCK_SIZE);
        blocks.clear();
        blocks.resize(frame.len().div_ceil(BLOCK_SIZE), [0; 32]);
        let count = whole.len() / BLOCK_SIZE;
        hash_blocks(salt, whole, &mut blocks[..count]);
        if !rest.is_empty() {
            let mut last = [0; BLOCK_SIZE];
            last[..rest.len()].copy_from_slice(rest);
            hash_blocks(salt, &last, &mut blocks[count..]);
        }
        let whole = Sha256::digest(blocks.as_flattened());
        Self(std::array::from_fn(|index| whole[index]))
    }
}

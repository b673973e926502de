//! Salted digests of blocks.

use crate::BLOCK_SIZE;
use sha2::{Digest, Sha256};

/// The SHA-256 of the salt and a block.
pub type BlockDigest = [u8; 32];

/// Longest salt the superblock can hold, in bytes.
pub const MAXIMUM_SALT: usize = 256;

/// What is hashed in front of every block.
#[derive(Clone, Debug)]
pub struct Salt {
    bytes: Vec<u8>,
    hashed: Sha256,
}

/// A salt is too long.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("the dm-verity salt has {length} bytes; at most {MAXIMUM_SALT} fit")]
pub struct SaltTooLong {
    /// Its length in bytes.
    pub length: usize,
}

impl Salt {
    /// A salt of up to [`MAXIMUM_SALT`] bytes; `veritysetup` uses 32.
    ///
    /// # Errors
    /// When it is longer.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, SaltTooLong> {
        let bytes = bytes.into();
        if bytes.len() > MAXIMUM_SALT {
            return Err(SaltTooLong { length: bytes.len() });
        }
        let hashed = Sha256::new_with_prefix(&bytes);
        Ok(Self { bytes, hashed })
    }

    /// The salt.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    fn hash(&self, block: &[u8]) -> BlockDigest {
        let mut hasher = self.hashed.clone();
        hasher.update(block);
        hasher.finalize().into()
    }
}

impl PartialEq for Salt {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl Eq for Salt {}

/// Hashes each block of `data` into the digest of the same index.
///
/// # Panics
/// When `data` is not exactly one block per digest.
pub fn hash_blocks(salt: &Salt, data: &[u8], digests: &mut [BlockDigest]) {
    assert_eq!(data.len(), digests.len() * BLOCK_SIZE, "one block of data per digest");
    for (block, digest) in data.chunks_exact(BLOCK_SIZE).zip(digests) {
        *digest = salt.hash(block);
    }
}

/// Hashes like [`hash_blocks`], shared between up to `threads` threads where there is enough to do.
///
/// # Panics
/// When `data` is not exactly one block per digest.
pub fn hash_blocks_on(threads: usize, salt: &Salt, data: &[u8], digests: &mut [BlockDigest]) {
    /// Below this, starting a thread costs more than it saves.
    const WORTH_A_THREAD: usize = 64;
    let share = digests.len().div_ceil(threads.max(1)).max(WORTH_A_THREAD);
    if digests.len() <= share {
        return hash_blocks(salt, data, digests);
    }
    assert_eq!(data.len(), digests.len() * BLOCK_SIZE, "one block of data per digest");
    std::thread::scope(|scope| {
        for (data, digests) in data.chunks(share * BLOCK_SIZE).zip(digests.chunks_mut(share)) {
            scope.spawn(|| hash_blocks(salt, data, digests));
        }
    });
}

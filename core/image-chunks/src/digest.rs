//! The hash of a chunk.

use sha2::{Digest, Sha256};
use std::fmt::{Display, Formatter, Result};

/// The first 16 bytes of the SHA-256 of a chunk's bytes. The whole image is checked besides, by its root hash; this one
/// finds chunks and names the one that is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChunkDigest(pub [u8; 16]);

impl ChunkDigest {
    /// Hashes a chunk.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let whole = Sha256::digest(bytes);
        Self(std::array::from_fn(|index| whole[index]))
    }
}

impl Display for ChunkDigest {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

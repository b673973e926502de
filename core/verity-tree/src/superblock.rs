//! The first block of a hash partition.

use crate::BLOCK_SIZE;
use crate::digest::{MAXIMUM_SALT, Salt};

const SIGNATURE: &[u8; 8] = b"verity\0\0";
const VERSION: u32 = 1;
/// Salt in front of the block, digests padded to powers of two: what every tree since 2012 uses.
const HASH_TYPE: u32 = 1;
const ALGORITHM: &[u8; 32] = b"sha256\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
/// Length of the structure; the rest of the block is zero.
const LENGTH: usize = 512;

/// What a hash partition says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Identifies the hash partition. Nothing depends on it.
    pub uuid: [u8; 16],
    /// Number of data blocks the tree covers.
    pub data_blocks: u64,
    /// What is hashed in front of every block.
    pub salt: Salt,
}

/// Why bytes are not a superblock of a tree that we compute.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SuperblockError {
    /// Less than a block.
    #[error("the hash partition ends within its first block")]
    Short,
    /// The signature is missing.
    #[error("there is no dm-verity superblock at the start of the hash partition")]
    Signature,
    /// Another version or hash type.
    #[error("the dm-verity superblock has version {version} and hash type {hash_type}; version 1 and type 1 are read")]
    Version {
        /// Format version.
        version: u32,
        /// Hash type.
        hash_type: u32,
    },
    /// Another algorithm.
    #[error("the dm-verity tree uses the algorithm {algorithm:?}; sha256 is read")]
    Algorithm {
        /// Its name.
        algorithm: String,
    },
    /// Another block size.
    #[error("the dm-verity tree has data blocks of {data} bytes and hash blocks of {hash}; 4096 is read")]
    BlockSize {
        /// Bytes in a data block.
        data: u32,
        /// Bytes in a hash block.
        hash: u32,
    },
    /// More salt than there is room for.
    #[error("the dm-verity superblock says that its salt has {length} bytes; at most {MAXIMUM_SALT} fit")]
    Salt {
        /// The length it gives.
        length: u16,
    },
}

impl Superblock {
    /// The block as it is stored.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_SIZE] {
        let mut block = [0; BLOCK_SIZE];
        let salt = self.salt.bytes();
        block[0..8].copy_from_slice(SIGNATURE);
        block[8..12].copy_from_slice(&VERSION.to_le_bytes());
        block[12..16].copy_from_slice(&HASH_TYPE.to_le_bytes());
        block[16..32].copy_from_slice(&self.uuid);
        block[32..64].copy_from_slice(ALGORITHM);
        block[64..68].copy_from_slice(&(BLOCK_SIZE as u32).to_le_bytes());
        block[68..72].copy_from_slice(&(BLOCK_SIZE as u32).to_le_bytes());
        block[72..80].copy_from_slice(&self.data_blocks.to_le_bytes());
        // A salt is at most 256 bytes long.
        block[80..82].copy_from_slice(&(salt.len() as u16).to_le_bytes());
        block[88..88 + salt.len()].copy_from_slice(salt);
        block
    }

    /// Reads the start of a hash partition.
    ///
    /// # Errors
    /// When it is not a tree of this format with SHA-256 and blocks of 4096 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self, SuperblockError> {
        let block: &[u8; LENGTH] = bytes.first_chunk().ok_or(SuperblockError::Short)?;
        if block[0..8] != *SIGNATURE {
            return Err(SuperblockError::Signature);
        }
        let number = |at: usize| u32::from_le_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]]);
        let (version, hash_type) = (number(8), number(12));
        if (version, hash_type) != (VERSION, HASH_TYPE) {
            return Err(SuperblockError::Version { version, hash_type });
        }
        let algorithm = block[32..64].split(|byte| *byte == 0).next().unwrap_or_default();
        if algorithm != b"sha256" {
            return Err(SuperblockError::Algorithm { algorithm: String::from_utf8_lossy(algorithm).into_owned() });
        }
        let (data, hash) = (number(64), number(68));
        if (data, hash) != (BLOCK_SIZE as u32, BLOCK_SIZE as u32) {
            return Err(SuperblockError::BlockSize { data, hash });
        }
        let length = u16::from_le_bytes([block[80], block[81]]);
        let salt = block.get(88..88 + usize::from(length)).and_then(|salt| Salt::new(salt).ok());
        Ok(Self {
            uuid: std::array::from_fn(|index| block[16 + index]),
            data_blocks: u64::from(number(72)) | u64::from(number(76)) << 32,
            salt: salt.ok_or(SuperblockError::Salt { length })?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Superblock, SuperblockError};
    use crate::digest::Salt;

    fn superblock() -> Superblock {
        Superblock { uuid: *b"0123456789abcdef", data_blocks: 1 << 40, salt: Salt::new([7; 32]).unwrap() }
    }

    #[test]
    fn reads_what_it_writes() {
        assert_eq!(Superblock::decode(&superblock().encode()), Ok(superblock()));
    }

    #[test]
    fn what_is_not_ours_is_named() {
        let changed = |at: usize, to: u8| {
            let mut block = superblock().encode();
            block[at] = to;
            Superblock::decode(&block).unwrap_err()
        };
        assert_eq!(changed(0, b'V'), SuperblockError::Signature);
        assert_eq!(changed(12, 0), SuperblockError::Version { version: 1, hash_type: 0 });
        assert_eq!(changed(35, b'5'), SuperblockError::Algorithm { algorithm: "sha556".to_owned() });
        assert_eq!(changed(65, 2), SuperblockError::BlockSize { data: 512, hash: 4096 });
        assert_eq!(changed(81, 2), SuperblockError::Salt { length: 544 });
        assert_eq!(Superblock::decode(&[0; 511]), Err(SuperblockError::Short));
    }
}

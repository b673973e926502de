//! The root hash of a slot's dm-verity tree, and the partition UUIDs that follow from it

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};
use thiserror::Error;
use uuid::Uuid;

/// The SHA-256 root hash of a dm-verity tree: names one exact root file system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RootHash(
    /// The hash, first byte first, as `roothash=` writes it in hexadecimal.
    pub [u8; 32],
);

impl RootHash {
    /// The partition UUID of the root partition: the first 128 bits of the hash (Discoverable Partitions
    /// Specification, "Partition UUIDs"). No version or variant bits are set: the text of the UUID is the text of the hash.
    pub fn root_partition_uuid(&self) -> Uuid {
        Uuid::from_bytes(std::array::from_fn(|index| self.0[index]))
    }

    /// The partition UUID of the verity partition: the last 128 bits of the hash.
    pub fn verity_partition_uuid(&self) -> Uuid {
        Uuid::from_bytes(std::array::from_fn(|index| self.0[index + 16]))
    }
}

impl fmt::Display for RootHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

impl fmt::Debug for RootHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "RootHash({self})")
    }
}

impl FromStr for RootHash {
    type Err = RootHashError;

    /// Reads exactly 64 hexadecimal digits, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() != 64 {
            return Err(RootHashError::Length(text.chars().count()));
        }
        let mut digits = [0_u8; 64];
        for (index, character) in text.chars().enumerate() {
            let value = character.to_digit(16).ok_or(RootHashError::Digit { character, index })?;
            // A hexadecimal digit is an ASCII character below 16, and every character so far was one byte of the 64.
            digits[index] = value as u8;
        }
        Ok(Self(std::array::from_fn(|index| digits[index * 2] << 4 | digits[index * 2 + 1])))
    }
}

impl Serialize for RootHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RootHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// The text is not a root hash.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum RootHashError {
    /// It has the wrong number of characters.
    #[error("a root hash has 64 hexadecimal digits (SHA-256), this text has {0} characters")]
    Length(usize),
    /// It holds something that is not a hexadecimal digit.
    #[error("{character:?} at position {index} of the root hash is not a hexadecimal digit")]
    Digit {
        /// The character.
        character: char,
        /// Its position, counted from 0.
        index: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::{RootHash, RootHashError};

    const TEXT: &str = "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210";

    #[test]
    fn the_text_of_the_uuids_is_the_text_of_the_hash() {
        let hash: RootHash = TEXT.parse().unwrap();
        assert_eq!(hash.to_string(), TEXT);
        assert_eq!(hash.root_partition_uuid().to_string(), "00112233-4455-6677-8899-aabbccddeeff");
        assert_eq!(hash.verity_partition_uuid().to_string(), "01234567-89ab-cdef-fedc-ba9876543210");
    }

    #[test]
    fn refuses_what_is_not_a_hash() {
        assert_eq!(TEXT[1..].parse::<RootHash>(), Err(RootHashError::Length(63)));
        let bad = TEXT.replace("ff01", "fg01");
        assert_eq!(bad.parse::<RootHash>(), Err(RootHashError::Digit { character: 'g', index: 31 }));
        // 64 bytes, but fewer characters.
        assert!("é".repeat(32).parse::<RootHash>().is_err());
    }
}

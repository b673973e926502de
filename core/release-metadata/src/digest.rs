//! SHA-256 values and salts, written in hexadecimal.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::written_as_text;

/// A SHA-256 digest of a file's bytes; written as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256Digest(
    /// The digest, first byte first.
    pub [u8; 32],
);

/// The salt of a dm-verity tree: up to 256 bytes, written as lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VeritySalt(Vec<u8>);

written_as_text!(Sha256Digest);
written_as_text!(VeritySalt);

/// Text that is no digest or salt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HexError {
    /// Not a digest.
    #[error("a SHA-256 digest is 64 lower-case hexadecimal digits")]
    Digest,
    /// Not a salt.
    #[error("a dm-verity salt is at most 512 lower-case hexadecimal digits, two for each byte")]
    Salt,
}

impl VeritySalt {
    /// Longest salt that a verity superblock can hold, in bytes.
    pub const MAXIMUM: usize = 256;

    /// A salt of these bytes.
    ///
    /// # Errors
    /// When there are more than [`Self::MAXIMUM`].
    pub fn new(bytes: Vec<u8>) -> Result<Self, HexError> {
        if bytes.len() > Self::MAXIMUM { Err(HexError::Salt) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Sha256Digest {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        let mut bytes = [0; 32];
        if !is_lower_case(text) || hex::decode_to_slice(text, &mut bytes).is_err() {
            return Err(HexError::Digest);
        }
        Ok(Self(bytes))
    }
}

impl FromStr for VeritySalt {
    type Err = HexError;

    fn from_str(text: &str) -> Result<Self, HexError> {
        if !is_lower_case(text) || text.len() > 2 * Self::MAXIMUM {
            return Err(HexError::Salt);
        }
        Self::new(hex::decode(text).map_err(|_not_hex| HexError::Salt)?)
    }
}

/// Upper case would make two texts of one value.
fn is_lower_case(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

impl fmt::Display for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for Sha256Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Sha256Digest({self})")
    }
}

impl fmt::Display for VeritySalt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for VeritySalt {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "VeritySalt({self})")
    }
}

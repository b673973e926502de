//! Hash algorithms of a TPM's PCR banks, and their digests.

use std::fmt::{self, Debug, Display, Formatter};
use std::str::FromStr;

use serde::de::{self, Deserialize, Deserializer};
use serde::{Serialize, Serializer};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};
use thiserror::Error;

/// A bank of PCRs, named by its hash algorithm as systemd-measure names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bank {
    /// For TPMs without SHA-256; not to be relied on.
    Sha1,
    /// What every TPM 2.0 of the last years has.
    Sha256,
    /// Demanded by some national profiles.
    Sha384,
    /// Rare.
    Sha512,
}

/// A word that names no bank.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("there is no PCR bank {0:?}; use sha1, sha256, sha384 or sha512")]
pub struct BankError(String);

impl Bank {
    /// All banks, weakest first.
    pub const ALL: [Self; 4] = [Self::Sha1, Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name in lower case, such as `sha256`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Hashes `data` with the bank's algorithm.
    pub fn hash(self, data: &[u8]) -> Digest {
        self.hash_parts(&[data])
    }

    /// The digest of all zeros that a PCR holds after a reset.
    pub(crate) fn zero(self) -> Digest {
        match self {
            Self::Sha1 => Digest::Sha1([0; 20]),
            Self::Sha256 => Digest::Sha256([0; 32]),
            Self::Sha384 => Digest::Sha384([0; 48]),
            Self::Sha512 => Digest::Sha512([0; 64]),
        }
    }

    /// Hashes the concatenation of `parts`.
    pub(crate) fn hash_parts(self, parts: &[&[u8]]) -> Digest {
        match self {
            Self::Sha1 => Digest::Sha1(run::<Sha1>(parts).into()),
            Self::Sha256 => Digest::Sha256(run::<Sha256>(parts).into()),
            Self::Sha384 => Digest::Sha384(run::<Sha384>(parts).into()),
            Self::Sha512 => Digest::Sha512(run::<Sha512>(parts).into()),
        }
    }
}

fn run<H: sha2::Digest>(parts: &[&[u8]]) -> sha2::digest::Output<H> {
    let mut hasher = H::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}

impl Display for Bank {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Bank {
    type Err = BankError;

    fn from_str(name: &str) -> Result<Self, BankError> {
        Self::ALL.into_iter().find(|bank| bank.as_str() == name).ok_or_else(|| BankError(name.to_owned()))
    }
}

/// A digest that knows its algorithm. Written as lower-case hex, whose length tells the algorithm.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Digest {
    /// 20 bytes.
    Sha1([u8; 20]),
    /// 32 bytes.
    Sha256([u8; 32]),
    /// 48 bytes.
    Sha384([u8; 48]),
    /// 64 bytes.
    Sha512([u8; 64]),
}

/// Text that is no digest.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DigestError {
    /// Not hexadecimal.
    #[error("a digest is written in hexadecimal digits")]
    NotHex,
    /// No algorithm has digests of this length.
    #[error("no PCR bank has digests of {0} bytes; known are 20, 32, 48 and 64")]
    Length(usize),
}

impl Digest {
    /// The bank whose digests these are.
    pub fn bank(&self) -> Bank {
        match self {
            Self::Sha1(_) => Bank::Sha1,
            Self::Sha256(_) => Bank::Sha256,
            Self::Sha384(_) => Bank::Sha384,
            Self::Sha512(_) => Bank::Sha512,
        }
    }

    /// The raw bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Sha1(bytes) => bytes,
            Self::Sha256(bytes) => bytes,
            Self::Sha384(bytes) => bytes,
            Self::Sha512(bytes) => bytes,
        }
    }
}

impl TryFrom<&[u8]> for Digest {
    type Error = DigestError;

    fn try_from(bytes: &[u8]) -> Result<Self, DigestError> {
        let wrong = |_wrong_length| DigestError::Length(bytes.len());
        match bytes.len() {
            20 => bytes.try_into().map(Self::Sha1).map_err(wrong),
            32 => bytes.try_into().map(Self::Sha256).map_err(wrong),
            48 => bytes.try_into().map(Self::Sha384).map_err(wrong),
            64 => bytes.try_into().map(Self::Sha512).map_err(wrong),
            length => Err(DigestError::Length(length)),
        }
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        if text.len() > 128 {
            return Err(DigestError::Length(text.len() / 2));
        }
        let bytes = hex::decode(text).map_err(|_not_hex| DigestError::NotHex)?;
        Self::try_from(bytes.as_slice())
    }
}

impl Display for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.as_bytes()))
    }
}

impl Debug for Digest {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{self}", self.bank())
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

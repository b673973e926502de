//! Platform configuration registers.

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::bank::{Bank, Digest};

/// Number of a PCR, 0 to 23.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u8")]
pub struct PcrIndex(u8);

impl PcrIndex {
    /// The sections of the unified kernel image, then the phases of the boot.
    pub const KERNEL_BOOT: Self = Self(11);

    /// The number itself.
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl TryFrom<u8> for PcrIndex {
    type Error = &'static str;

    fn try_from(number: u8) -> Result<Self, Self::Error> {
        if number < 24 { Ok(Self(number)) } else { Err("a PCR has a number from 0 to 23") }
    }
}

/// A digest of one bank was to extend a PCR of another.
#[derive(Debug, Clone, Copy, Error, PartialEq, Eq)]
#[error("a {digest} digest cannot extend a PCR of the {pcr} bank")]
pub struct WrongBank {
    /// Bank of the PCR.
    pub pcr: Bank,
    /// Bank of the digest.
    pub digest: Bank,
}

/// The value of a PCR in one bank. It can only be extended, as in the TPM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pcr {
    index: PcrIndex,
    value: Digest,
}

impl Pcr {
    /// A PCR as it is when the machine starts: all zeros.
    pub fn reset(index: PcrIndex, bank: Bank) -> Self {
        Self { index, value: bank.zero() }
    }

    /// Which PCR.
    pub fn index(&self) -> PcrIndex {
        self.index
    }

    /// What it holds.
    pub fn value(&self) -> Digest {
        self.value
    }

    /// `TPM2_PCR_Extend`: the new value is the hash of the old value and `digest`.
    ///
    /// # Errors
    /// [`WrongBank`] where the digest is of another algorithm.
    pub fn extend(&mut self, digest: &Digest) -> Result<(), WrongBank> {
        let bank = self.value.bank();
        if digest.bank() != bank {
            return Err(WrongBank { pcr: bank, digest: digest.bank() });
        }
        self.value = bank.hash_parts(&[self.value.as_bytes(), digest.as_bytes()]);
        Ok(())
    }

    /// Extends with the hash of `data`, as `EFI_TCG2_PROTOCOL.HashLogExtendEvent` does.
    pub fn measure(&mut self, data: &[u8]) {
        let bank = self.value.bank();
        let digest = bank.hash(data);
        self.value = bank.hash_parts(&[self.value.as_bytes(), digest.as_bytes()]);
    }
}

//! What protects the device, as part of the system document.

use device_status::protection::{Protection, ProtectionItem, ProtectionState};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One thing that protects, or could protect, the device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProtectionEntry {
    /// Which protection.
    pub name: ProtectionName,
    /// Whether it works here.
    pub state: ProtectionStatus,
    /// What the state means for the owner of the device, for people.
    #[schema(example = "The firmware starts only what carries a signature it trusts.")]
    pub meaning: String,
    /// What a person can do about it; null where nothing needs doing.
    #[schema(required = true)]
    pub advice: Option<String>,
}

/// The protections, in the order of the boot chain. More may come: treat an unknown name as one more protection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionName {
    /// The firmware starts only what carries an enrolled signature.
    SecureBoot,
    /// A TPM 2.0 keeps keys and measurements.
    Tpm,
    /// What was booted is recorded in the TPM.
    MeasuredBoot,
    /// The root file system is EROFS, checked by dm-verity as it is read.
    VerifiedRoot,
    /// Nothing on the running device can write to the root file system.
    ReadOnlyRoot,
    /// What the device stores is encrypted on the disk (LUKS2).
    DataEncryption,
}

/// Whether a protection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProtectionStatus {
    /// It protects the device now.
    Active,
    /// The device could have it and does not.
    Missing,
    /// This hardware, or the way it was booted, cannot provide it.
    Unavailable,
}

impl From<&ProtectionItem> for ProtectionEntry {
    fn from(item: &ProtectionItem) -> Self {
        let name = match item.name {
            Protection::SecureBoot => ProtectionName::SecureBoot,
            Protection::Tpm => ProtectionName::Tpm,
            Protection::MeasuredBoot => ProtectionName::MeasuredBoot,
            Protection::VerifiedRoot => ProtectionName::VerifiedRoot,
            Protection::ReadOnlyRoot => ProtectionName::ReadOnlyRoot,
            Protection::DataEncryption => ProtectionName::DataEncryption,
        };
        let state = match item.state {
            ProtectionState::Active => ProtectionStatus::Active,
            ProtectionState::Missing => ProtectionStatus::Missing,
            ProtectionState::Unavailable => ProtectionStatus::Unavailable,
        };
        Self { name, state, meaning: item.meaning.into(), advice: item.advice.map(Into::into) }
    }
}

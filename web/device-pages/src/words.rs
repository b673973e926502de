//! What the page calls things that the API names for programs.

use device_api::health::{CheckName, HealthStatus};
use device_api::protection::{ProtectionName, ProtectionStatus};
use device_api::system::SlotName;

/// The name of a protection.
pub fn protection(name: ProtectionName) -> &'static str {
    match name {
        ProtectionName::SecureBoot => "Secure Boot",
        ProtectionName::Tpm => "TPM 2.0",
        ProtectionName::MeasuredBoot => "Measured boot",
        ProtectionName::VerifiedRoot => "Verified system",
        ProtectionName::ReadOnlyRoot => "Read-only system",
        ProtectionName::DataEncryption => "Encrypted data",
    }
}

/// The state of a protection; also the name of its mark in the style sheet.
pub fn state(state: ProtectionStatus) -> &'static str {
    match state {
        ProtectionStatus::Active => "active",
        ProtectionStatus::Missing => "missing",
        ProtectionStatus::Unavailable => "unavailable",
    }
}

/// What was checked.
pub fn check(name: CheckName) -> &'static str {
    match name {
        CheckName::Root => "System",
        CheckName::Data => "Data",
        CheckName::Configuration => "Configuration",
        CheckName::Memory => "Memory",
    }
}

/// How the device is, as a headline.
pub fn health(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok => "All is well",
        HealthStatus::Degraded => "Needs a look",
        HealthStatus::Failed => "Something is wrong",
    }
}

/// The slot that runs.
pub fn slot(slot: SlotName) -> &'static str {
    match slot {
        SlotName::A => "A",
        SlotName::B => "B",
    }
}

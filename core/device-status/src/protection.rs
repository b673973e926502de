//! What protects a device, what is missing, and what a person can do about it.

use crate::block::{LUKS2_PREFIX, VERITY_PREFIX};
use crate::facts::{BootFacts, Firmware, StateFacts};

/// The register that systemd-stub measures a UKI into (UAPI Linux TPM PCR Registry).
const UKI_PCR: u32 = 11;

/// One thing that protects, or could protect, the device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProtectionItem {
    /// Which protection.
    pub name: Protection,
    /// Whether it works here.
    pub state: ProtectionState,
    /// What the state means for the owner of the device, as one sentence.
    pub meaning: &'static str,
    /// What a person can do about it; `None` where nothing needs doing.
    pub advice: Option<&'static str>,
}

/// The protections a device reports, in the order of the boot chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// The firmware starts only what carries an enrolled signature.
    SecureBoot,
    /// A TPM 2.0 that can keep keys and measurements.
    Tpm,
    /// What was booted is recorded in the TPM.
    MeasuredBoot,
    /// The root file system is checked by dm-verity as it is read.
    VerifiedRoot,
    /// Nothing on the running device can write to the root file system.
    ReadOnlyRoot,
    /// What the device stores is encrypted on the disk.
    DataEncryption,
}

/// Whether a protection works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProtectionState {
    /// It protects the device now.
    Active,
    /// The device could have it and does not.
    Missing,
    /// This hardware, or the way it was booted, cannot provide it.
    Unavailable,
}

/// Every protection, each with its state here.
pub fn protection_report(boot: &BootFacts, state: &StateFacts) -> Vec<ProtectionItem> {
    vec![
        secure_boot(boot.firmware.as_ref()),
        tpm(boot.tpm_major_version),
        measured_boot(boot),
        verified_root(boot, state),
        read_only_root(state),
        data_encryption(state),
    ]
}

fn secure_boot(firmware: Option<&Firmware>) -> ProtectionItem {
    let (state, meaning, advice) = match firmware {
        None => (
            ProtectionState::Unavailable,
            "The device was not started by UEFI firmware, so nothing checks what boots.",
            Some("If the firmware offers UEFI and legacy (CSM) boot, choose UEFI."),
        ),
        Some(Firmware { secure_boot: None, .. }) => (
            ProtectionState::Unavailable,
            "This firmware has no Secure Boot, so nothing checks what boots.",
            Some("Look for a firmware update from the board's maker."),
        ),
        Some(Firmware { setup_mode: Some(true), .. }) => (
            ProtectionState::Missing,
            "The firmware is in setup mode: it starts anything, and anybody at the machine can enrol keys.",
            Some("Enrol the keys of this release in the firmware, then switch Secure Boot on."),
        ),
        Some(Firmware { secure_boot: Some(true), .. }) => {
            (ProtectionState::Active, "The firmware starts only what carries a signature it trusts.", None)
        }
        Some(_) => (
            ProtectionState::Missing,
            "The firmware starts anything: a changed boot loader or kernel would not be noticed.",
            Some("Switch Secure Boot on in the firmware settings, once the keys of this release are enrolled there."),
        ),
    };
    ProtectionItem { name: Protection::SecureBoot, state, meaning, advice }
}

fn tpm(major_version: Option<u32>) -> ProtectionItem {
    let (state, meaning, advice) = match major_version {
        Some(2) => (
            ProtectionState::Active,
            "A TPM 2.0 can keep keys that only this machine, booted as expected, can use.",
            None,
        ),
        Some(_) => (
            ProtectionState::Unavailable,
            "The TPM is older than version 2.0 and cannot be used.",
            Some(
                "Some boards offer a firmware TPM 2.0 beside it (Intel PTT, AMD fTPM): choose it in the firmware settings.",
            ),
        ),
        None => (
            ProtectionState::Unavailable,
            "There is no TPM, so keys cannot be bound to this machine.",
            Some(
                "If the board has one, switch it on in the firmware settings; it may be called Intel PTT or AMD fTPM.",
            ),
        ),
    };
    ProtectionItem { name: Protection::Tpm, state, meaning, advice }
}

fn measured_boot(boot: &BootFacts) -> ProtectionItem {
    let measured = boot.firmware.as_ref().and_then(|firmware| firmware.kernel_image_pcr) == Some(UKI_PCR);
    let (state, meaning, advice) = match (boot.tpm_major_version, measured) {
        (Some(2), true) => (
            ProtectionState::Active,
            "The TPM recorded exactly which release booted, so the device can prove it.",
            None,
        ),
        (Some(2), false) => (
            ProtectionState::Missing,
            "There is a TPM, but what booted was not recorded in it.",
            Some("Boot the release through its unified kernel image, as the shipped disk image does."),
        ),
        _ => (ProtectionState::Unavailable, "Without a TPM 2.0 the device cannot prove which release booted.", None),
    };
    ProtectionItem { name: Protection::MeasuredBoot, state, meaning, advice }
}

fn verified_root(boot: &BootFacts, state: &StateFacts) -> ProtectionItem {
    let root = state.mount_at("/");
    let verified = root.is_some_and(|root| root.file_system == "erofs" && state.stands_on(root, VERITY_PREFIX));
    let (state, meaning, advice) = match (verified, &boot.root_hash) {
        (true, _) => (
            ProtectionState::Active,
            "Every block of the operating system is checked when it is read: a changed one is refused.",
            None,
        ),
        (false, Some(_)) => (
            ProtectionState::Missing,
            "This boot was asked to verify the operating system, but it runs unverified.",
            Some("Do not trust this device with secrets; install the release again."),
        ),
        (false, None) => (
            ProtectionState::Missing,
            "The operating system is not verified: a changed file would not be noticed.",
            Some("Boot a Piccolo OS disk image; its root is always verified."),
        ),
    };
    ProtectionItem { name: Protection::VerifiedRoot, state, meaning, advice }
}

fn read_only_root(state: &StateFacts) -> ProtectionItem {
    let (state, meaning, advice) = if state.mount_at("/").is_some_and(|root| root.read_only) {
        (ProtectionState::Active, "Nothing that runs on the device can change the operating system.", None)
    } else {
        (
            ProtectionState::Missing,
            "The operating system can be written to while it runs.",
            Some("Boot a Piccolo OS disk image; its root is always read-only."),
        )
    };
    ProtectionItem { name: Protection::ReadOnlyRoot, state, meaning, advice }
}

fn data_encryption(state: &StateFacts) -> ProtectionItem {
    let encrypted = state.mount_of("/var").is_some_and(|mount| state.stands_on(mount, LUKS2_PREFIX));
    let (state, meaning, advice) = if encrypted {
        (ProtectionState::Active, "What the device stores is encrypted on the disk.", None)
    } else {
        (
            ProtectionState::Missing,
            "What the device stores is not encrypted: whoever takes the disk can read it.",
            Some("Keep secrets off this device, or keep it where only people you trust can reach it."),
        )
    };
    ProtectionItem { name: Protection::DataEncryption, state, meaning, advice }
}

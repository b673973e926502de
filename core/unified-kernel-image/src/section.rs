//! The sections that systemd-stub gives a meaning to.

use std::borrow::Cow;
use std::fmt::{Display, Formatter, Result};

/// A section name known to systemd-stub, in the canonical order in which the stub measures sections into PCR 11
/// (`src/fundamental/uki.h` in systemd; that order never changes, only grows at the end).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectionName {
    /// The kernel, itself a PE file.
    Linux,
    /// The text of `os-release`.
    OsRelease,
    /// The kernel command line.
    CommandLine,
    /// The initrd, a cpio archive.
    Initrd,
    /// CPU microcode, a cpio archive handed to the kernel before the initrd.
    Microcode,
    /// A bitmap shown while the image starts.
    Splash,
    /// A device tree that replaces the firmware's.
    DeviceTree,
    /// What `uname -r` will print.
    Uname,
    /// Revocation generations, read by shim.
    Sbat,
    /// Signatures of expected PCR values: the only section that is not measured, because it depends on the measurement.
    PcrSignature,
    /// The public key, as PEM, that made the PCR signatures.
    PcrPublicKey,
    /// Starts a profile: this section and those after it override the base sections when the profile is chosen.
    Profile,
    /// One of several device trees; the stub takes the one that fits the hardware.
    AutomaticDeviceTree,
    /// Table of hardware identifiers by which the stub chooses a device tree.
    HardwareIds,
}

impl SectionName {
    /// Every name, in measurement order.
    pub const ALL: [Self; 14] = [
        Self::Linux,
        Self::OsRelease,
        Self::CommandLine,
        Self::Initrd,
        Self::Microcode,
        Self::Splash,
        Self::DeviceTree,
        Self::Uname,
        Self::Sbat,
        Self::PcrSignature,
        Self::PcrPublicKey,
        Self::Profile,
        Self::AutomaticDeviceTree,
        Self::HardwareIds,
    ];

    /// The name as it stands in the PE section header, at most eight bytes.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Linux => ".linux",
            Self::OsRelease => ".osrel",
            Self::CommandLine => ".cmdline",
            Self::Initrd => ".initrd",
            Self::Microcode => ".ucode",
            Self::Splash => ".splash",
            Self::DeviceTree => ".dtb",
            Self::Uname => ".uname",
            Self::Sbat => ".sbat",
            Self::PcrSignature => ".pcrsig",
            Self::PcrPublicKey => ".pcrpkey",
            Self::Profile => ".profile",
            Self::AutomaticDeviceTree => ".dtbauto",
            Self::HardwareIds => ".hwids",
        }
    }

    /// The section of this name, or `None` where the stub would not know it.
    pub fn from_pe_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.as_str() == name)
    }

    /// Whether the stub measures this section into PCR 11.
    pub fn is_measured(self) -> bool {
        self != Self::PcrSignature
    }
}

impl Display for SectionName {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        f.write_str(self.as_str())
    }
}

/// A section by name and by the bytes that it has once loaded in memory, which is what the stub uses and measures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section<'a> {
    /// What it is.
    pub name: SectionName,
    /// Its bytes, without the padding that aligns it in the file.
    pub content: Cow<'a, [u8]>,
}

impl<'a> Section<'a> {
    /// A section whose content is borrowed.
    pub fn borrowed(name: SectionName, content: &'a [u8]) -> Self {
        Self { name, content: Cow::Borrowed(content) }
    }

    /// A section whose content was made for it.
    pub fn owned(name: SectionName, content: Vec<u8>) -> Self {
        Self { name, content: Cow::Owned(content) }
    }
}

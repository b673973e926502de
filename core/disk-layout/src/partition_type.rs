//! Partition types and attributes of the Discoverable Partitions Specification (UAPI.2)

use std::fmt;
use std::ops::BitOr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::{Uuid, uuid};

use crate::slot::PartitionRole;

/// EFI system partition.
pub const ESP: Uuid = uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b");
/// Root file system for x86-64.
pub const ROOT_X86_64: Uuid = uuid!("4f68bce3-e8cd-4db1-96e7-fbcaf984b709");
/// dm-verity hash tree of the root file system for x86-64. (77ff5f63-… is the one of `/usr`.)
pub const ROOT_X86_64_VERITY: Uuid = uuid!("2c7357ed-ebd2-46d9-aec1-23d437ec2bf5");
/// Root file system for 64-bit ARM.
pub const ROOT_ARM64: Uuid = uuid!("b921b045-1df0-41c3-af44-4c6f280d3fae");
/// dm-verity hash tree of the root file system for 64-bit ARM.
pub const ROOT_ARM64_VERITY: Uuid = uuid!("df3300ce-d69f-4c92-978c-9bfb0f38d820");
/// Variable data, mounted at `/var`.
pub const VAR: Uuid = uuid!("4d21b016-b534-45c2-a9fb-5c16e091fd2d");

/// The processor architecture a disk is for; it selects the types of root and verity partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Architecture {
    /// 64-bit ARM (Debian's `arm64`).
    #[serde(rename = "arm64")]
    Arm64,
    /// 64-bit x86 (Debian's `amd64`).
    #[serde(rename = "x86-64")]
    X86_64,
}

/// The text names no architecture that Piccolo OS knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("there is no such architecture; known are arm64 and x86-64")]
pub struct UnknownArchitecture;

impl Architecture {
    /// Every architecture, by name.
    pub const ALL: [Self; 2] = [Self::Arm64, Self::X86_64];

    /// The name as systemd, recipes and releases write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86-64",
        }
    }

    /// The type GUID of a partition with this role.
    pub fn partition_type(self, role: PartitionRole) -> Uuid {
        match (role, self) {
            (PartitionRole::Esp, _) => ESP,
            (PartitionRole::Root(_), Self::X86_64) => ROOT_X86_64,
            (PartitionRole::Root(_), Self::Arm64) => ROOT_ARM64,
            (PartitionRole::Verity(_), Self::X86_64) => ROOT_X86_64_VERITY,
            (PartitionRole::Verity(_), Self::Arm64) => ROOT_ARM64_VERITY,
            (PartitionRole::Var, _) => VAR,
        }
    }

    /// The identifier that systemd uses for the type of a partition with this role (repart.d(5), `Type=`).
    pub fn partition_type_identifier(self, role: PartitionRole) -> &'static str {
        match (role, self) {
            (PartitionRole::Esp, _) => "esp",
            (PartitionRole::Root(_), Self::X86_64) => "root-x86-64",
            (PartitionRole::Root(_), Self::Arm64) => "root-arm64",
            (PartitionRole::Verity(_), Self::X86_64) => "root-x86-64-verity",
            (PartitionRole::Verity(_), Self::Arm64) => "root-arm64-verity",
            (PartitionRole::Var, _) => "var",
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Architecture {
    type Err = UnknownArchitecture;

    fn from_str(name: &str) -> Result<Self, UnknownArchitecture> {
        Self::ALL.into_iter().find(|architecture| architecture.as_str() == name).ok_or(UnknownArchitecture)
    }
}

/// What a type GUID means, for people: systemd's identifier, or nothing if the type is not one that Piccolo OS uses.
pub fn identifier(partition_type: Uuid) -> Option<&'static str> {
    match partition_type {
        ESP => Some("esp"),
        ROOT_X86_64 => Some("root-x86-64"),
        ROOT_X86_64_VERITY => Some("root-x86-64-verity"),
        ROOT_ARM64 => Some("root-arm64"),
        ROOT_ARM64_VERITY => Some("root-arm64-verity"),
        VAR => Some("var"),
        _ => None,
    }
}

/// The 64 attribute bits of a GPT partition entry (UEFI 2.10 table 5.7; bits 48 to 63 belong to the type).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub struct Attributes(
    /// The raw bits, bit 0 the least significant.
    pub u64,
);

impl Attributes {
    /// No attribute set.
    pub const NONE: Self = Self(0);
    /// The file system shall be grown to the size of the partition when it is mounted.
    pub const GROW_FILE_SYSTEM: Self = Self(1 << 59);
    /// The partition shall be mounted read-only.
    pub const READ_ONLY: Self = Self(1 << 60);
    /// The partition shall not be mounted by automatic discovery.
    pub const NO_AUTO: Self = Self(1 << 63);

    /// Whether every bit of `other` is set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The attributes that a new partition with this role gets.
    pub fn of_role(role: PartitionRole) -> Self {
        match role {
            PartitionRole::Esp => Self::NONE,
            PartitionRole::Root(_) | PartitionRole::Verity(_) => Self::READ_ONLY,
            PartitionRole::Var => Self::GROW_FILE_SYSTEM,
        }
    }
}

impl BitOr for Attributes {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

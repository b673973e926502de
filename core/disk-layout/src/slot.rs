//! The two slots of a device and the partition labels

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// One of the two places an operating system image can be installed to: a root partition, its verity partition and a UKI.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SlotName {
    /// The slot that the shipped image fills.
    A,
    /// The slot that systemd-repart makes on the first boot, and the first update fills.
    B,
}

impl SlotName {
    /// The slot that is not this one: where an update goes.
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// `a` or `b`, as in partition labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

impl fmt::Display for SlotName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for SlotName {
    type Err = SlotNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "a" => Ok(Self::A),
            "b" => Ok(Self::B),
            _ => Err(SlotNameError(text.chars().take(32).collect())),
        }
    }
}

/// The text is not the name of a slot.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("there is no slot {0:?}; a device has the slots \"a\" and \"b\"")]
pub struct SlotNameError(String);

/// What a partition of a Piccolo OS disk is for. Its [`label`](PartitionRole::label) is its GPT partition name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartitionRole {
    /// The EFI system partition: the boot loader and the UKIs of both slots.
    Esp,
    /// The read-only EROFS root file system of a slot.
    Root(SlotName),
    /// The dm-verity hash tree of a slot.
    Verity(SlotName),
    /// Everything a device keeps.
    Var,
}

impl PartitionRole {
    /// Every role, in the order of the partition table.
    pub const ALL: [Self; 6] = [
        Self::Esp,
        Self::Root(SlotName::A),
        Self::Verity(SlotName::A),
        Self::Root(SlotName::B),
        Self::Verity(SlotName::B),
        Self::Var,
    ];

    /// The GPT partition name.
    pub fn label(self) -> &'static str {
        match self {
            Self::Esp => "esp",
            Self::Root(SlotName::A) => "root-a",
            Self::Verity(SlotName::A) => "verity-a",
            Self::Root(SlotName::B) => "root-b",
            Self::Verity(SlotName::B) => "verity-b",
            Self::Var => "var",
        }
    }

    /// The role with this label, if there is one.
    pub fn from_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.label() == label)
    }
}

impl fmt::Display for PartitionRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.label())
    }
}

#[cfg(test)]
mod tests {
    use super::{PartitionRole, SlotName};

    #[test]
    fn labels_name_their_roles() {
        for role in PartitionRole::ALL {
            assert_eq!(PartitionRole::from_label(role.label()), Some(role));
        }
        assert_eq!(PartitionRole::from_label("root-c"), None);
    }

    #[test]
    fn slot_names_parse_and_print() {
        assert_eq!("a".parse(), Ok(SlotName::A));
        assert_eq!("b".parse(), Ok(SlotName::A.other()));
        assert_eq!(
            "c".parse::<SlotName>().unwrap_err().to_string(),
            "there is no slot \"c\"; a device has the slots \"a\" and \"b\""
        );
    }
}

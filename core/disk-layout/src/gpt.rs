//! The GUID partition table as values (UEFI 2.10 section 5.3)

mod change;
mod checksum;
mod encode;
mod read;

pub use change::{ChangeError, TableWrite};
pub use encode::{EncodeError, EncodedTable};
pub use read::{GptReading, HeaderProblem, ReadError, ReadingNote, read};

use uuid::Uuid;

use crate::partition_type::Attributes;

/// Entries in the tables we write: the smallest number that the specification allows (16 KiB of 128-byte entries).
pub const ENTRY_COUNT: u32 = 128;
/// Bytes in one entry of the tables we write.
pub const ENTRY_BYTES: u32 = 128;
/// A partition name has at most this many UTF-16 code units.
pub const LABEL_UNITS: usize = 36;

/// The unit in which a disk is addressed: its logical block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SectorSize {
    /// 512 bytes: disk images, virtual disks, most hardware.
    Bytes512,
    /// 4096 bytes: "4K native" disks.
    Bytes4096,
}

impl SectorSize {
    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Bytes512 => 512,
            Self::Bytes4096 => 4096,
        }
    }

    /// Sectors that [`ENTRY_COUNT`] entries take.
    pub(crate) const fn entry_sectors(self) -> u64 {
        (ENTRY_COUNT as u64 * ENTRY_BYTES as u64).div_ceil(self.bytes())
    }
}

/// One partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Its number, counted from 1: the position of its entry, and the kernel's number for it (`vda2`).
    pub number: u32,
    /// What it is for; see [`crate::partition_type`].
    pub type_guid: Uuid,
    /// Its own name among all partitions of all disks (`/dev/disk/by-partuuid`).
    pub unique_guid: Uuid,
    /// Its first sector.
    pub first_lba: u64,
    /// Its last sector, which belongs to it.
    pub last_lba: u64,
    /// Attribute bits.
    pub attributes: Attributes,
    /// Its name for people, at most [`LABEL_UNITS`] UTF-16 code units.
    pub label: String,
}

impl Partition {
    /// Where it starts on the disk, in bytes; saturates at what a `u64` can say.
    pub fn offset(&self, sector_size: SectorSize) -> u64 {
        self.first_lba.saturating_mul(sector_size.bytes())
    }

    /// Its size in bytes; saturates.
    pub fn size(&self, sector_size: SectorSize) -> u64 {
        (self.last_lba.saturating_sub(self.first_lba)).saturating_add(1).saturating_mul(sector_size.bytes())
    }
}

/// A partition table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionTable {
    /// The disk's own GUID.
    pub disk_guid: Uuid,
    /// The unit of every LBA here.
    pub sector_size: SectorSize,
    /// The size of the disk in sectors. The backup header is in the last one.
    pub disk_sectors: u64,
    /// First sector that partitions may use.
    pub first_usable_lba: u64,
    /// Last sector that partitions may use.
    pub last_usable_lba: u64,
    /// The partitions, by ascending number.
    pub partitions: Vec<Partition>,
}

impl PartitionTable {
    /// The first partition with this label. Labels need not be unique on a foreign disk.
    pub fn by_label(&self, label: &str) -> Option<&Partition> {
        self.partitions.iter().find(|partition| partition.label == label)
    }

    /// The first fault that makes the table unsafe to use: a partition outside the usable sectors, or two that share one.
    pub(crate) fn fault(&self) -> Option<TableFault> {
        let mut by_address: Vec<&Partition> = self.partitions.iter().collect();
        by_address.sort_by_key(|partition| partition.first_lba);
        let outside = by_address.iter().find(|partition| {
            partition.first_lba > partition.last_lba
                || partition.first_lba < self.first_usable_lba
                || partition.last_lba > self.last_usable_lba
        });
        if let Some(partition) = outside {
            return Some(TableFault::Outside { number: partition.number });
        }
        by_address.windows(2).find_map(|pair| match pair {
            [left, right] if right.first_lba <= left.last_lba => {
                Some(TableFault::Overlap { left: left.number, right: right.number })
            }
            _ => None,
        })
    }
}

/// Why a table is not usable although its checksums are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TableFault {
    /// A partition ends before it starts, or lies outside the sectors that the header gives to partitions.
    #[error("partition {number} lies outside the usable sectors")]
    Outside {
        /// The partition's number.
        number: u32,
    },
    /// Two partitions share a sector.
    #[error("partitions {left} and {right} overlap")]
    Overlap {
        /// The one that starts first.
        left: u32,
        /// The other.
        right: u32,
    },
}

//! From a partition table to the bytes at both ends of the disk

use thiserror::Error;
use uuid::Uuid;

use super::checksum::crc32;
use super::{ENTRY_BYTES, ENTRY_COUNT, LABEL_UNITS, Partition, PartitionTable, TableFault};

/// Where the entries of the primary table are on a new disk: behind the protective MBR and the header.
pub(super) const FIRST_ENTRIES_LBA: u64 = 2;

/// The bytes of a partition table. Everything between the two parts belongs to the partitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncodedTable {
    /// Protective MBR, primary header and entries: goes to offset 0.
    pub primary: Vec<u8>,
    /// Backup entries and backup header.
    pub backup: Vec<u8>,
    /// Where `backup` goes, in bytes; it ends where the disk ends.
    pub backup_offset: u64,
}

/// The table cannot be written.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EncodeError {
    /// Partitions overlap or lie outside the disk.
    #[error(transparent)]
    Fault(#[from] TableFault),
    /// A number that has no entry, or that appears twice.
    #[error("partition number {0} is used twice or is not in 1..=128")]
    Number(u32),
    /// An entry of the nil type counts as empty.
    #[error("partition {0} has no type")]
    NilType(u32),
    /// The name does not fit, or holds a NUL.
    #[error("the label {0:?} is longer than 36 UTF-16 code units, or holds a NUL")]
    Label(String),
    /// The disk has no room for both tables, or the usable sectors reach into them.
    #[error(
        "a disk of {disk_sectors} sectors has no room for the tables outside sectors {first_usable}..={last_usable}"
    )]
    Room {
        /// Sectors of the disk.
        disk_sectors: u64,
        /// First usable sector.
        first_usable: u64,
        /// Last usable sector.
        last_usable: u64,
    },
}

impl PartitionTable {
    /// The bytes of this table: protective MBR, both headers and both copies of the entries.
    ///
    /// # Errors
    /// When the table says something that a GPT cannot: see [`EncodeError`].
    pub fn encode(&self) -> Result<EncodedTable, EncodeError> {
        self.check()?;
        let entries = self.entries()?;
        let sector = self.sector_size.bytes();
        let entry_sectors = self.sector_size.entry_sectors();
        let last = self.disk_sectors - 1;
        let backup_entries_lba = last - entry_sectors;

        let mut primary = self.protective_mbr();
        primary.extend(self.header(1, last, FIRST_ENTRIES_LBA, crc32(&entries)));
        primary.extend(&entries);
        let mut backup = entries.clone();
        backup.extend(self.header(last, 1, backup_entries_lba, crc32(&entries)));
        Ok(EncodedTable { primary, backup, backup_offset: backup_entries_lba * sector })
    }

    pub(super) fn check(&self) -> Result<(), EncodeError> {
        let table_sectors = 2 + self.sector_size.entry_sectors();
        let room = self.disk_sectors > table_sectors * 2
            && self.disk_sectors.checked_mul(self.sector_size.bytes()).is_some()
            && self.first_usable_lba >= table_sectors
            && self.last_usable_lba >= self.first_usable_lba
            // The backup has one sector less: it has no MBR.
            && self.last_usable_lba <= self.disk_sectors - table_sectors;
        if !room {
            return Err(EncodeError::Room {
                disk_sectors: self.disk_sectors,
                first_usable: self.first_usable_lba,
                last_usable: self.last_usable_lba,
            });
        }
        self.fault().map_or(Ok(()), |fault| Err(EncodeError::Fault(fault)))
    }

    /// One partition of type 0xEE over the whole disk, so that programs that know no GPT do not see an empty disk (section 5.2.3).
    pub(super) fn protective_mbr(&self) -> Vec<u8> {
        let sectors = u32::try_from(self.disk_sectors - 1).unwrap_or(u32::MAX);
        let mut sector = vec![0; self.sector_size.bytes() as usize];
        sector[446..462].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0, 0, 0, 0]);
        sector[458..462].copy_from_slice(&sectors.to_le_bytes());
        sector[510..512].copy_from_slice(&[0x55, 0xaa]);
        sector
    }

    /// A header for `own_lba`, filled up to one sector (table 5.5).
    pub(super) fn header(&self, own_lba: u64, other_lba: u64, entries_lba: u64, entries_crc: u32) -> Vec<u8> {
        let mut header = Vec::with_capacity(self.sector_size.bytes() as usize);
        header.extend(super::read::SIGNATURE);
        header.extend(0x0001_0000_u32.to_le_bytes());
        header.extend(super::read::HEADER_BYTES.to_le_bytes());
        header.extend([0; 8]);
        for value in [own_lba, other_lba, self.first_usable_lba, self.last_usable_lba] {
            header.extend(value.to_le_bytes());
        }
        header.extend(self.disk_guid.to_bytes_le());
        header.extend(entries_lba.to_le_bytes());
        for value in [ENTRY_COUNT, ENTRY_BYTES, entries_crc] {
            header.extend(value.to_le_bytes());
        }
        // The checksum covers the header with its own field zero.
        let crc = crc32(&header);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        header.resize(self.sector_size.bytes() as usize, 0);
        header
    }

    pub(super) fn entries(&self) -> Result<Vec<u8>, EncodeError> {
        let mut entries = vec![0; (self.sector_size.entry_sectors() * self.sector_size.bytes()) as usize];
        for partition in &self.partitions {
            let slot = partition
                .number
                .checked_sub(1)
                .filter(|index| *index < ENTRY_COUNT)
                .and_then(|index| entries.chunks_exact_mut(ENTRY_BYTES as usize).nth(index as usize))
                .filter(|slot| slot.iter().all(|byte| *byte == 0))
                .ok_or(EncodeError::Number(partition.number))?;
            slot.copy_from_slice(&entry(partition)?);
        }
        Ok(entries)
    }
}

/// One partition entry (table 5.6).
fn entry(partition: &Partition) -> Result<[u8; ENTRY_BYTES as usize], EncodeError> {
    let label: Vec<u16> = partition.label.encode_utf16().collect();
    // A NUL would end the name early for every reader.
    if label.len() > LABEL_UNITS || label.contains(&0) {
        return Err(EncodeError::Label(partition.label.clone()));
    }
    if partition.type_guid == Uuid::nil() {
        return Err(EncodeError::NilType(partition.number));
    }
    let mut entry = [0; ENTRY_BYTES as usize];
    entry[..16].copy_from_slice(&partition.type_guid.to_bytes_le());
    entry[16..32].copy_from_slice(&partition.unique_guid.to_bytes_le());
    entry[32..40].copy_from_slice(&partition.first_lba.to_le_bytes());
    entry[40..48].copy_from_slice(&partition.last_lba.to_le_bytes());
    entry[48..56].copy_from_slice(&partition.attributes.0.to_le_bytes());
    for (field, unit) in entry[56..].chunks_exact_mut(2).zip(label) {
        field.copy_from_slice(&unit.to_le_bytes());
    }
    Ok(entry)
}

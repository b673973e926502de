//! Changing the table of a disk that is in use, so that power can fail at any moment
//!
//! Linux uses the backup table only when told to on its command line, so the primary must be whole at every instant. Its header fits one sector, which
//! a disk writes whole or not at all; its entries do not. The header says where the entries are (UEFI 2.10, table 5.5,
//! `PartitionEntryLBA`), so new entries go to a second place, and then one sector switches over.

use thiserror::Error;

use super::checksum::crc32;
use super::encode::FIRST_ENTRIES_LBA;
use super::{EncodeError, GptReading, PartitionTable};

/// Bytes to write, and to flush before the next ones are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableWrite {
    /// Where on the disk, in bytes: the start of a sector.
    pub offset: u64,
    /// What: whole sectors.
    pub bytes: Vec<u8>,
}

/// The table of a disk cannot be changed safely.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ChangeError {
    /// The new table cannot be written at all.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The partitions begin right behind the table.
    #[error(
        "the first partition starts in sector {first_partition}, which leaves no room for a second copy of the table; \
         {needed} is the first sector that does"
    )]
    NoRoom {
        /// First sector of the first partition.
        first_partition: u64,
        /// The first sector that would do.
        needed: u64,
    },
}

impl PartitionTable {
    /// What to write, in this order and with a flush after each, to make this the table of the disk that `found` was read from.
    /// Whenever power fails, the disk has the old table or this one.
    ///
    /// # Errors
    /// When this table cannot be written, or the disk has no room for two copies of the entries before its first partition.
    pub fn replace(&self, found: &GptReading) -> Result<Vec<TableWrite>, ChangeError> {
        let sector = self.sector_size.bytes();
        let entry_sectors = self.sector_size.entry_sectors();
        let needed = FIRST_ENTRIES_LBA + 2 * entry_sectors;
        let first_partition = self.partitions.iter().map(|partition| partition.first_lba).min();
        if first_partition.is_some_and(|first| first < needed) {
            return Err(ChangeError::NoRoom { first_partition: first_partition.unwrap_or_default(), needed });
        }
        // The entries lie before the first sector that partitions may use (section 5.3.1).
        let table = Self { first_usable_lba: self.first_usable_lba.max(needed), ..self.clone() };
        table.check()?;
        let entries = table.entries()?;
        let places = [FIRST_ENTRIES_LBA, FIRST_ENTRIES_LBA + entry_sectors];
        let used = found.primary_entries_lba.map(|first| first..first.saturating_add(entry_sectors));
        let free = |place: &u64| {
            let overlaps = |used: &std::ops::Range<u64>| *place < used.end && used.start < place + entry_sectors;
            !used.as_ref().is_some_and(overlaps)
        };
        let no_room = ChangeError::NoRoom { first_partition: table.first_usable_lba, needed };
        // Entries at an odd place of another tool's making may lie across both of ours.
        let place = places.into_iter().find(free).ok_or(no_room)?;

        let crc = crc32(&entries);
        let last = self.disk_sectors - 1;
        let backup_lba = last - entry_sectors;
        Ok(vec![
            TableWrite { offset: place * sector, bytes: entries.clone() },
            TableWrite { offset: sector, bytes: table.header(1, last, place, crc) },
            // From here on the disk has the new table. The protective MBR may be missing or too small.
            TableWrite { offset: 0, bytes: table.protective_mbr() },
            TableWrite { offset: backup_lba * sector, bytes: entries },
            TableWrite { offset: last * sector, bytes: table.header(last, 1, backup_lba, crc) },
        ])
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::{any, proptest};
    use uuid::Uuid;

    use super::{ChangeError, TableWrite};
    use crate::gpt::{Partition, PartitionTable, ReadingNote, SectorSize, read};
    use crate::partition_type::Attributes;

    fn table(sector_size: SectorSize) -> PartitionTable {
        let partition = |number: u32, first_lba: u64| Partition {
            number,
            type_guid: Uuid::from_u128(7),
            unique_guid: Uuid::from_u128(u128::from(number)),
            first_lba,
            last_lba: first_lba + 9,
            attributes: Attributes(0),
            label: format!("part-{number}"),
        };
        PartitionTable {
            disk_guid: Uuid::from_u128(1),
            sector_size,
            disk_sectors: 400,
            first_usable_lba: 100,
            last_usable_lba: 300,
            partitions: vec![partition(1, 100), partition(2, 200)],
        }
    }

    fn disk(table: &PartitionTable) -> Vec<u8> {
        let encoded = table.encode().unwrap();
        let mut disk = vec![0; (table.disk_sectors * table.sector_size.bytes()) as usize];
        disk[..encoded.primary.len()].copy_from_slice(&encoded.primary);
        disk[encoded.backup_offset as usize..].copy_from_slice(&encoded.backup);
        disk
    }

    /// Writes the first `sectors` sectors of a write: what a power cut may leave of it.
    fn apply(disk: &mut [u8], write: &TableWrite, bytes: usize) {
        let start = write.offset as usize;
        disk[start..start + bytes].copy_from_slice(&write.bytes[..bytes]);
    }

    /// As Linux reads it without `gpt` on its command line: the primary or nothing.
    fn primary(disk: &[u8], sector_size: SectorSize) -> PartitionTable {
        let reading = read(&mut Cursor::new(disk), Some(sector_size)).unwrap();
        let damaged = reading.notes.iter().find(|note| matches!(note, ReadingNote::PrimaryUnusable(_)));
        assert_eq!(damaged, None);
        reading.table
    }

    #[test]
    fn the_primary_table_is_the_old_or_the_new_one_wherever_power_fails() {
        for sector_size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
            let mut now = table(sector_size);
            let mut disk = disk(&now);
            // Several changes in a row: the entries go back and forth between two places.
            for round in 10_u128..15 {
                let mut next = now.clone();
                next.partitions[1].unique_guid = Uuid::from_u128(round);
                let writes = next.replace(&read(&mut Cursor::new(&disk), Some(sector_size)).unwrap()).unwrap();
                for (index, write) in writes.iter().enumerate() {
                    // A disk writes sectors whole, in any order within a write: cut after each of them.
                    for written in (0..=write.bytes.len()).step_by(sector_size.bytes() as usize) {
                        apply(&mut disk, write, written);
                        let whole_header = index > 1 || (index == 1 && written > 0);
                        assert_eq!(&primary(&disk, sector_size), if whole_header { &next } else { &now });
                    }
                }
                let reading = read(&mut Cursor::new(&disk), Some(sector_size)).unwrap();
                assert_eq!((reading.table, reading.notes), (next.clone(), vec![]));
                now = next;
            }
        }
    }

    #[test]
    fn a_damaged_primary_is_made_whole_from_the_backup() {
        let now = table(SectorSize::Bytes512);
        let mut disk = disk(&now);
        disk[512] ^= 1;
        let found = read(&mut Cursor::new(&disk), None).unwrap();
        assert_eq!(found.primary_entries_lba, None);
        for write in now.replace(&found).unwrap() {
            apply(&mut disk, &write, write.bytes.len());
        }
        assert_eq!(read(&mut Cursor::new(&disk), None).unwrap().notes, []);
    }

    #[test]
    fn a_disk_without_room_for_two_copies_is_refused() {
        let mut tight = table(SectorSize::Bytes512);
        tight.first_usable_lba = 34;
        let found = read(&mut Cursor::new(disk(&tight)), None).unwrap();
        assert!(tight.replace(&found).is_ok(), "what counts is where partitions are");
        tight.partitions[0].first_lba = 65;
        let found = read(&mut Cursor::new(disk(&tight)), None).unwrap();
        assert_eq!(tight.replace(&found), Err(ChangeError::NoRoom { first_partition: 65, needed: 66 }));
    }

    proptest! {
        #[test]
        fn no_write_touches_what_belongs_to_partitions(entries_lba in any::<u64>(), missing in any::<bool>()) {
            let table = table(SectorSize::Bytes512);
            let mut found = read(&mut Cursor::new(disk(&table)), None).unwrap();
            found.primary_entries_lba = (!missing).then_some(entries_lba);
            let usable = table.first_usable_lba * 512..(table.last_usable_lba + 1) * 512;
            let old_entries = found.primary_entries_lba.map(|first| first..first.saturating_add(32));
            for (index, write) in table.replace(&found).into_iter().flatten().enumerate() {
                let end = write.offset + write.bytes.len() as u64;
                assert!(end <= usable.start || write.offset >= usable.end);
                // The old entries are in use until the header has been written.
                let touched = write.offset / 512..end / 512;
                let spared = old_entries.as_ref().is_none_or(|old| touched.end <= old.start || old.end <= touched.start);
                assert!(index > 0 || spared);
            }
        }
    }
}

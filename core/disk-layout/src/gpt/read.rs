//! From the bytes of a disk that nobody vouches for to a partition table

use std::io::{self, Read, Seek, SeekFrom};

use thiserror::Error;
use uuid::Uuid;

use super::checksum::crc32;
use super::{LABEL_UNITS, Partition, PartitionTable, SectorSize, TableFault};
use crate::partition_type::Attributes;

pub(super) const SIGNATURE: &[u8; 8] = b"EFI PART";
/// Bytes of the header that the checksum covers in tables we write (revision 1.0).
pub(super) const HEADER_BYTES: u32 = 92;
/// More than any partitioning tool writes; bounds the memory that a hostile header can ask for to 1 MiB.
const MAX_ENTRIES_BYTES: u64 = 1 << 20;
const MAX_ENTRY_BYTES: u32 = 4096;

/// A partition table as found on a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GptReading {
    /// The table.
    pub table: PartitionTable,
    /// The first sector of the entries that the primary header points to; nothing if the primary is damaged.
    pub primary_entries_lba: Option<u64>,
    /// What is not as it should be, though the table is usable.
    pub notes: Vec<ReadingNote>,
}

/// Something unusual about a usable partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum ReadingNote {
    /// The table at the start of the disk is damaged; the one at the end was used.
    #[error("the primary partition table is damaged ({0}); the backup at the end of the disk was used")]
    PrimaryUnusable(HeaderProblem),
    /// The table at the end of the disk is damaged.
    #[error("the backup partition table is damaged ({0})")]
    BackupUnusable(HeaderProblem),
    /// The two copies say different things; the primary was used.
    #[error("the backup partition table differs from the primary")]
    BackupDiffers,
    /// The disk is larger than when it was partitioned, so its backup table is not at the end.
    #[error("the backup partition table is not at the end of the disk: the disk has grown since it was partitioned")]
    BackupNotAtEnd,
    /// The first sector does not protect the table from programs that know no GPT.
    #[error("the disk has no protective MBR")]
    NoProtectiveMbr,
}

/// Why a header, or the entries it points to, cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum HeaderProblem {
    /// The sector does not start with `EFI PART`.
    #[error("it has no GPT signature")]
    Signature,
    /// The header's size is not between 92 bytes and one sector.
    #[error("its header claims {0} bytes")]
    HeaderSize(u32),
    /// The header's checksum is wrong.
    #[error("the checksum of its header is wrong")]
    HeaderChecksum,
    /// The header says it belongs elsewhere.
    #[error("its header says it belongs in sector {0}")]
    Misplaced(u64),
    /// The number or size of the entries is beyond what is accepted.
    #[error("it claims {count} entries of {bytes} bytes")]
    EntryCount {
        /// Number of entries.
        count: u32,
        /// Bytes in each.
        bytes: u32,
    },
    /// Addresses in the header contradict each other or the size of the disk.
    #[error("its addresses do not fit the disk")]
    Addresses,
    /// The checksum of the entries is wrong.
    #[error("the checksum of its entries is wrong")]
    EntriesChecksum,
    /// The entries contradict each other.
    #[error(transparent)]
    Fault(#[from] TableFault),
}

/// No partition table could be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The disk could not be read.
    #[error("the partition table could not be read from the disk")]
    Io(#[from] io::Error),
    /// Neither end of the disk has a usable table.
    #[error("the disk has no usable GPT: at the start, {primary}; at the end, {backup}")]
    NoTable {
        /// What is wrong with the primary.
        primary: HeaderProblem,
        /// What is wrong with the backup.
        backup: HeaderProblem,
    },
    /// The disk is too small for any table.
    #[error("a disk of {0} bytes is too small for a GPT")]
    TooSmall(u64),
}

/// Reads the partition table of a disk: the primary, or the backup with a note if the primary is damaged.
///
/// Without `sector_size` both sizes are tried, 512 first: an image file does not say which it is for.
///
/// # Errors
/// When the disk cannot be read or neither table is usable.
pub fn read<D: Read + Seek>(disk: &mut D, sector_size: Option<SectorSize>) -> Result<GptReading, ReadError> {
    let Some(sector_size) = sector_size else {
        return match read(disk, Some(SectorSize::Bytes512)) {
            Err(first @ (ReadError::NoTable { .. } | ReadError::TooSmall(_))) => {
                read(disk, Some(SectorSize::Bytes4096)).map_err(|second| match second {
                    io @ ReadError::Io(_) => io,
                    _ => first,
                })
            }
            other => other,
        };
    };
    let disk_bytes = disk.seek(SeekFrom::End(0))?;
    let disk_sectors = disk_bytes / sector_size.bytes();
    if disk_sectors < 2 + 2 * 2 {
        return Err(ReadError::TooSmall(disk_bytes));
    }
    let mut source = Source { disk, sector_size, disk_sectors };

    let mut notes = Vec::new();
    if !source.has_protective_mbr()? {
        notes.push(ReadingNote::NoProtectiveMbr);
    }
    let last = disk_sectors - 1;
    match source.copy_at(1)? {
        Ok(primary) => {
            if primary.other_lba != last {
                notes.push(ReadingNote::BackupNotAtEnd);
            }
            match source.copy_at(primary.other_lba)? {
                Ok(backup) if backup.table == primary.table => {}
                Ok(_) => notes.push(ReadingNote::BackupDiffers),
                Err(problem) => notes.push(ReadingNote::BackupUnusable(problem)),
            }
            Ok(GptReading { table: primary.table, primary_entries_lba: Some(primary.entries_lba), notes })
        }
        Err(problem) => match source.copy_at(last)? {
            Ok(backup) => {
                notes.push(ReadingNote::PrimaryUnusable(problem));
                Ok(GptReading { table: backup.table, primary_entries_lba: None, notes })
            }
            Err(backup) => Err(ReadError::NoTable { primary: problem, backup }),
        },
    }
}

struct Source<'disk, D> {
    disk: &'disk mut D,
    sector_size: SectorSize,
    disk_sectors: u64,
}

/// One of the two copies of the table.
struct TableCopy {
    table: PartitionTable,
    other_lba: u64,
    entries_lba: u64,
}

impl<D: Read + Seek> Source<'_, D> {
    fn has_protective_mbr(&mut self) -> io::Result<bool> {
        let sector = self.bytes(0, 512)?;
        let protective = (446..510).step_by(16).any(|entry| sector.get(entry + 4) == Some(&0xee));
        Ok(protective && sector.get(510..512) == Some(&[0x55, 0xaa]))
    }

    /// The copy whose header is in sector `lba`, or what is wrong with it.
    fn copy_at(&mut self, lba: u64) -> io::Result<Result<TableCopy, HeaderProblem>> {
        if lba == 0 || lba >= self.disk_sectors {
            return Ok(Err(HeaderProblem::Addresses));
        }
        let sector = self.bytes(lba, self.sector_size.bytes())?;
        let header = match self.header(&sector, lba) {
            Ok(header) => header,
            Err(problem) => return Ok(Err(problem)),
        };
        let entries = self.bytes(header.entries_lba, header.entries_bytes())?;
        Ok(header.table(&entries, self))
    }

    fn header(&self, sector: &[u8], lba: u64) -> Result<Header, HeaderProblem> {
        if sector.get(..8) != Some(SIGNATURE) {
            return Err(HeaderProblem::Signature);
        }
        let mut covered = sector.to_vec();
        let size = u32_at(sector, 12);
        if size < HEADER_BYTES || u64::from(size) > self.sector_size.bytes() {
            return Err(HeaderProblem::HeaderSize(size));
        }
        covered.truncate(size as usize);
        covered[16..20].fill(0);
        if crc32(&covered) != u32_at(sector, 16) {
            return Err(HeaderProblem::HeaderChecksum);
        }
        let header = Header {
            other_lba: u64_at(sector, 32),
            first_usable_lba: u64_at(sector, 40),
            last_usable_lba: u64_at(sector, 48),
            disk_guid: guid_at(sector, 56),
            entries_lba: u64_at(sector, 72),
            entry_count: u32_at(sector, 80),
            entry_bytes: u32_at(sector, 84),
            entries_crc: u32_at(sector, 88),
        };
        let own_lba = u64_at(sector, 24);
        if own_lba != lba {
            return Err(HeaderProblem::Misplaced(own_lba));
        }
        let well_formed = header.entry_bytes.is_power_of_two()
            && (128..=MAX_ENTRY_BYTES).contains(&header.entry_bytes)
            && header.entries_bytes() <= MAX_ENTRIES_BYTES;
        if !well_formed {
            return Err(HeaderProblem::EntryCount { count: header.entry_count, bytes: header.entry_bytes });
        }
        let entries_end = header.entries_lba.checked_add(header.entries_bytes().div_ceil(self.sector_size.bytes()));
        let fits = header.first_usable_lba <= header.last_usable_lba
            && header.last_usable_lba < self.disk_sectors
            && header.entries_lba >= 2
            && entries_end.is_some_and(|end| end <= self.disk_sectors);
        if fits { Ok(header) } else { Err(HeaderProblem::Addresses) }
    }

    /// `length` bytes from the start of sector `lba`; the caller has bounded `length`.
    fn bytes(&mut self, lba: u64, length: u64) -> io::Result<Vec<u8>> {
        let offset = lba.checked_mul(self.sector_size.bytes()).ok_or(io::ErrorKind::InvalidInput)?;
        self.disk.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?];
        self.disk.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

struct Header {
    other_lba: u64,
    first_usable_lba: u64,
    last_usable_lba: u64,
    disk_guid: Uuid,
    entries_lba: u64,
    entry_count: u32,
    entry_bytes: u32,
    entries_crc: u32,
}

impl Header {
    fn entries_bytes(&self) -> u64 {
        u64::from(self.entry_count) * u64::from(self.entry_bytes)
    }

    fn table<D>(self, entries: &[u8], source: &Source<'_, D>) -> Result<TableCopy, HeaderProblem> {
        if crc32(entries) != self.entries_crc {
            return Err(HeaderProblem::EntriesChecksum);
        }
        let partitions = entries
            .chunks_exact(self.entry_bytes as usize)
            .zip(1..)
            .filter(|(entry, _)| guid_at(entry, 0) != Uuid::nil())
            .map(|(entry, number)| partition(entry, number))
            .collect();
        let table = PartitionTable {
            disk_guid: self.disk_guid,
            sector_size: source.sector_size,
            disk_sectors: source.disk_sectors,
            first_usable_lba: self.first_usable_lba,
            last_usable_lba: self.last_usable_lba,
            partitions,
        };
        match table.fault() {
            Some(fault) => Err(HeaderProblem::Fault(fault)),
            None => Ok(TableCopy { table, other_lba: self.other_lba, entries_lba: self.entries_lba }),
        }
    }
}

fn partition(entry: &[u8], number: u32) -> Partition {
    let units: Vec<u16> = entry
        .get(56..)
        .unwrap_or_default()
        .chunks_exact(2)
        .take(LABEL_UNITS)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .take_while(|unit| *unit != 0)
        .collect();
    Partition {
        number,
        type_guid: guid_at(entry, 0),
        unique_guid: guid_at(entry, 16),
        first_lba: u64_at(entry, 32),
        last_lba: u64_at(entry, 40),
        attributes: Attributes(u64_at(entry, 48)),
        label: String::from_utf16_lossy(&units),
    }
}

/// The fields below are read from buffers whose length was checked: at least 92 bytes of header, 128 bytes of entry.
fn array_at<const N: usize>(bytes: &[u8], offset: usize) -> [u8; N] {
    bytes.get(offset..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, offset))
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, offset))
}

fn guid_at(bytes: &[u8], offset: usize) -> Uuid {
    Uuid::from_bytes_le(array_at(bytes, offset))
}

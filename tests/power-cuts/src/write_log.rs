//! The log of what was done to a disk, in the order in which it was done (Linux `Documentation/admin-guide/device-mapper/log-writes.rst`
//! and `drivers/md/dm-log-writes.c`; QEMU's `blklogwrites` writes the same)
//!
//! A sector with the superblock (magic, version, number of entries, sector size), then the entries: a sector with first sector, number
//! of sectors, flags and length of extra data, all of 64 bits and little-endian; then the data, except after a discard.
//!
//! QEMU logs a request when it has been carried out. So what the guest waited for before it asked for a flush stands before that flush.

use std::io;

use thiserror::Error;

use crate::SECTOR;
use crate::contents::{Content, Contents, SourceNumber, ZEROS};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;
/// A flush before what the entry writes.
const FLUSH: u64 = 1;
/// What the entry writes is on the medium when the request is done.
const FORCE_UNIT_ACCESS: u64 = 2;
/// The sectors are given up; the entry has no data.
const DISCARD: u64 = 4;
/// A note of whoever made the log; it does nothing to the disk.
const MARK: u64 = 8;
/// What is written are metadata, says the file system.
const METADATA: u64 = 16;
/// More than any test's machine does.
const MOST_ENTRIES: u64 = 10_000_000;
/// Most sectors that one discard gives up: those of a disk of 32 GiB.
const MOST_DISCARDED: u64 = 1 << 26;

/// Something that was done to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operation {
    /// Sectors were written.
    Write(Write),
    /// All that was written before was brought to the medium.
    Flush,
}

/// Sectors that were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// The first of them.
    pub first: u64,
    /// What they contain.
    pub contents: Vec<Content>,
    /// Whether they were on the medium when the write was done.
    pub durable: bool,
}

/// A log.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct WriteLog {
    /// What was done.
    pub operations: Vec<Operation>,
    /// Where in the log each operation's entry ends, in bytes.
    pub ends: Vec<u64>,
}

/// A log cannot be used.
#[derive(Debug, Error)]
pub enum WriteLogError {
    /// It cannot be read.
    #[error("the log of writes cannot be read")]
    Read(#[from] io::Error),
    /// It does not begin as a log does.
    #[error("this is no log of writes: it begins with {magic:#x}, version {version}, sectors of {sector} bytes")]
    Foreign {
        /// The first eight bytes.
        magic: u64,
        /// The next eight.
        version: u64,
        /// Bytes of a sector.
        sector: u64,
    },
    /// It claims more than can be.
    #[error("the log of writes claims {0} entries, more than a test makes")]
    TooMany(u64),
    /// An entry is none.
    #[error("entry {number} of the log of writes is damaged: {sectors} sectors, flags {flags:#x}")]
    Entry {
        /// Its number, counted from 0.
        number: u64,
        /// Sectors it claims.
        sectors: u64,
        /// Its flags.
        flags: u64,
    },
}

impl WriteLog {
    /// Reads a log.
    ///
    /// # Errors
    /// When it cannot be read or is damaged.
    pub fn read(contents: &mut Contents, log: SourceNumber) -> Result<Self, WriteLogError> {
        let length = contents.length(log)?;
        let mut superblock = [0; 28];
        contents.read_source(log, 0, &mut superblock)?;
        let [magic, version, count] = [0, 8, 16].map(|offset| u64_at(&superblock, offset));
        let sector = u64_at(&[&superblock[24..], &[0; 4]].concat(), 0);
        if (magic, version, sector) != (MAGIC, VERSION, SECTOR) {
            return Err(WriteLogError::Foreign { magic, version, sector });
        }
        if count > MOST_ENTRIES {
            return Err(WriteLogError::TooMany(count));
        }
        let mut read = Self::default();
        let mut position = SECTOR;
        for number in 0..count {
            let mut entry = [0; 32];
            contents.read_source(log, position, &mut entry)?;
            position += SECTOR;
            let [first, sectors, flags] = [0, 8, 16].map(|offset| u64_at(&entry, offset));
            let damaged = WriteLogError::Entry { number, sectors, flags };
            if flags & !(FLUSH | FORCE_UNIT_ACCESS | DISCARD | MARK | METADATA) != 0
                || first.checked_add(sectors).is_none()
            {
                return Err(damaged);
            }
            let data = if flags & (DISCARD | MARK) == 0 { sectors } else { 0 };
            let end = data.checked_mul(SECTOR).and_then(|bytes| bytes.checked_add(position));
            let Some(end) = end.filter(|end| *end <= length) else { return Err(damaged) };
            if flags & FLUSH != 0 {
                read.push(Operation::Flush, end);
            }
            if flags & MARK == 0 && sectors > 0 {
                let written = match flags & DISCARD {
                    0 => contents.number(log, position, sectors)?,
                    _ if sectors > MOST_DISCARDED => return Err(damaged),
                    _ => vec![ZEROS; usize::try_from(sectors).map_err(io::Error::other)?],
                };
                let durable = flags & FORCE_UNIT_ACCESS != 0;
                read.push(Operation::Write(Write { first, contents: written, durable }), end);
            }
            position = end;
        }
        Ok(read)
    }

    fn push(&mut self, operation: Operation, end: u64) {
        self.operations.push(operation);
        self.ends.push(end);
    }

    /// How many operations had been done when the log's file had this many bytes.
    #[must_use]
    pub fn operations_at(&self, bytes: u64) -> usize {
        self.ends.partition_point(|end| *end <= bytes)
    }
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    bytes[offset..].iter().take(8).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write as _;

    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};

    use super::{DISCARD, FLUSH, FORCE_UNIT_ACCESS, MAGIC, MARK, METADATA, Operation, Write, WriteLog, WriteLogError};
    use crate::SECTOR;
    use crate::contents::{Contents, ZEROS};

    /// An entry: first sector, flags, and a byte for each sector.
    type Entry = (u64, u64, Vec<u8>);

    /// Writes a log as `dm-log-writes` does.
    fn bytes_of(entries: &[Entry]) -> Vec<u8> {
        let sector = |words: &[u64]| {
            let mut bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            bytes.resize(SECTOR as usize, 0);
            bytes
        };
        let mut log = sector(&[MAGIC, 1, entries.len() as u64, SECTOR]);
        for (first, flags, data) in entries {
            let mark = if flags & MARK == 0 { 0 } else { 5 };
            log.extend(sector(&[*first, data.len() as u64, *flags, mark]));
            if flags & (DISCARD | MARK) == 0 {
                log.extend(data.iter().flat_map(|byte| [*byte; SECTOR as usize]));
            }
        }
        log
    }

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    fn read(bytes: &[u8]) -> (Contents, Result<WriteLog, WriteLogError>) {
        let mut contents = Contents::default();
        let source = contents.add_source(file(bytes));
        let read = WriteLog::read(&mut contents, source);
        (contents, read)
    }

    fn entries() -> impl Strategy<Value = Vec<Entry>> {
        let flags = proptest::sample::subsequence(vec![FLUSH, FORCE_UNIT_ACCESS, DISCARD, MARK, METADATA], 0..=2);
        let flags = flags.prop_map(|flags| flags.into_iter().sum());
        proptest::collection::vec((0_u64..1000, flags, proptest::collection::vec(0_u8..4, 0..5)), 0..12)
    }

    proptest! {
        #[test]
        fn a_log_is_read_as_it_was_written(entries in entries()) {
            let bytes = bytes_of(&entries);
            let (contents, log) = read(&bytes);
            let log = log.unwrap();
            let mut operations = log.operations.iter();
            for (first, flags, data) in &entries {
                if flags & FLUSH != 0 {
                    prop_assert_eq!(operations.next(), Some(&Operation::Flush));
                }
                if flags & MARK != 0 || data.is_empty() {
                    continue;
                }
                let Some(Operation::Write(Write { first: found, contents: numbers, durable })) = operations.next() else {
                    panic!("a write is missing");
                };
                prop_assert_eq!((found, *durable), (first, flags & FORCE_UNIT_ACCESS != 0));
                let letters: Vec<u8> = numbers.iter().map(|content| contents.read(*content).unwrap()[0]).collect();
                let discarded = flags & DISCARD != 0;
                prop_assert_eq!(letters, if discarded { vec![0; data.len()] } else { data.clone() });
                prop_assert!(!discarded || numbers.iter().all(|content| *content == ZEROS));
            }
            prop_assert_eq!(operations.next(), None);
            prop_assert_eq!(log.operations_at(u64::MAX), log.operations.len());
            prop_assert_eq!(log.operations_at(SECTOR), 0);
        }

        #[test]
        fn a_damaged_log_is_read_or_refused(entries in entries(), places in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..8)) {
            let mut bytes = bytes_of(&entries);
            for (place, byte) in places {
                let place = usize::from(place) % bytes.len();
                bytes[place] = byte;
            }
            let _ = read(&bytes).1;
        }
    }

    #[test]
    fn a_log_that_ends_too_early_is_refused() {
        let bytes = bytes_of(&[(7, 0, vec![1, 2, 3])]);
        let (_, log) = read(&bytes[..bytes.len() - 1]);
        assert!(matches!(log, Err(WriteLogError::Entry { number: 0, sectors: 3, flags: 0 })));
        assert!(matches!(read(&[7; 600]).1, Err(WriteLogError::Foreign { .. })));
    }
}

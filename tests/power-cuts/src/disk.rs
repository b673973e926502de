//! A disk that is played with: what each of its sectors contains.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::os::unix::fs::FileExt;

use crate::SECTOR;
use crate::contents::{Content, Contents, SourceNumber, ZEROS};

/// Most bytes that are copied at once.
const LONGEST_RUN: u64 = 1 << 20;

/// A disk.
#[derive(Debug)]
pub struct Disk {
    sectors: Vec<Content>,
}

/// What a write of sectors did, to take it back.
#[derive(Debug, Default)]
pub struct Undo {
    before: Vec<(u64, Content)>,
}

impl Disk {
    /// A disk of `sectors` sectors that begins like a source and is zeros behind it.
    ///
    /// # Errors
    /// When the source cannot be read.
    pub fn beginning_like(contents: &mut Contents, source: SourceNumber, sectors: u64) -> io::Result<Self> {
        Ok(Self { sectors: contents.number(source, 0, sectors)? })
    }

    /// How many sectors it has.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.sectors.len() as u64
    }

    /// What the sectors of a range contain; as much of it as is on the disk.
    #[must_use]
    pub fn sectors(&self, range: Range<u64>) -> &[Content] {
        let index = |sector: u64| usize::try_from(sector).unwrap_or(usize::MAX).min(self.sectors.len());
        let (start, end) = (index(range.start), index(range.end));
        self.sectors.get(start..end).unwrap_or_default()
    }

    /// Overwrites sectors from `first` on. What lies behind the end of the disk is not written.
    pub fn write(&mut self, first: u64, contents: &[Content], undo: &mut Undo) {
        for (sector, content) in (first..).zip(contents) {
            let Some(place) = usize::try_from(sector).ok().and_then(|index| self.sectors.get_mut(index)) else { break };
            if *place != *content {
                undo.before.push((sector, *place));
                *place = *content;
            }
        }
    }

    /// Takes back what was written since `undo` was empty.
    pub fn take_back(&mut self, undo: Undo) {
        for (sector, content) in undo.before.into_iter().rev() {
            if let Some(place) = usize::try_from(sector).ok().and_then(|index| self.sectors.get_mut(index)) {
                *place = content;
            }
        }
    }

    /// Its bytes, to be read by those who know nothing of contents.
    #[must_use]
    pub fn reader<'d>(&'d self, contents: &'d Contents) -> DiskReader<'d> {
        DiskReader { disk: self, contents, position: 0 }
    }

    /// Writes it into a file, with holes where there are zeros.
    ///
    /// # Errors
    /// When bytes cannot be read or written.
    pub fn store(&self, contents: &Contents, file: &File) -> io::Result<()> {
        file.set_len(self.length() * SECTOR)?;
        let mut buffer = Vec::new();
        let mut sector = 0;
        while sector < self.length() {
            let (place, length) = self.run_from(contents, sector);
            if let Some((source, offset)) = place {
                buffer.resize(usize::try_from(length * SECTOR).map_err(io::Error::other)?, 0);
                contents.read_source(source, offset, &mut buffer)?;
                file.write_all_at(&buffer, sector * SECTOR)?;
            }
            sector += length;
        }
        Ok(())
    }

    /// The longest run of sectors from here on that lie one after the other in one source, or are zeros: where, and how many.
    fn run_from(&self, contents: &Contents, first: u64) -> (Option<(SourceNumber, u64)>, u64) {
        let rest = self.sectors(first..self.length());
        let Some(head) = rest.first() else { return (None, 1) };
        let Some((source, offset)) = contents.place(*head) else {
            return (None, rest.iter().take_while(|content| **content == ZEROS).count() as u64);
        };
        let follows = |(index, content): &(u64, &Content)| {
            *index < LONGEST_RUN / SECTOR && contents.place(**content) == Some((source, offset + index * SECTOR))
        };
        let length = (0..).zip(rest).take_while(follows).count() as u64;
        (Some((source, offset)), length)
    }
}

/// Reads a disk as bytes.
#[derive(Debug)]
pub struct DiskReader<'d> {
    disk: &'d Disk,
    contents: &'d Contents,
    position: u64,
}

impl Read for DiskReader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let sector = self.position / SECTOR;
        let Some(content) = self.disk.sectors(sector..sector + 1).first() else { return Ok(0) };
        let bytes = self.contents.read(*content)?;
        let rest = &bytes[(self.position % SECTOR) as usize..];
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for DiskReader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let (base, offset) = match to {
            SeekFrom::Start(position) => (position, 0),
            SeekFrom::End(offset) => (self.disk.length() * SECTOR, offset),
            SeekFrom::Current(offset) => (self.position, offset),
        };
        self.position = base.checked_add_signed(offset).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::{Disk, Undo};
    use crate::SECTOR;
    use crate::contents::Contents;

    proptest! {
        #[test]
        fn a_disk_is_what_bytes_written_in_the_same_order_would_be(
            writes in proptest::collection::vec((0_u64..70, proptest::collection::vec(0_u8..3, 0..20)), 0..12),
            base in proptest::collection::vec(0_u8..3, 0..40),
            from in any::<u16>(),
        ) {
            let of = |sectors: &[u8]| sectors.iter().flat_map(|byte| [*byte; SECTOR as usize]).collect::<Vec<u8>>();
            let mut contents = Contents::default();
            let mut source = |bytes: &[u8]| {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(bytes).unwrap();
                contents.add_source(file)
            };
            let begin = source(&of(&base));
            let sources: Vec<_> = writes.iter().map(|(_, sectors)| source(&of(sectors))).collect();

            let mut disk = Disk::beginning_like(&mut contents, begin, 64).unwrap();
            let mut bytes = of(&base);
            bytes.resize(64 * SECTOR as usize, 0);
            let untouched = bytes.clone();
            let mut undo = Undo::default();
            for ((first, sectors), source) in writes.iter().zip(sources) {
                let numbers = contents.number(source, 0, sectors.len() as u64).unwrap();
                disk.write(*first, &numbers, &mut undo);
                for (index, sector) in sectors.iter().enumerate() {
                    let start = (*first as usize + index) * SECTOR as usize;
                    if let Some(place) = bytes.get_mut(start..start + SECTOR as usize) {
                        place.fill(*sector);
                    }
                }
            }
            let mut file = tempfile::tempfile().unwrap();
            disk.store(&contents, &file).unwrap();
            let mut stored = Vec::new();
            file.rewind().unwrap();
            file.read_to_end(&mut stored).unwrap();
            prop_assert_eq!(&stored, &bytes);

            let from = usize::from(from) % bytes.len();
            let mut read = Vec::new();
            let mut reader = disk.reader(&contents);
            reader.seek(SeekFrom::Start(from as u64)).unwrap();
            reader.read_to_end(&mut read).unwrap();
            prop_assert_eq!(&read, &bytes[from..]);

            disk.take_back(undo);
            let mut read = Vec::new();
            disk.reader(&contents).read_to_end(&mut read).unwrap();
            prop_assert_eq!(read, untouched);
        }
    }
}

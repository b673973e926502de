//! What sectors contain, as numbers: sectors with the same bytes have the same one.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::SECTOR;

/// Bytes read at once.
const PIECE: usize = 1 << 20;

/// What one sector contains. Equal if and only if the bytes are, as far as half a SHA-256 tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content(u32);

/// Nothing but zeros.
pub const ZEROS: Content = Content(0);

/// Which of the files that contents come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceNumber(usize);

/// Every content seen so far, and where its bytes can be read.
#[derive(Debug, Default)]
pub struct Contents {
    sources: Vec<File>,
    /// Where the bytes of each content but [`ZEROS`] are: a source, and an offset in bytes.
    places: Vec<(SourceNumber, u64)>,
    known: HashMap<[u8; 16], Content>,
}

impl Contents {
    /// Takes a file that contents come from. It must not change any more.
    pub fn add_source(&mut self, file: File) -> SourceNumber {
        self.sources.push(file);
        SourceNumber(self.sources.len() - 1)
    }

    /// The length of a source, in bytes.
    ///
    /// # Errors
    /// When the file system does not say it.
    pub fn length(&self, source: SourceNumber) -> io::Result<u64> {
        Ok(self.sources[source.0].metadata()?.len())
    }

    /// Reads bytes of a source.
    ///
    /// # Errors
    /// When they are not there.
    pub fn read_source(&self, source: SourceNumber, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.sources[source.0].read_exact_at(buffer, offset)
    }

    /// The contents of `sectors` sectors of a source, from a byte on. Behind its end there are zeros.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn number(&mut self, source: SourceNumber, offset: u64, sectors: u64) -> io::Result<Vec<Content>> {
        let mut numbers = vec![ZEROS; usize::try_from(sectors).map_err(io::Error::other)?];
        let end = offset + sectors * SECTOR;
        let mut buffer = vec![0; PIECE];
        let mut position = offset;
        // Holes are zeros without being read: images are mostly holes.
        while let Some(data) = next_data(&self.sources[source.0], position)?.filter(|data| *data < end) {
            // Sectors are counted from `offset`, which need not be a multiple of their size in the source.
            position = data - (data - offset) % SECTOR;
            let length = PIECE.min(usize::try_from(end - position).map_err(io::Error::other)?);
            let piece = &mut buffer[..length];
            piece.fill(0);
            read_up_to_end(&self.sources[source.0], position, piece)?;
            let first = usize::try_from((position - offset) / SECTOR).map_err(io::Error::other)?;
            for (index, bytes) in piece.chunks(SECTOR as usize).enumerate() {
                numbers[first + index] = self.number_of(bytes, source, position + index as u64 * SECTOR);
            }
            position += length as u64;
        }
        Ok(numbers)
    }

    /// The bytes of a sector.
    ///
    /// # Errors
    /// When its source cannot be read.
    pub fn read(&self, content: Content) -> io::Result<[u8; SECTOR as usize]> {
        let mut bytes = [0; SECTOR as usize];
        if let Some((source, offset)) = self.place(content) {
            read_up_to_end(&self.sources[source.0], offset, &mut bytes)?;
        }
        Ok(bytes)
    }

    /// Where the bytes of a content can be read; nowhere for [`ZEROS`].
    #[must_use]
    pub fn place(&self, content: Content) -> Option<(SourceNumber, u64)> {
        let index = (content.0 as usize).checked_sub(1)?;
        self.places.get(index).copied()
    }

    fn number_of(&mut self, bytes: &[u8], source: SourceNumber, offset: u64) -> Content {
        if bytes.iter().all(|byte| *byte == 0) {
            return ZEROS;
        }
        let hash = Sha256::digest(bytes);
        let key = std::array::from_fn(|index| hash[index]);
        *self.known.entry(key).or_insert_with(|| {
            self.places.push((source, offset));
            Content(u32::try_from(self.places.len()).unwrap_or(u32::MAX))
        })
    }
}

/// Where the next bytes are that are not in a hole; nothing at the end of the file.
fn next_data(file: &File, offset: u64) -> io::Result<Option<u64>> {
    match rustix::fs::seek(file, SeekFrom::Data(offset)) {
        Ok(data) => Ok(Some(data)),
        Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn read_up_to_end(file: &File, mut offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match file.read_at(buffer, offset)? {
            0 => break,
            length => {
                offset += length as u64;
                buffer = &mut buffer[length..];
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::{Contents, ZEROS};
    use crate::SECTOR;

    #[test]
    fn equal_sectors_have_equal_numbers_wherever_they_are() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&[1; 512]).unwrap();
        file.write_all(&[2; 512]).unwrap();
        // A hole, and an end in the middle of a sector.
        file.seek(SeekFrom::Start(1 << 20)).unwrap();
        file.write_all(&[[1; 512], [2; 512]].concat()[..700]).unwrap();
        let mut contents = Contents::default();
        let source = contents.add_source(file);
        let sectors = (1 << 20) / SECTOR;
        let numbers = contents.number(source, 0, sectors + 4).unwrap();
        let tail = &numbers[sectors as usize..];
        assert_eq!(numbers[0], tail[0]);
        assert_ne!(numbers[1], tail[1], "the last sector is not whole: zeros follow");
        assert_eq!((numbers[2], tail[2]), (ZEROS, ZEROS));
        assert_eq!(contents.read(numbers[1]).unwrap(), [2; 512]);
        let shifted = contents.number(source, SECTOR, 2).unwrap();
        assert_eq!(shifted, [numbers[1], ZEROS]);
    }
}

//! Where bytes are read from and written to.

use std::io;

/// Bytes that can be read by offset: an image in a file, a partition through dm-verity, memory. Shared between threads.
pub trait ReadAt: Sync {
    /// Number of bytes.
    fn length(&self) -> u64;

    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// Any error of what is below; bytes behind the end are `UnexpectedEof`. A block that dm-verity refuses is an error here.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn length(&self) -> u64 {
        self.as_slice().length()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_exact_at(offset, buffer)
    }
}

/// Where the image is written: the inactive slot.
pub trait Output {
    /// Writes all bytes at `offset`. Offsets ascend. Except at the ends of the ranges that were asked for, a write is whole blocks and
    /// never goes across a multiple of 1 MiB.
    ///
    /// # Errors
    /// Any error of what is below.
    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Reads back what was written, in this run or before it.
    ///
    /// # Errors
    /// Any error of what is below.
    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Output for [u8] {
    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::WriteZero)?;
        let end = start.checked_add(bytes.len()).ok_or(io::ErrorKind::WriteZero)?;
        self.get_mut(start..end).ok_or(io::ErrorKind::WriteZero)?.copy_from_slice(bytes);
        Ok(())
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        ReadAt::read_exact_at(self, offset, buffer)
    }
}

impl Output for Vec<u8> {
    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.as_mut_slice().write_all_at(offset, bytes)
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        ReadAt::read_exact_at(self.as_slice(), offset, buffer)
    }
}

/// Where packs are fetched from: a web server that answers ranges, or files.
pub trait Packs {
    /// Fills `buffer` with the bytes of a pack, numbered from 0, at `offset`. At most 4 MiB are asked for at once.
    ///
    /// # Errors
    /// Any error of what is below, and an answer of another length. Nothing that is returned is trusted.
    fn fetch(&mut self, pack: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl Packs for Vec<Vec<u8>> {
    fn fetch(&mut self, pack: usize, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.get(pack).ok_or(io::ErrorKind::NotFound)?.read_exact_at(offset, buffer)
    }
}

//! One partition of a disk image, seen as a file of its own

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use crate::sparse;

/// A partition inside a disk image. Nothing outside it can be read or written through it.
///
/// Clones share the file and have positions of their own, so that threads can work on one partition.
#[derive(Debug, Clone)]
pub struct Window {
    pub(super) file: Arc<File>,
    pub(super) label: String,
    pub(super) start: u64,
    pub(super) length: u64,
    pub(super) position: u64,
}

impl Window {
    /// The size of the partition in bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The partition's label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Reads up to `buffer.len()` bytes from `offset` of the partition; 0 at its end.
    ///
    /// # Errors
    /// When reading does not work.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let length = self.within(buffer.len(), offset);
        self.file.read_at(&mut buffer[..length], self.start.saturating_add(offset))
    }

    /// Fills `buffer` from `offset` of the partition.
    ///
    /// # Errors
    /// When reading does not work or the partition ends before the buffer is full.
    pub fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        if self.within(buffer.len(), offset) < buffer.len() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(buffer, self.start.saturating_add(offset))
    }

    /// Writes all bytes at `offset` of the partition.
    ///
    /// # Errors
    /// When writing does not work or the bytes do not fit; then nothing was written.
    pub fn write_all_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_room(bytes.len(), offset)?;
        self.file.write_all_at(bytes, self.start.saturating_add(offset))
    }

    /// Writes all bytes at `offset` of a partition where nothing was written before: blocks of zeros stay holes.
    ///
    /// # Errors
    /// As [`Window::write_all_at`].
    pub fn write_all_sparse_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.check_room(bytes.len(), offset)?;
        sparse::write_at(&self.file, bytes, self.start.saturating_add(offset))
    }

    /// How many of `wanted` bytes at `offset` lie inside the partition.
    fn within(&self, wanted: usize, offset: u64) -> usize {
        usize::try_from(self.length.saturating_sub(offset)).map_or(wanted, |left| left.min(wanted))
    }

    fn check_room(&self, wanted: usize, offset: u64) -> io::Result<()> {
        if self.within(wanted, offset) == wanted && offset <= self.length {
            return Ok(());
        }
        let message = format!(
            "{wanted} bytes at offset {offset} do not fit into partition {} of {} bytes",
            self.label, self.length
        );
        Err(io::Error::new(io::ErrorKind::StorageFull, message))
    }
}

impl Read for Window {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}

impl Write for Window {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // All or nothing: a partition that is full shall say so at once and not when its last byte is gone.
        self.write_all_at(bytes, self.position)?;
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(distance) => self.length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

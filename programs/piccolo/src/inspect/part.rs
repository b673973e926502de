//! The bytes that are looked at: a whole file, or one partition of it.

use file_tree::content::{BlobId, ReadBlob};
use image_files::disk::Window;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A run of bytes that can be read at any offset. Clones share the file and have positions of their own.
#[derive(Clone, Debug)]
pub struct Part {
    source: Source,
    length: u64,
    position: u64,
}

#[derive(Clone, Debug)]
enum Source {
    File(Arc<File>),
    Partition(Window),
}

impl Part {
    /// A file or block device from its first byte to its last.
    pub fn whole(file: File) -> io::Result<Self> {
        // The metadata of a block device says nothing about its size.
        let length = (&file).seek(SeekFrom::End(0))?;
        Ok(Self { source: Source::File(Arc::new(file)), length, position: 0 })
    }

    /// A partition of a disk.
    pub fn partition(window: Window) -> Self {
        Self { length: window.length(), source: Source::Partition(window), position: 0 }
    }

    /// Number of bytes.
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The first `limit` bytes, or all if there are fewer.
    pub fn start(&self, limit: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; usize::try_from(self.length).map_or(limit, |length| length.min(limit))];
        self.read_all_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    /// Everything, if it is at most `limit` bytes.
    pub fn read_all(&self, limit: u64) -> io::Result<Vec<u8>> {
        if self.length > limit {
            let message = format!("it has {} bytes; at most {limit} are read of such a file", self.length);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        self.start(usize::MAX)
    }

    /// Fills `buffer` from `offset`.
    pub fn read_all_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        match &self.source {
            Source::File(file) => file.read_exact_at(buffer, offset),
            Source::Partition(window) => window.read_exact_at(buffer, offset),
        }
    }
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &self.source {
            Source::File(file) => file.read_at(buffer, self.position)?,
            Source::Partition(window) => window.read_at(buffer, self.position)?,
        };
        self.position = self.position.saturating_add(read as u64);
        Ok(read)
    }
}

impl Seek for Part {
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

impl ReadBlob for Part {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.read_all_at(buffer, offset)
    }
}

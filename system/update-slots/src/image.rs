//! Writing a root image from front to end, so that it can be gone on with after a power cut.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};
use thiserror::Error;

use crate::{DeviceError, fault};

/// Bytes after which what was written goes to the disk: bounds what a device with little memory holds, and what is
/// lost in a power cut.
const FLUSH_EVERY: u64 = 8 << 20;

/// Writes the bytes of an image in their order.
#[derive(Debug)]
pub struct ImageWriter {
    file: File,
    path: PathBuf,
    size: u64,
    written: u64,
    durable: u64,
}

/// An image could not be written.
#[derive(Debug, Error)]
pub enum ImageError {
    /// The partition could not be opened or written.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The partition is smaller than the image.
    #[error("{} has {available} bytes and the new root image {needed}: this device cannot take the release", path.display())]
    TooSmall {
        /// The partition.
        path: PathBuf,
        /// Its size in bytes.
        available: u64,
        /// Size of the image in bytes.
        needed: u64,
    },
    /// More bytes than the image has.
    #[error("there are more bytes than the {size} of the root image")]
    TooLong {
        /// Size of the image in bytes.
        size: u64,
    },
    /// Fewer bytes than the image has.
    #[error("the root image ended after {written} of {size} bytes")]
    TooShort {
        /// Bytes written.
        written: u64,
        /// Size of the image in bytes.
        size: u64,
    },
}

impl ImageWriter {
    /// Opens a partition (or a file of its size) to write an image of `size` bytes, of which the first `done` are there already.
    ///
    /// # Errors
    /// When it cannot be opened, or is smaller than the image.
    pub fn open(path: &Path, size: u64, done: u64) -> Result<Self, ImageError> {
        use std::io::{Seek, SeekFrom};

        let mut file = File::options().read(true).write(true).open(path).map_err(fault("opening", path))?;
        let available = file.seek(SeekFrom::End(0)).map_err(fault("reading the size of", path))?;
        if available < size {
            return Err(ImageError::TooSmall { path: path.to_owned(), available, needed: size });
        }
        let done = done.min(size);
        Ok(Self { file, path: path.to_owned(), size, written: done, durable: done })
    }

    /// Takes the next bytes. Answers how many bytes of the image are on the disk for good, where that has just grown: worth
    /// writing down.
    ///
    /// # Errors
    /// When there are more than the image has, or the disk does not take them.
    pub fn write(&mut self, bytes: &[u8]) -> Result<Option<u64>, ImageError> {
        let end = self.written.checked_add(bytes.len() as u64).filter(|end| *end <= self.size);
        let end = end.ok_or(ImageError::TooLong { size: self.size })?;
        self.file.write_all_at(bytes, self.written).map_err(fault("writing", &self.path))?;
        self.written = end;
        if end - self.durable >= FLUSH_EVERY { self.flush().map(Some) } else { Ok(None) }
    }

    /// Reads back what was written: patches copy from it.
    ///
    /// # Errors
    /// When the disk cannot be read, or the range is not written yet.
    pub fn read_back(&self, offset: u64, bytes: &mut [u8]) -> Result<(), ImageError> {
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.written {
            return Err(ImageError::TooShort { written: self.written, size: end });
        }
        Ok(self.file.read_exact_at(bytes, offset).map_err(fault("reading", &self.path))?)
    }

    /// Bytes of the image written so far.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Brings everything to the disk. Answers how many bytes of the image are there.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn flush(&mut self) -> Result<u64, ImageError> {
        self.file.sync_data().map_err(fault("flushing", &self.path))?;
        // The pages are of no use to anybody, and would push out those of programs that run.
        let _only_advice =
            fadvise(&self.file, self.durable, std::num::NonZeroU64::new(self.written - self.durable), Advice::DontNeed);
        self.durable = self.written;
        Ok(self.durable)
    }

    /// Brings the rest to the disk.
    ///
    /// # Errors
    /// When bytes are missing, or the disk does not take them.
    pub fn finish(mut self) -> Result<(), ImageError> {
        if self.written != self.size {
            return Err(ImageError::TooShort { written: self.written, size: self.size });
        }
        self.flush().map(drop)
    }
}

//! Files and partitions that an image is made from.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::write::WriteError;

/// A file or partition that is read here and there.
pub struct Source {
    file: File,
    length: u64,
}

impl Source {
    /// All of it.
    pub fn open(path: &Path) -> Result<Self, WriteError> {
        Self::front_of(path, u64::MAX)
    }

    /// At most so many bytes of it.
    pub fn front_of(path: &Path, length: u64) -> Result<Self, WriteError> {
        let opened = || -> io::Result<Self> {
            let mut file = File::open(path)?;
            let whole = file.seek(SeekFrom::End(0))?;
            Ok(Self { file, length: whole.min(length) })
        };
        opened().map_err(|error| WriteError::Unusable(format!("{} cannot be read: {error}", path.display())))
    }
}

impl image_patch::source::ReadAt for Source {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl image_chunks::source::ReadAt for Source {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

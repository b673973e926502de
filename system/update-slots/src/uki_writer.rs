//! A UKI on its way to the ESP.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use release_metadata::digest::Sha256Digest;
use sha2::{Digest, Sha256};

use crate::boot_entries::BootEntriesError;
use crate::fault;

/// A UKI that is being written.
#[derive(Debug)]
pub struct UkiWriter {
    file: File,
    path: PathBuf,
    hash: Sha256,
}

impl Write for UkiWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl UkiWriter {
    /// Writes to a file that was just made.
    pub(crate) fn over(file: File, path: PathBuf) -> Self {
        Self { file, path, hash: Sha256::new() }
    }

    /// Reads back what was written: patches copy from it.
    ///
    /// # Errors
    /// When the disk cannot be read, or the range is not written yet.
    pub fn read_back(&self, offset: u64, bytes: &mut [u8]) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(&self.file, bytes, offset)
    }

    /// Brings it to the disk. It still has no name that anything starts.
    ///
    /// # Errors
    /// When the bytes are not those of the release, or the disk does not take them.
    pub fn finish(self, expected: Sha256Digest) -> Result<(), BootEntriesError> {
        let found = Sha256Digest(self.hash.finalize().into());
        if found != expected {
            return Err(BootEntriesError::OtherImage { path: self.path, expected, found });
        }
        Ok(self.file.sync_all().map_err(fault("flushing", &self.path))?)
    }
}

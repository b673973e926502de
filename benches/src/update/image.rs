//! A file as an image that our patches and chunks read

use anyhow::Context;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// An open file and its length.
#[derive(Debug)]
pub struct Image {
    /// The file.
    pub file: File,
    /// Bytes of it that count.
    pub length: u64,
}

impl Image {
    /// Opens a file to be read.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &str) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("opening {path}"))?;
        Ok(Self { length: file.metadata()?.len(), file })
    }
}

impl image_patch::source::ReadAt for Image {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl image_chunks::source::ReadAt for Image {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

impl image_chunks::source::Output for Image {
    fn write_all_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn read_exact_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buffer, offset)
    }
}

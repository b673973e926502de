//! Images that are read here and there.

use crate::failure::{Failure, FailureKind, OrFail};
use anyhow::Context;
use image_files::disk::Window;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The front of a partition.
pub struct Part {
    /// The partition.
    pub window: Window,
    /// How much of it, in bytes.
    pub length: u64,
}

/// A whole file.
pub struct Whole {
    file: File,
    length: u64,
}

impl Whole {
    /// Opens it.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let opened = || -> io::Result<Self> {
            let file = File::open(path)?;
            let length = file.metadata()?.len();
            Ok(Self { file, length })
        };
        opened().with_context(|| format!("opening {}", path.display())).or_fail(FailureKind::Internal)
    }
}

impl image_patch::source::ReadAt for Part {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.window.read_exact_at(buffer, offset)
    }
}

impl image_chunks::source::ReadAt for Part {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.window.read_exact_at(buffer, offset)
    }
}

impl image_patch::source::ReadAt for Whole {
    fn length(&self) -> u64 {
        self.length
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        FileExt::read_exact_at(&self.file, buffer, offset)
    }
}

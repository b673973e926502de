//! Files of a release: read whole with their hash verified, or in parts.

use std::io::{self, Read};

use byte_range::ByteRange;
use release_metadata::artifact::Artifact;
use sha2::{Digest, Sha256};

use crate::error::SourceError;
use crate::transfer::{Opened, Origin, Transfer};

/// A file of a release. Remembers what the server said of it, so that parts of two different files are never put together.
#[derive(Debug, Clone)]
pub struct ArtifactFile {
    origin: Origin,
    name: String,
    size: u64,
    sha256: [u8; 32],
    tag: Option<String>,
}

impl ArtifactFile {
    pub(crate) fn new(origin: Origin, name: String, artifact: &Artifact) -> Self {
        Self { origin, name, size: artifact.size, sha256: artifact.sha256.0, tag: None }
    }

    /// Its signed size in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Where it is, for messages.
    #[must_use]
    pub fn place(&self) -> String {
        self.origin.shown(&self.name)
    }

    /// Reads all of it. The reader ends with an error where the file is not what is signed, at the latest at its end: use nothing
    /// of it for good before the end was reached.
    ///
    /// # Errors
    /// When it cannot be had, or already its size is wrong.
    pub fn whole(&mut self) -> Result<WholeReader, SourceError> {
        let transfer = self.open(None)?;
        Ok(WholeReader { file: self.clone(), transfer, hash: Sha256::new(), position: 0, ended: false })
    }

    /// Reads `length` bytes from `offset`. They are as many as that, but nobody vouches for them: the format of the file does, with hashes
    /// of its parts.
    ///
    /// # Errors
    /// When they cannot be had, do not lie within the file, or the file has changed since it was first opened.
    pub fn range(&mut self, offset: u64, length: u64) -> Result<RangeReader, SourceError> {
        let end = offset.checked_add(length).filter(|end| length > 0 && *end <= self.size);
        let Some(end) = end else {
            let found = offset.saturating_add(length);
            return Err(SourceError::WrongSize { url: self.place(), expected: self.size, found });
        };
        let transfer = self.open(Some(ByteRange { first: offset, last: end - 1 }))?;
        Ok(RangeReader { transfer, left: length, place: self.place() })
    }

    fn open(&mut self, range: Option<ByteRange>) -> Result<Transfer, SourceError> {
        let found = self.origin.open(&self.name, range, self.tag.as_deref())?;
        let (transfer, Opened { size, tag }) = found.ok_or_else(|| SourceError::Missing { url: self.place() })?;
        if let Some(found) = size.filter(|size| *size != self.size) {
            return Err(SourceError::WrongSize { url: self.place(), expected: self.size, found });
        }
        if self.tag.is_none() {
            self.tag = tag;
        }
        Ok(transfer)
    }
}

/// Reads a whole file and verifies it on the way.
#[derive(Debug)]
pub struct WholeReader {
    file: ArtifactFile,
    transfer: Transfer,
    hash: Sha256,
    position: u64,
    ended: bool,
}

impl WholeReader {
    /// How many bytes have come.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Goes on where it stopped, after an error that may pass ([`SourceError::may_pass`]): what has come is not fetched again.
    ///
    /// # Errors
    /// When the rest cannot be had. It can be tried once more.
    pub fn resume(&mut self) -> Result<(), SourceError> {
        if self.position < self.file.size {
            let rest = ByteRange { first: self.position, last: self.file.size - 1 };
            self.transfer = self.file.open(Some(rest))?;
        }
        Ok(())
    }

    /// As [`Read::read`], with the reason as a value.
    ///
    /// # Errors
    /// When the connection fails, or the file is not what is signed.
    pub fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        let count = self.transfer.read(buffer)?;
        let place = || self.file.place();
        let (expected, found) = (self.file.size, self.position + count as u64);
        if found > expected {
            return Err(SourceError::WrongSize { url: place(), expected, found });
        }
        if count == 0 && found < expected {
            return Err(SourceError::Connection { url: place(), problem: format!("it ended after {found} bytes") });
        }
        self.hash.update(&buffer[..count]);
        self.position = found;
        if count == 0 {
            if self.hash.clone().finalize().as_slice() != self.file.sha256 {
                return Err(SourceError::WrongHash { url: place() });
            }
            self.ended = true;
        }
        Ok(count)
    }
}

impl Read for WholeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer).map_err(as_io)
    }
}

/// Reads a part of a file.
#[derive(Debug)]
pub struct RangeReader {
    transfer: Transfer,
    left: u64,
    place: String,
}

impl RangeReader {
    /// As [`Read::read`], with the reason as a value.
    ///
    /// # Errors
    /// When the connection fails or ends early.
    pub fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        if most == 0 {
            return Ok(0);
        }
        let count = self.transfer.read(&mut buffer[..most])?;
        if count == 0 {
            let problem = format!("it ended {} bytes early", self.left);
            return Err(SourceError::Connection { url: self.place.clone(), problem });
        }
        self.left -= count as u64;
        Ok(count)
    }
}

impl Read for RangeReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_some(buffer).map_err(as_io)
    }
}

/// The reason travels inside: `io::Error::get_ref` and a downcast to [`SourceError`] bring it back.
fn as_io(error: SourceError) -> io::Error {
    let kind = match error {
        SourceError::WrongHash { .. } | SourceError::WrongSize { .. } | SourceError::Changed { .. } => {
            io::ErrorKind::InvalidData
        }
        // Not `Interrupted`, which readers try again.
        SourceError::Cancelled => io::ErrorKind::ConnectionAborted,
        SourceError::Stalled { .. } => io::ErrorKind::TimedOut,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, error)
}

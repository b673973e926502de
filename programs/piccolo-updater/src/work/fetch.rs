//! Reading a file of a release to its end, over cuts of the connection.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use host::cancel::Cancel;
use release_source::artifact::{ArtifactFile, RangeReader, WholeReader};
use release_source::error::SourceError;

/// Attempts to go on after a cut, before the engine puts the rest off.
const ATTEMPTS: u32 = 5;

/// A whole file that goes on where a connection was cut.
pub struct Steady {
    reader: WholeReader,
    cancel: Cancel,
    failed: Option<SourceError>,
}

impl Steady {
    /// Reads on over cuts.
    pub fn new(reader: WholeReader, cancel: Cancel) -> Self {
        Self { reader, cancel, failed: None }
    }

    fn read_steadily(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let mut attempt = 0;
        loop {
            let failure = match self.reader.read_some(buffer) {
                Ok(count) => return Ok(count),
                Err(failure) => failure,
            };
            if attempt == ATTEMPTS || !failure.may_pass() || self.cancel.is_cancelled() {
                return Err(failure);
            }
            // A server that is restarted is back in a few seconds.
            thread::sleep(Duration::from_millis(200 << attempt));
            attempt += 1;
            match self.reader.resume() {
                Err(failure) if !failure.may_pass() => return Err(failure),
                _ => {}
            }
        }
    }
}

/// Something that is downloaded from front to end.
pub trait Download: Read {
    /// Bytes that have come.
    fn downloaded(&self) -> u64;

    /// Why reading ended, if it was the source's fault.
    fn failed(&mut self) -> Option<SourceError>;
}

impl Download for Steady {
    fn downloaded(&self) -> u64 {
        self.reader.position()
    }

    fn failed(&mut self) -> Option<SourceError> {
        self.failed.take()
    }
}

/// A range of a file, read from front to end, that goes on where a connection was cut.
pub struct SteadyRange {
    file: ArtifactFile,
    cancel: Cancel,
    reader: Option<RangeReader>,
    position: u64,
    end: u64,
    downloaded: u64,
    failed: Option<SourceError>,
}

impl SteadyRange {
    /// Reads `length` bytes from `offset` over cuts. Nobody vouches for them.
    pub fn new(file: ArtifactFile, offset: u64, length: u64, cancel: Cancel) -> Self {
        let end = offset.saturating_add(length);
        Self { file, cancel, reader: None, position: offset, end, downloaded: 0, failed: None }
    }

    /// Fills the buffer.
    ///
    /// # Errors
    /// When the bytes cannot be had, or reading was cancelled.
    pub fn fill(&mut self, buffer: &mut [u8]) -> Result<(), SourceError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read_steadily(&mut buffer[filled..])? {
                0 => {
                    let problem = format!("{} bytes are missing at the end of a range", buffer.len() - filled);
                    return Err(SourceError::Connection { url: self.file.place(), problem });
                }
                count => filled += count,
            }
        }
        Ok(())
    }

    fn read_steadily(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        if self.position == self.end {
            return Ok(0);
        }
        let mut attempt = 0;
        loop {
            if self.cancel.is_cancelled() {
                return Err(SourceError::Cancelled);
            }
            let failure = match self.read_some(buffer) {
                Ok(count) => return Ok(count),
                Err(failure) => failure,
            };
            if attempt == ATTEMPTS || !failure.may_pass() {
                return Err(failure);
            }
            self.reader = None;
            thread::sleep(Duration::from_millis(200 << attempt));
            attempt += 1;
        }
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        let reader = match &mut self.reader {
            Some(reader) => reader,
            None => self.reader.insert(self.file.range(self.position, self.end - self.position)?),
        };
        let count = reader.read_some(buffer)?;
        self.position += count as u64;
        self.downloaded += count as u64;
        Ok(count)
    }
}

impl Download for SteadyRange {
    fn downloaded(&self) -> u64 {
        self.downloaded
    }

    fn failed(&mut self) -> Option<SourceError> {
        self.failed.take()
    }
}

impl Read for SteadyRange {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_steadily(buffer).map_err(|failure| {
            let told = io::Error::other(failure.to_string());
            self.failed = Some(failure);
            told
        })
    }
}

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_steadily(buffer).map_err(|failure| {
            let told = io::Error::other(failure.to_string());
            self.failed = Some(failure);
            told
        })
    }
}

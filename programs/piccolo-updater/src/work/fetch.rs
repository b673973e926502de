//! Reading a file of a release to its end, over cuts of the connection.

use std::io::{self, Read};
use std::thread;
use std::time::Duration;

use host::cancel::Cancel;
use release_source::artifact::WholeReader;
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

    /// Bytes that have come.
    pub fn position(&self) -> u64 {
        self.reader.position()
    }

    /// Why reading ended, if it was the source's fault.
    pub fn failed(&mut self) -> Option<SourceError> {
        self.failed.take()
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

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_steadily(buffer).map_err(|failure| {
            let told = io::Error::other(failure.to_string());
            self.failed = Some(failure);
            told
        })
    }
}

//! Where bytes are read from.

use std::io;

/// Bytes that can be read by offset: an image in a file, a partition through dm-verity, memory. Shared between threads.
pub trait ReadAt: Sync {
    /// Number of bytes.
    fn length(&self) -> u64;

    /// Fills `buffer` with the bytes at `offset`.
    ///
    /// # Errors
    /// Any error of what is below; bytes behind the end are `UnexpectedEof`. A block that dm-verity refuses is an error here.
    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

impl ReadAt for [u8] {
    fn length(&self) -> u64 {
        self.len() as u64
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::UnexpectedEof)?;
        let end = start.checked_add(buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}

impl ReadAt for Vec<u8> {
    fn length(&self) -> u64 {
        self.as_slice().length()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.as_slice().read_exact_at(offset, buffer)
    }
}

/// Several sources as one, the second behind the first: addresses in a patch count through all of them.
#[derive(Clone)]
pub(crate) struct Joined<'a> {
    parts: Vec<&'a dyn ReadAt>,
}

impl<'a> Joined<'a> {
    pub(crate) fn new(parts: &[&'a dyn ReadAt]) -> Self {
        Self { parts: parts.to_vec() }
    }
}

impl ReadAt for Joined<'_> {
    fn length(&self) -> u64 {
        self.parts.iter().map(|part| part.length()).sum()
    }

    fn read_exact_at(&self, offset: u64, mut buffer: &mut [u8]) -> io::Result<()> {
        let mut start = 0;
        for part in &self.parts {
            let end = start + part.length();
            if !buffer.is_empty() && offset < end {
                let from = offset.max(start);
                let here = usize::try_from(end - from).unwrap_or(usize::MAX).min(buffer.len());
                let (now, rest) = buffer.split_at_mut(here);
                part.read_exact_at(from - start, now)?;
                buffer = rest;
            }
            if buffer.is_empty() {
                return Ok(());
            }
            start = end;
        }
        Err(io::ErrorKind::UnexpectedEof.into())
    }
}

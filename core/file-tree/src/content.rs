//! What a file contains: inline bytes, ranges of blobs, holes.

use std::io;
use std::sync::Arc;

/// Names a store of bytes that the caller can read by offset, such as the archive a tree came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BlobId(pub u32);

/// A run of a file's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Extent {
    /// Bytes held in memory.
    Bytes(Arc<[u8]>),
    /// `length` bytes at `offset` of a blob.
    Blob {
        /// Where the bytes are.
        blob: BlobId,
        /// First byte within the blob.
        offset: u64,
        /// Number of bytes.
        length: u64,
    },
    /// `length` zero bytes that nothing stores.
    Hole {
        /// Number of bytes.
        length: u64,
    },
}

impl Extent {
    /// Number of bytes this run contributes to the file.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Blob { length, .. } | Self::Hole { length } => *length,
        }
    }
}

/// A file's bytes as consecutive runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    extents: Vec<Extent>,
    length: u64,
}

impl Content {
    /// Content held in memory.
    #[must_use]
    pub fn from_bytes(bytes: impl Into<Arc<[u8]>>) -> Self {
        let mut content = Self::default();
        content.push(Extent::Bytes(bytes.into()));
        content
    }

    /// Content that is one range of a blob.
    #[must_use]
    pub fn from_blob(blob: BlobId, offset: u64, length: u64) -> Self {
        let mut content = Self::default();
        content.push(Extent::Blob { blob, offset, length });
        content
    }

    /// Appends a run; runs without bytes are dropped.
    pub fn push(&mut self, extent: Extent) {
        if extent.length() > 0 {
            self.length += extent.length();
            self.extents.push(extent);
        }
    }

    /// Length of the file in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The runs, in file order.
    #[must_use]
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Reads `buffer.len()` bytes of the file starting at `offset`.
    ///
    /// # Errors
    /// What `blobs` answers; `UnexpectedEof` when the range ends behind the file.
    pub fn read_exact_at(&self, blobs: &dyn ReadBlob, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64).filter(|end| *end <= self.length);
        if end.is_none() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut skip = offset;
        let mut filled = 0;
        for extent in &self.extents {
            if filled == buffer.len() {
                break;
            }
            if skip >= extent.length() {
                skip -= extent.length();
                continue;
            }
            let available = extent.length() - skip;
            let wanted = buffer.len() - filled;
            let take = usize::try_from(available).map_or(wanted, |available| available.min(wanted));
            let target = &mut buffer[filled..filled + take];
            match extent {
                Extent::Bytes(bytes) => {
                    // `skip` is below the length of a slice, so it fits a usize.
                    let start = skip as usize;
                    target.copy_from_slice(&bytes[start..start + take]);
                }
                Extent::Blob { blob, offset, .. } => blobs.read_exact_at(*blob, offset + skip, target)?,
                Extent::Hole { .. } => target.fill(0),
            }
            filled += take;
            skip = 0;
        }
        Ok(())
    }

    /// Reads the whole file into memory, refusing files longer than `limit` bytes.
    ///
    /// # Errors
    /// What `blobs` answers; `FileTooLarge` above the limit.
    pub fn read_all(&self, blobs: &dyn ReadBlob, limit: u64) -> io::Result<Vec<u8>> {
        if self.length > limit {
            return Err(io::Error::new(
                io::ErrorKind::FileTooLarge,
                format!("the file has {} bytes; at most {limit} are read into memory here", self.length),
            ));
        }
        let length = usize::try_from(self.length).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        let mut bytes = vec![0; length];
        self.read_exact_at(blobs, 0, &mut bytes)?;
        Ok(bytes)
    }
}

/// Gives the bytes of blobs. Shared between threads, hence reading by offset.
pub trait ReadBlob: Sync {
    /// Fills `buffer` from `offset` of `blob`.
    ///
    /// # Errors
    /// Any error of the underlying store; `NotFound` for a blob it does not know.
    fn read_exact_at(&self, blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()>;
}

/// A store without blobs, for trees whose contents are all in memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoBlobs;

impl ReadBlob for NoBlobs {
    fn read_exact_at(&self, blob: BlobId, _offset: u64, _buffer: &mut [u8]) -> io::Result<()> {
        Err(io::Error::new(io::ErrorKind::NotFound, format!("blob {} is not known here", blob.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::{BlobId, Content, Extent, NoBlobs, ReadBlob};
    use std::io;

    struct Alphabet;

    impl ReadBlob for Alphabet {
        fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
            for (index, byte) in buffer.iter_mut().enumerate() {
                *byte = b'a' + u8::try_from((offset + index as u64) % 26).unwrap();
            }
            Ok(())
        }
    }

    #[test]
    fn reads_across_extents_of_every_kind() {
        let mut content = Content::from_bytes(*b"01234");
        content.push(Extent::Hole { length: 3 });
        content.push(Extent::Blob { blob: BlobId(0), offset: 2, length: 4 });
        assert_eq!(content.read_all(&Alphabet, 100).unwrap(), b"01234\0\0\0cdef");
        let mut middle = [0; 5];
        content.read_exact_at(&Alphabet, 4, &mut middle).unwrap();
        assert_eq!(&middle, b"4\0\0\0c");
    }

    #[test]
    fn reading_past_the_end_is_an_error() {
        let content = Content::from_bytes(*b"abc");
        let mut buffer = [0; 4];
        assert_eq!(content.read_exact_at(&NoBlobs, 0, &mut buffer).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(
            content.read_exact_at(&NoBlobs, u64::MAX, &mut buffer).unwrap_err().kind(),
            io::ErrorKind::UnexpectedEof
        );
    }

    #[test]
    fn a_file_above_the_limit_is_not_read_into_memory() {
        let content = Content::from_bytes(*b"abc");
        assert_eq!(content.read_all(&NoBlobs, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
    }
}

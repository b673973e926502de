//! The files that a tree's contents are ranges of

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use file_tree::content::{BlobId, ReadBlob};
use thiserror::Error;

/// Open files, each the blob of its number. Threads may read at the same time.
#[derive(Debug, Default)]
pub struct BlobFiles {
    files: Vec<(PathBuf, File)>,
}

/// A file cannot be a blob.
#[derive(Debug, Error)]
pub enum BlobError {
    /// It cannot be opened.
    #[error("opening {} did not work", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// More files than a blob number can name.
    #[error("there are more than {} files of contents", u32::MAX)]
    TooMany,
}

impl BlobFiles {
    /// Opens a file. Blobs are numbered from zero in the order they are added.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn add(&mut self, path: &Path) -> Result<BlobId, BlobError> {
        let number = u32::try_from(self.files.len()).map_err(|_| BlobError::TooMany)?;
        let file = File::open(path).map_err(|source| BlobError::Open { path: path.to_owned(), source })?;
        self.files.push((path.to_owned(), file));
        Ok(BlobId(number))
    }
}

impl ReadBlob for BlobFiles {
    fn read_exact_at(&self, blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let Some((path, file)) = usize::try_from(blob.0).ok().and_then(|number| self.files.get(number)) else {
            return Err(io::Error::new(io::ErrorKind::NotFound, format!("no file was added as blob {}", blob.0)));
        };
        file.read_exact_at(buffer, offset).map_err(|error| {
            let message = format!("{} bytes at offset {offset} of {}: {error}", buffer.len(), path.display());
            io::Error::new(error.kind(), message)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use file_tree::content::{BlobId, ReadBlob};

    use super::{BlobError, BlobFiles};

    #[test]
    fn blobs_are_numbered_in_order_and_read_by_offset() {
        let directory = tempfile::tempdir().unwrap();
        let mut blobs = BlobFiles::default();
        for (number, text) in ["first", "second"].into_iter().enumerate() {
            let path = directory.path().join(text);
            std::fs::write(&path, text).unwrap();
            assert_eq!(blobs.add(&path).unwrap(), BlobId(number as u32));
        }
        let mut buffer = [0; 3];
        blobs.read_exact_at(BlobId(1), 3, &mut buffer).unwrap();
        assert_eq!(&buffer, b"ond");
        let error = blobs.read_exact_at(BlobId(0), 3, &mut buffer).unwrap_err();
        assert!(error.to_string().contains("first"), "{error}");
        assert_eq!(blobs.read_exact_at(BlobId(2), 0, &mut buffer).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(matches!(blobs.add(&directory.path().join("third")), Err(BlobError::Open { .. })));
    }
}

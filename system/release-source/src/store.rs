//! Where a device keeps the metadata it trusts.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use signed_metadata::client::MetadataStore;
use signed_metadata::trusted::MAXIMUM_TARGETS;

use crate::error::SourceError;

/// A directory of trusted metadata. What is in it needs no protection besides being there: it is verified again at every use.
#[derive(Debug, Clone)]
pub struct StoreDirectory {
    path: PathBuf,
}

impl StoreDirectory {
    /// A directory, which is made when it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(path: &Path) -> Result<Self, SourceError> {
        fs::create_dir_all(path).map_err(|source| fault("kept", path, source))?;
        Ok(Self { path: path.to_owned() })
    }
}

impl MetadataStore for StoreDirectory {
    type Error = SourceError;

    fn load(&mut self, file: &str) -> Result<Option<Vec<u8>>, SourceError> {
        let path = self.path.join(file);
        let opened = match File::open(&path) {
            Ok(opened) => opened,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(fault("read", &path, source)),
        };
        let mut bytes = Vec::new();
        opened.take(MAXIMUM_TARGETS + 1).read_to_end(&mut bytes).map_err(|source| fault("read", &path, source))?;
        Ok(Some(bytes))
    }

    fn keep(&mut self, file: &str, bytes: &[u8]) -> Result<(), SourceError> {
        let path = self.path.join(file);
        write_whole(&self.path, &path, bytes).map_err(|source| fault("kept", &path, source))
    }
}

/// Under another name first: after a power cut the old file or the new one is there, never a part.
fn write_whole(directory: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut unfinished = tempfile::Builder::new().prefix(".unfinished-").tempfile_in(directory)?;
    unfinished.write_all(bytes)?;
    unfinished.as_file().sync_all()?;
    unfinished.persist(path).map_err(|error| error.error)?;
    File::open(directory)?.sync_all()
}

fn fault(action: &'static str, path: &Path, source: io::Error) -> SourceError {
    SourceError::Store { action, path: path.to_owned(), source }
}

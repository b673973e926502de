//! What the release under way is made of: installing it needs no network any more.

use std::path::{Path, PathBuf};

use disk_layout::root_hash::RootHash;
use release_metadata::DocumentError;
use release_metadata::release::{MAXIMUM_BYTES, Release};
use thiserror::Error;

use crate::{StoreError, whole_file};

/// The file that holds the document.
#[derive(Debug, Clone)]
pub struct ReleaseFile {
    path: PathBuf,
}

/// The document of the release under way cannot be used.
#[derive(Debug, Error)]
pub enum ReleaseFileError {
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It is damaged.
    #[error("{} is damaged; it will be fetched again", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DocumentError,
    },
    /// It is missing, or of another release.
    #[error("{} is not about the release with the root hash {expected}; it will be fetched again", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// The release under way.
        expected: RootHash,
    },
}

impl ReleaseFile {
    /// In this directory.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self { path: directory.join("release.json") }
    }

    /// Keeps a document whose signatures were verified.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, release: &Release) -> Result<(), ReleaseFileError> {
        let document = |source| ReleaseFileError::Document { path: self.path.clone(), source };
        let text = release.to_json().map_err(document)?;
        Ok(whole_file::keep(&self.path, text.as_bytes(), 0o600)?)
    }

    /// The document of this release.
    ///
    /// # Errors
    /// When it is not there, or about another one.
    pub fn load(&self, root_hash: RootHash) -> Result<Release, ReleaseFileError> {
        let bytes = whole_file::read(&self.path, MAXIMUM_BYTES)?.unwrap_or_default();
        let other = || ReleaseFileError::Other { path: self.path.clone(), expected: root_hash };
        let text = std::str::from_utf8(&bytes).ok().filter(|text| !text.is_empty()).ok_or_else(other)?;
        let document = |source| ReleaseFileError::Document { path: self.path.clone(), source };
        let release = Release::parse(text).map_err(document)?;
        if release.root.root_hash == root_hash { Ok(release) } else { Err(other()) }
    }

    /// Forgets it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self) -> Result<(), ReleaseFileError> {
        Ok(whole_file::remove(&self.path)?)
    }
}

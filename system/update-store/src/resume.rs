//! How much of an image is on the disk, so that making it can go on after a power cut.

use std::path::{Path, PathBuf};

use disk_layout::root_hash::RootHash;
use serde::{Deserialize, Serialize};

use crate::{StoreError, whole_file};

/// A position is a line of text.
const MAXIMUM_BYTES: usize = 4096;

/// The file that holds the position.
#[derive(Debug, Clone)]
pub struct ResumeFile {
    path: PathBuf,
}

/// Up to where the inactive slot holds an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Position {
    /// Which image.
    root_hash: RootHash,
    /// Bytes from its front.
    bytes: u64,
}

impl ResumeFile {
    /// In this directory.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self { path: directory.join("resume.json") }
    }

    /// How many bytes of this image are in the inactive slot; 0 if nothing reliable is known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn position(&self, root_hash: RootHash) -> Result<u64, StoreError> {
        let bytes = whole_file::read(&self.path, MAXIMUM_BYTES)?.unwrap_or_default();
        // Whatever else stands there is as good as nothing: the image is then made from its front.
        let position =
            serde_json::from_slice(&bytes).ok().filter(|position: &Position| position.root_hash == root_hash);
        Ok(position.map_or(0, |position| position.bytes))
    }

    /// Notes that so many bytes of this image are on the disk for good.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, root_hash: RootHash, bytes: u64) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&Position { root_hash, bytes }).unwrap_or_default();
        whole_file::keep(&self.path, &text, 0o600)
    }

    /// Forgets the position.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self) -> Result<(), StoreError> {
        whole_file::remove(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::ResumeFile;
    use disk_layout::root_hash::RootHash;

    #[test]
    fn a_position_counts_for_its_image_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = ResumeFile::below(directory.path());
        let [one, other] = [1, 2].map(|byte| RootHash([byte; 32]));
        assert_eq!(file.position(one).unwrap(), 0);
        file.keep(one, 4096).unwrap();
        assert_eq!((file.position(one).unwrap(), file.position(other).unwrap()), (4096, 0));
        std::fs::write(directory.path().join("resume.json"), "{").unwrap();
        assert_eq!(file.position(one).unwrap(), 0);
        file.forget().unwrap();
        file.forget().unwrap();
    }
}

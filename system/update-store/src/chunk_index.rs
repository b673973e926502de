//! Indexes of chunks: of the release that runs, and of the one under way.
//!
//! The next index then travels as a difference to the one that is here, and what the active slot holds need not be found out by reading it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use disk_layout::root_hash::RootHash;

use crate::{StoreError, fault, whole_file};

/// The directory that holds them, a file for each root image.
#[derive(Debug, Clone)]
pub struct ChunkIndexes {
    directory: PathBuf,
}

impl ChunkIndexes {
    /// In this directory.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self { directory: directory.join("chunk-indexes") }
    }

    /// The bytes kept of this image's index, at most `limit` and one more; nothing if there are none. Nobody vouches for them.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn load(&self, root_hash: RootHash, limit: usize) -> Result<Option<Vec<u8>>, StoreError> {
        whole_file::read(&self.path(root_hash), limit)
    }

    /// Keeps the index of an image.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, root_hash: RootHash, bytes: &[u8]) -> Result<(), StoreError> {
        fs::create_dir_all(&self.directory).map_err(fault("making", &self.directory))?;
        whole_file::keep(&self.path(root_hash), bytes, 0o600)
    }

    /// Removes those of all other images, and what was left unfinished.
    ///
    /// # Errors
    /// When one cannot be removed.
    pub fn remove_all_but(&self, root_hash: RootHash) -> Result<(), StoreError> {
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(fault("reading", &self.directory))?,
        };
        let kept = self.path(root_hash);
        for entry in entries {
            let path = entry.map_err(fault("reading", &self.directory))?.path();
            if path != kept {
                whole_file::remove(&path)?;
            }
        }
        Ok(())
    }

    fn path(&self, root_hash: RootHash) -> PathBuf {
        self.directory.join(format!("{root_hash}.idx"))
    }
}

#[cfg(test)]
mod tests {
    use super::ChunkIndexes;
    use disk_layout::root_hash::RootHash;

    #[test]
    fn indexes_are_kept_for_each_image_until_they_are_of_no_use() {
        let directory = tempfile::tempdir().unwrap();
        let indexes = ChunkIndexes::below(directory.path());
        let [one, other] = [1, 2].map(|byte| RootHash([byte; 32]));
        indexes.remove_all_but(one).unwrap();
        assert_eq!(indexes.load(one, 10).unwrap(), None);
        indexes.keep(one, b"one").unwrap();
        indexes.keep(other, b"other").unwrap();
        assert_eq!(
            indexes.load(one, 2).unwrap().unwrap(),
            b"one",
            "one byte more than the limit shows that it is too large"
        );
        std::fs::write(directory.path().join("chunk-indexes/.unfinished-1"), "x").unwrap();
        indexes.remove_all_but(other).unwrap();
        assert_eq!(indexes.load(one, 10).unwrap(), None);
        assert_eq!(indexes.load(other, 10).unwrap().unwrap(), b"other");
        assert_eq!(std::fs::read_dir(directory.path().join("chunk-indexes")).unwrap().count(), 1);
    }
}

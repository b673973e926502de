//! Content-addressed store of build outputs on disk.
//!
//! An entry is a directory named by a [`StepKey`]. It is filled under a temporary name and renamed when complete, so that an
//! interrupted build leaves nothing that looks finished, and two builds may share the store.

use build_plan::key::StepKey;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The store.
#[derive(Clone, Debug)]
pub struct BuildCache {
    directory: PathBuf,
}

/// Why the store could not be used.
#[derive(Debug, thiserror::Error)]
#[error("the build cache could not {action} {}; is the disk full or the directory somebody else's?", .path.display())]
pub struct CacheError {
    /// What was attempted.
    pub action: &'static str,
    /// On what.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

/// An entry being filled. Dropping it without [`PendingEntry::commit`] removes it.
#[derive(Debug)]
pub struct PendingEntry {
    directory: TempDir,
    target: PathBuf,
}

impl BuildCache {
    /// Opens a store, making its directory (private to the user) where it is missing.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, CacheError> {
        let directory = directory.into();
        DirBuilder::new().recursive(true).mode(0o700).create(directory.join("steps")).map_err(|source| CacheError {
            action: "create",
            path: directory.clone(),
            source,
        })?;
        Ok(Self { directory })
    }

    /// Where packages are kept by their hash.
    #[must_use]
    pub fn packages(&self) -> PathBuf {
        self.directory.join("packages")
    }

    /// A directory for what a step needs while it runs, removed with the value.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn scratch(&self) -> Result<TempDir, CacheError> {
        tempfile::Builder::new().prefix("scratch-").tempdir_in(&self.directory).map_err(|source| CacheError {
            action: "create a directory in",
            path: self.directory.clone(),
            source,
        })
    }

    /// The directory of a finished entry, if there is one. Looking marks it as used.
    #[must_use]
    pub fn find(&self, key: &StepKey) -> Option<PathBuf> {
        let entry = self.entry(key);
        let directory = File::open(&entry).ok().filter(|file| file.metadata().is_ok_and(|data| data.is_dir()))?;
        // The time of last use is what a clean-up goes by; a read-only store works all the same.
        let now = rustix::fs::Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_NOW };
        let times = rustix::fs::Timestamps { last_access: now, last_modification: now };
        let _ = rustix::fs::futimens(&directory, &times);
        Some(entry)
    }

    /// Starts an entry.
    ///
    /// # Errors
    /// When its directory cannot be made.
    pub fn begin(&self, key: &StepKey) -> Result<PendingEntry, CacheError> {
        let steps = self.directory.join("steps");
        let directory = tempfile::Builder::new()
            .prefix("unfinished-")
            .tempdir_in(&steps)
            .map_err(|source| CacheError { action: "create a directory in", path: steps, source })?;
        Ok(PendingEntry { directory, target: self.entry(key) })
    }

    fn entry(&self, key: &StepKey) -> PathBuf {
        self.directory.join("steps").join(key.to_string())
    }
}

impl PendingEntry {
    /// Where to put the files of the entry.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Makes the entry visible. Where another build finished the same one first, that one stays.
    ///
    /// # Errors
    /// When the rename fails.
    pub fn commit(self) -> Result<PathBuf, CacheError> {
        match fs::rename(self.directory.path(), &self.target) {
            Ok(()) => {
                let _ = self.directory.keep();
                Ok(self.target)
            }
            Err(error) if matches!(error.kind(), ErrorKind::DirectoryNotEmpty | ErrorKind::AlreadyExists) => {
                Ok(self.target)
            }
            Err(source) => Err(CacheError { action: "finish", path: self.target, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::BuildCache;
    use build_plan::key::KeyBuilder;
    use std::fs;
    use tempfile::TempDir;

    #[test]
    fn an_entry_appears_whole_or_not_at_all() {
        let directory = TempDir::new().unwrap();
        let cache = BuildCache::open(directory.path()).unwrap();
        let key = KeyBuilder::new("test", 1).finish();
        let pending = cache.begin(&key).unwrap();
        fs::write(pending.path().join("out"), "half").unwrap();
        drop(pending);
        assert_eq!(cache.find(&key), None);
        assert_eq!(fs::read_dir(directory.path().join("steps")).unwrap().count(), 0);

        let pending = cache.begin(&key).unwrap();
        fs::write(pending.path().join("out"), "whole").unwrap();
        pending.commit().unwrap();
        assert_eq!(fs::read(cache.find(&key).unwrap().join("out")).unwrap(), b"whole");
    }

    #[test]
    fn the_first_of_two_builds_wins_and_the_second_uses_it() {
        let directory = TempDir::new().unwrap();
        let cache = BuildCache::open(directory.path()).unwrap();
        let key = KeyBuilder::new("test", 1).finish();
        let (first, second) = (cache.begin(&key).unwrap(), cache.begin(&key).unwrap());
        fs::write(first.path().join("out"), "first").unwrap();
        fs::write(second.path().join("out"), "second").unwrap();
        first.commit().unwrap();
        let path = second.commit().unwrap();
        assert_eq!(fs::read(path.join("out")).unwrap(), b"first");
    }
}

//! How long sessions and jobs have put a restart off: a restart of the updater does not give them another whole delay.

use std::path::{Path, PathBuf};

use release_metadata::version::Version;
use serde::{Deserialize, Serialize};
use update_schedule::decision::Progress;

use crate::{StoreError, whole_file};

/// A few times.
const MAXIMUM_BYTES: usize = 4096;

/// The file with the delay of the release that waits.
#[derive(Debug, Clone)]
pub struct DelayFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Delay {
    version: Version,
    progress: Progress,
}

impl DelayFile {
    /// In this directory.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self { path: directory.join("delay.json") }
    }

    /// How far the delay of this release has gone; none if nothing reliable is known.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn progress(&self, version: Version) -> Result<Progress, StoreError> {
        let bytes = whole_file::read(&self.path, MAXIMUM_BYTES)?.unwrap_or_default();
        let delay = serde_json::from_slice(&bytes).ok().filter(|delay: &Delay| delay.version == version);
        Ok(delay.map_or_else(Progress::default, |delay| delay.progress))
    }

    /// Notes how far it has gone.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, version: Version, progress: Progress) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&Delay { version, progress }).unwrap_or_default();
        whole_file::keep(&self.path, &text, 0o600)
    }

    /// Forgets it.
    ///
    /// # Errors
    /// When the file cannot be removed.
    pub fn forget(&self) -> Result<(), StoreError> {
        whole_file::remove(&self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::DelayFile;
    use update_schedule::decision::Progress;

    #[test]
    fn a_delay_counts_for_its_release_only() {
        let directory = tempfile::tempdir().unwrap();
        let file = DelayFile::below(directory.path());
        let [one, other] = ["1.1.0", "1.2.0"].map(|version| version.parse().unwrap());
        let progress = Progress { due_since: "2026-11-21T12:00:00Z".parse().ok(), ..Progress::default() };
        assert_eq!(file.progress(one).unwrap(), Progress::default());
        file.keep(one, progress).unwrap();
        assert_eq!((file.progress(one).unwrap(), file.progress(other).unwrap()), (progress, Progress::default()));
        std::fs::write(directory.path().join("delay.json"), "{").unwrap();
        assert_eq!(file.progress(one).unwrap(), Progress::default());
        file.forget().unwrap();
    }
}

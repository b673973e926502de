//! What the health check of a trial boot leaves for the boot after it.

use std::path::{Path, PathBuf};

use release_metadata::version::Version;
use serde::{Deserialize, Serialize};
use update_engine::history::TrialFailure;

use crate::{StoreError, whole_file};

/// Reasons and outputs are cut before they are written.
const MAXIMUM_BYTES: usize = 64 << 10;

/// The file with what a health check found.
#[derive(Debug, Clone)]
pub struct TrialFile {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Finding {
    version: Version,
    failure: TrialFailure,
}

impl TrialFile {
    /// In this directory.
    #[must_use]
    pub fn below(directory: &Path) -> Self {
        Self { path: directory.join("trial.json") }
    }

    /// What a health check found wrong with this release, if one did.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn failure(&self, version: Version) -> Result<Option<TrialFailure>, StoreError> {
        let bytes = whole_file::read(&self.path, MAXIMUM_BYTES)?.unwrap_or_default();
        let finding = serde_json::from_slice(&bytes).ok().filter(|finding: &Finding| finding.version == version);
        Ok(finding.map(|finding| finding.failure))
    }

    /// Writes down what is wrong with this release.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, version: Version, failure: &TrialFailure) -> Result<(), StoreError> {
        let text = serde_json::to_vec(&Finding { version, failure: failure.clone() }).unwrap_or_default();
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

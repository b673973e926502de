//! A file to fetch.

use serde::{Deserialize, Serialize};

use crate::digest::Sha256Digest;
use crate::path::ArtifactPath;

/// A file of a release, as it lies in the repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name, relative to the directory of the release.
    pub path: ArtifactPath,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of its bytes.
    pub sha256: Sha256Digest,
}

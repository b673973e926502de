//! Names of files in a repository, relative to the directory of their stream.

use std::fmt;
use std::str::FromStr;

use disk_layout::partition_type::Architecture;
use thiserror::Error;

use crate::text::{shown, written_as_text};
use crate::version::Version;

/// All releases of the stream.
pub const UPDATES: &str = "updates.json";
/// The description of a release, in its directory.
pub const RELEASE: &str = "release.json";
/// The full root image, in the directory of its release.
pub const FULL_ROOT: &str = "root.zst";
/// The full unified kernel image, in the directory of its release.
pub const FULL_UKI: &str = "uki.zst";

/// The unified kernel image as a patch of the root image, in the directory of its release.
pub const UKI_FROM_ROOT: &str = "uki-from-root.patch";

/// The directory of a release: `releases/1.4.0/x86-64`.
#[must_use]
pub fn release_directory(version: Version, architecture: Architecture) -> String {
    format!("releases/{version}/{architecture}")
}

/// The description of a release: `releases/1.4.0/x86-64/release.json`.
#[must_use]
pub fn release(version: Version, architecture: Architecture) -> String {
    format!("releases/{version}/{architecture}/{RELEASE}")
}

/// The usual name of a patch from another release, in the directory of the release it leads to: `from-1.3.0.patch`.
#[must_use]
pub fn patch(from: Version) -> ArtifactPath {
    ArtifactPath(format!("from-{from}.patch"))
}

/// The index of the chunks, in the directory of its release.
#[must_use]
pub fn chunk_index() -> ArtifactPath {
    ArtifactPath("chunks.idx".to_owned())
}

/// The index of the chunks as a difference to that of another release: `chunks-from-1.3.0.idx`.
#[must_use]
pub fn chunk_index_from(from: Version) -> ArtifactPath {
    ArtifactPath(format!("chunks-from-{from}.idx"))
}

/// A pack of chunks, numbered from 0: `chunks/0000.pack`.
#[must_use]
pub fn chunk_pack(number: usize) -> ArtifactPath {
    ArtifactPath(format!("chunks/{number:04}.pack"))
}

/// The name of a file relative to the directory of its release, such as `root.zst` or `chunks/0007.pack`.
///
/// 1 to 4 parts with `/` between them, 200 characters at most; each part has letters, digits and `.` `_` `~` `-`, and begins with a
/// letter or digit. So it is a file name everywhere, needs no escaping in a URL, and does not lead out of the directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactPath(String);

written_as_text!(ArtifactPath);

/// The text is not the name of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no name of an artifact; it has 1 to 4 parts with / between them, of letters, digits and . _ ~ -, each beginning with a letter or digit"
)]
pub struct ArtifactPathError(String);

impl ArtifactPath {
    /// The name, relative to the directory of the release.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name relative to the directory of the stream.
    #[must_use]
    pub fn in_release(&self, version: Version, architecture: Architecture) -> String {
        format!("{}/{}", release_directory(version, architecture), self.0)
    }
}

impl FromStr for ArtifactPath {
    type Err = ArtifactPathError;

    fn from_str(text: &str) -> Result<Self, ArtifactPathError> {
        let good_part = |part: &str| {
            part.starts_with(|first: char| first.is_ascii_alphanumeric())
                && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._~-".contains(&byte))
        };
        let good = text.len() <= 200 && text.split('/').count() <= 4 && text.split('/').all(good_part);
        if good { Ok(Self(text.to_owned())) } else { Err(ArtifactPathError(shown(text))) }
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

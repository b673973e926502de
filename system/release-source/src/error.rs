//! Why a repository could not be used.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use release_metadata::DocumentError;
use signed_metadata::error::MetadataError;
use thiserror::Error;

/// Why a repository could not be used.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The settings are not usable.
    #[error("{what} cannot be used for downloads: {problem}")]
    Settings {
        /// Which setting.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
    /// No answer, or one that ended too early.
    #[error("{url} could not be fetched: {problem}")]
    Connection {
        /// What was asked for.
        url: String,
        /// What went wrong, from the connection.
        problem: String,
    },
    /// Nothing, or next to nothing, came for a while.
    #[error("{url} sent (almost) nothing for {} seconds", after.as_secs_f64())]
    Stalled {
        /// What was asked for.
        url: String,
        /// How long.
        after: Duration,
    },
    /// The server answered with another status than was expected.
    #[error("{url} answered with status {status}")]
    Status {
        /// What was asked for.
        url: String,
        /// The status.
        status: u16,
    },
    /// The server has no such file.
    #[error("{url} does not exist; the repository is incomplete, or a mirror is behind")]
    Missing {
        /// What was asked for.
        url: String,
    },
    /// The server sends whole files only.
    #[error("the server of {url} does not send parts of files")]
    NoRanges {
        /// What was asked for.
        url: String,
    },
    /// The file is not the one that was read before.
    #[error("{url} changed while it was read")]
    Changed {
        /// What was asked for.
        url: String,
    },
    /// Not the size that signed metadata names.
    #[error("{url} has {found} bytes where {expected} are signed for")]
    WrongSize {
        /// What was asked for.
        url: String,
        /// What is signed.
        expected: u64,
        /// What came or was announced.
        found: u64,
    },
    /// More bytes than anything of this kind has.
    #[error("{url} has more than {limit} bytes")]
    TooLarge {
        /// What was asked for.
        url: String,
        /// The limit.
        limit: u64,
    },
    /// Not the bytes that signed metadata names.
    #[error("{url} is not the file that is signed for: its hash differs")]
    WrongHash {
        /// What was asked for.
        url: String,
    },
    /// A file of a directory could not be read.
    #[error("{} cannot be read", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Trusted metadata could not be kept or read.
    #[error("trusted metadata could not be {action} at {}", path.display())]
    Store {
        /// `kept` or `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Metadata is refused: it was tampered with, is out of date, or does not fit together.
    #[error(transparent)]
    Refused(#[from] MetadataError),
    /// A document is signed and still cannot be used.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A document is signed for another place than it lies at.
    #[error("{path} describes {found}: the publisher mixed up files")]
    Misplaced {
        /// The document.
        path: String,
        /// What it says it is.
        found: String,
    },
    /// The caller asked to stop.
    #[error("the download was cancelled")]
    Cancelled,
}

impl SourceError {
    /// Whether the same may work a little later, without anybody doing something: a server that is busy, a connection that was cut, a mirror
    /// between two states. What is refused for its signatures, its expiry or its content is not.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connection { .. } | Self::Stalled { .. } | Self::Missing { .. } | Self::Changed { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..),
            // A publisher may have replaced files between two requests.
            Self::Refused(error) => matches!(
                error,
                MetadataError::Missing { .. } | MetadataError::WrongBytes { .. } | MetadataError::WrongVersion { .. }
            ),
            _ => false,
        }
    }
}

//! Where a repository is written to.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use host::cancel::Cancel;
use thiserror::Error;

/// A place that holds a repository's files, by names with `/` between their parts.
pub trait Storage: fmt::Debug + Send {
    /// A whole file of at most `limit` bytes with the tag of its content, or nothing.
    ///
    /// # Errors
    /// When it is there and cannot be read, or is larger.
    fn read(&self, name: &str, limit: u64) -> Result<Option<(Vec<u8>, Tag)>, StorageError>;

    /// A file to be read, with its size, or nothing.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    fn open(&self, name: &str) -> Result<Option<Readable>, StorageError>;

    /// The size of a file in bytes, or nothing.
    ///
    /// # Errors
    /// When that cannot be found out.
    fn size(&self, name: &str) -> Result<Option<u64>, StorageError>;

    /// Writes a file. When this returns it is there for good; if it never returns, the old file is there or the new one, whole.
    ///
    /// # Errors
    /// When it cannot be written, or `when` does not hold.
    fn put(&self, name: &str, bytes: &[u8], when: When<'_>) -> Result<(), StorageError>;

    /// Writes a file from one on this machine, in the place of what has its name.
    ///
    /// # Errors
    /// When it cannot be written, or it was cancelled.
    fn put_file(&self, name: &str, from: &Path, watch: &mut Watch<'_>) -> Result<(), StorageError>;

    /// What it is, for messages.
    fn place(&self) -> String;
}

/// A file to be read, and its size in bytes.
pub type Readable = (Box<dyn Read + Send>, u64);

/// On what condition a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When<'a> {
    /// On none.
    Always,
    /// When there is none of that name.
    New,
    /// When the file still is the one that was read.
    Unchanged(&'a Tag),
}

/// Says which content of a file was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub String);

/// Tells about long work, and is asked whether to go on.
pub struct Watch<'a> {
    /// Told how many bytes are done, and of how many.
    pub progress: &'a mut dyn FnMut(u64, u64),
    /// Asked before every piece.
    pub cancel: &'a Cancel,
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Watch").field("cancel", self.cancel).finish_non_exhaustive()
    }
}

/// A file could not be read or written.
#[derive(Debug, Error)]
pub enum StorageError {
    /// A file or directory of this machine.
    #[error("{action} {path} did not work")]
    File {
        /// What was tried: `reading`, `writing`.
        action: &'static str,
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// An object of a bucket.
    #[error("{action} {name} in the bucket did not work")]
    Bucket {
        /// What was tried.
        action: &'static str,
        /// The object.
        name: String,
        /// Why.
        source: Box<object_store::Error>,
    },
    /// The settings of the bucket are not usable.
    #[error(
        "the bucket cannot be used; set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and, where it is not Amazon's, AWS_ENDPOINT_URL"
    )]
    Settings(#[source] Box<object_store::Error>),
    /// Larger than anything of its kind.
    #[error("{name} is larger than {limit} bytes")]
    TooLarge {
        /// The file.
        name: String,
        /// The limit.
        limit: u64,
    },
    /// Somebody else wrote in between.
    #[error("{name} was written by somebody else in the meantime; look at the repository and run the command again")]
    Changed {
        /// The file.
        name: String,
    },
    /// The caller asked to stop.
    #[error("cancelled while writing {name}; what is public is as it was before")]
    Cancelled {
        /// The file.
        name: String,
    },
}

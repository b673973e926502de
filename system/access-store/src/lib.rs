//! What a device keeps on disk about access, in files of mode 0600 that a power cut leaves whole; and the two other effects that access needs: hashing passwords,
//! and random bytes.
//!
//! Everything blocks. Whoever runs an asynchronous program calls it from a thread that may block.

pub mod audit_log;
pub mod password_hasher;
pub mod private_file;
pub mod random;
pub mod record_file;
pub mod store;

use std::io;
use std::path::PathBuf;

use access::audit::chain::PartError;
use access::record::RecordError;
use thiserror::Error;

/// Something could not be kept, or what was kept cannot be used.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A file or directory could not be read or written.
    #[error("{action} {} did not work", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it did not work.
        source: io::Error,
    },
    /// Others could read or replace what is kept.
    #[error("{} must belong to this program's user and be closed to all others; it has mode {mode:04o}", path.display())]
    Open {
        /// The file or directory.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It is no plain file, or no directory.
    #[error("{} is not what belongs there: a link or a special file", path.display())]
    Kind {
        /// The path.
        path: PathBuf,
    },
    /// The record of users is damaged. Nobody can log in until it is put right: it is never replaced by an empty one.
    #[error("{} cannot be used; put back a copy of it, or remove it to pair the device anew", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// Why.
        source: RecordError,
    },
    /// A part of the audit log is none.
    #[error("{} cannot be read", path.display())]
    Part {
        /// The file.
        path: PathBuf,
        /// Why.
        source: PartError,
    },
}

pub(crate) fn fault<'p>(
    action: &'static str,
    path: impl Into<PathBuf> + 'p,
) -> impl FnOnce(io::Error) -> StoreError + 'p {
    move |source| StoreError::File { action, path: path.into(), source }
}

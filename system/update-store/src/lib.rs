//! What a device keeps on disk about updates, in files that a power cut leaves whole.

pub mod chunk_index;
pub mod claim;
pub mod delay;
pub mod record;
pub mod release;
pub mod resume;
pub mod settings;
pub mod trial;
mod whole_file;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

pub use whole_file::publish;

/// A file could not be read or written.
#[derive(Debug, Error)]
#[error("{action} {} did not work", path.display())]
pub struct StoreError {
    /// What was tried.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why it did not work.
    pub source: io::Error,
}

pub(crate) fn fault<'p>(
    action: &'static str,
    path: impl Into<PathBuf> + 'p,
) -> impl FnOnce(io::Error) -> StoreError + 'p {
    move |source| StoreError { action, path: path.into(), source }
}

//! What both documents have in common: a bounded JSON text with a format number.

use std::cmp::Ordering;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not a document of a repository.
#[derive(Debug, Error)]
pub enum DocumentError {
    /// Above the limit, not even looked at.
    #[error("{document} is larger than {limit} bytes")]
    TooLarge {
        /// Its name.
        document: &'static str,
        /// Most bytes it may have.
        limit: usize,
    },
    /// Written for newer readers.
    #[error(
        "{document} has format {found}, and this version of Piccolo OS reads format {known}; update Piccolo OS first"
    )]
    Format {
        /// Its name.
        document: &'static str,
        /// The format it says.
        found: u32,
        /// The format this version reads.
        known: u32,
    },
    /// Written in a format that nobody writes any more.
    #[error(
        "{document} has format {found}, which is no longer read; the publisher has to write it again in format {known}"
    )]
    OldFormat {
        /// Its name.
        document: &'static str,
        /// The format it says.
        found: u32,
        /// The format this version reads.
        known: u32,
    },
    /// Not the JSON of this document.
    #[error("{document} is malformed: {problem}")]
    Syntax {
        /// Its name.
        document: &'static str,
        /// What and where, from the JSON parser.
        problem: String,
    },
    /// Well-formed, and contradicts itself or a limit.
    #[error("{document}: {problem}")]
    Content {
        /// Its name.
        document: &'static str,
        /// What is wrong with what.
        problem: String,
    },
}

#[derive(Deserialize)]
struct OnlyFormat {
    format: u32,
}

/// Reads a document of at most `limit` bytes. Fields it does not know are skipped: they were added by a newer version that
/// kept the format number because older readers may do without them.
pub(crate) fn read<T: DeserializeOwned>(
    document: &'static str,
    known: u32,
    limit: usize,
    text: &str,
) -> Result<T, DocumentError> {
    if text.len() > limit {
        return Err(DocumentError::TooLarge { document, limit });
    }
    let malformed = |error: serde_json::Error| DocumentError::Syntax { document, problem: error.to_string() };
    // The format is looked at first: what another format means by a field would be a misleading error.
    let OnlyFormat { format: found } = serde_json::from_str(text).map_err(malformed)?;
    match found.cmp(&known) {
        Ordering::Greater => Err(DocumentError::Format { document, found, known }),
        Ordering::Less => Err(DocumentError::OldFormat { document, found, known }),
        Ordering::Equal => serde_json::from_str(text).map_err(malformed),
    }
}

/// Writes a document: indented, fields in the order of the reference, a newline at the end. Equal values give equal bytes.
pub(crate) fn write<T: Serialize>(value: &T) -> String {
    let mut text = serde_json::to_string_pretty(value).expect("invariant: documents have text keys and finite numbers");
    text.push('\n');
    text
}

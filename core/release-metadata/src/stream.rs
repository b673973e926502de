//! Lines of releases.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::{shown, written_as_text};

/// A line of releases that devices follow, such as `stable`: 1 to 32 lower-case letters, digits and hyphens, a letter first, no hyphen last.
///
/// The streams of a recipe are `stable`, `testing` and `next`; a repository may have others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamName(String);

written_as_text!(StreamName);

/// The text names no stream.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{0:?} is no name of a stream; use 1 to 32 lower-case letters, digits and hyphens, beginning with a letter and not ending with a hyphen"
)]
pub struct StreamNameError(String);

impl StreamName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for StreamName {
    type Err = StreamNameError;

    fn from_str(text: &str) -> Result<Self, StreamNameError> {
        let known = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let good = text.len() <= 32
            && text.bytes().all(known)
            && text.starts_with(|first: char| first.is_ascii_lowercase())
            && !text.ends_with('-');
        if good { Ok(Self(text.to_owned())) } else { Err(StreamNameError(shown(text))) }
    }
}

impl fmt::Display for StreamName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

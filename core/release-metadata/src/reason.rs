//! Reasons that a publisher gives and an operator reads.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::text::written_as_text;

/// A sentence or an address that says why: 1 to 1000 characters on one line, none of them a control character, because it
/// is shown on consoles.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reason(String);

written_as_text!(Reason);

/// The text is not a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a reason is 1 to {} characters on one line, without control characters", Reason::MAXIMUM)]
pub struct ReasonError;

impl Reason {
    /// Longest reason, in characters.
    pub const MAXIMUM: usize = 1000;

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = ReasonError;

    fn from_str(text: &str) -> Result<Self, ReasonError> {
        // Characters that change the direction of writing could make a console show another sentence.
        let hidden = |character: char| {
            character.is_control() || matches!(character, '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let good = !text.trim().is_empty()
            && text.trim() == text
            && text.len() <= 4 * Self::MAXIMUM
            && text.chars().count() <= Self::MAXIMUM
            && !text.contains(hidden);
        if good { Ok(Self(text.to_owned())) } else { Err(ReasonError) }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

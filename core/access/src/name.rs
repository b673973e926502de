//! Names of users, and labels that people give to credentials.

use core::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest name of a user, in bytes.
pub const NAME_LIMIT: usize = 32;
/// The longest label, in characters.
pub const LABEL_LIMIT: usize = 64;

/// The name of a user: a small letter, then small letters, digits, `.`, `_` and `-`; at most [`NAME_LIMIT`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

/// What a person calls a token, a certificate or a browser.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Label(String);

/// A name that cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum NameError {
    /// No name of a user.
    #[error(
        "a user's name begins with a small letter and goes on with small letters, digits, '.', '_' and '-', at most {NAME_LIMIT} in all"
    )]
    User,
    /// No label.
    #[error("a label has 1 to {LABEL_LIMIT} characters, all of which can be seen")]
    Label,
}

impl UserName {
    /// Takes a name.
    ///
    /// # Errors
    /// [`NameError::User`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        let rest = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
        let fits = text.len() <= NAME_LIMIT
            && text.bytes().next().is_some_and(|first| first.is_ascii_lowercase())
            && text.bytes().all(rest);
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError::User) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Label {
    /// Takes a label; spaces at its ends go.
    ///
    /// # Errors
    /// [`NameError::Label`].
    pub fn new(text: &str) -> Result<Self, NameError> {
        // Longer ones are not even counted.
        let text = text.get(..LABEL_LIMIT * 4 + 1).map_or(text, |_| "").trim();
        let fits = (1..=LABEL_LIMIT).contains(&text.chars().count()) && !text.chars().any(is_invisible);
        if fits { Ok(Self(text.to_owned())) } else { Err(NameError::Label) }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Control characters, and those that turn or hide text around them (Unicode, "Trojan Source").
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

impl TryFrom<String> for UserName {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl TryFrom<String> for Label {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        Self::new(&text)
    }
}

impl From<Label> for String {
    fn from(label: Label) -> Self {
        label.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::{Label, UserName};

    #[test]
    fn names_are_plain_words() {
        for good in ["a", "alice", "alice.b-c_9", &"a".repeat(32)] {
            assert_eq!(UserName::new(good).unwrap().as_str(), good);
        }
        for bad in ["", "Alice", "9a", "-a", "a b", "a/b", "é", &"a".repeat(33), "a\n"] {
            UserName::new(bad).unwrap_err();
        }
    }

    #[test]
    fn labels_hide_nothing() {
        assert_eq!(Label::new("  Backup, at home ☕ ").unwrap().as_str(), "Backup, at home ☕");
        for bad in ["", "  ", "a\nb", "a\u{202e}b", &"a".repeat(65), &"☕".repeat(300)] {
            Label::new(bad).unwrap_err();
        }
        Label::new(&"☕".repeat(64)).unwrap();
    }
}

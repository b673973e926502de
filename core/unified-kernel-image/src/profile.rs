//! Profiles: variants of one image, chosen in the boot menu or with `@N` in front of the command line.

use thiserror::Error;

use crate::section::{Section, SectionName};

/// A profile of an image. What it sets replaces the image's own; what it leaves out is shared with the other profiles.
///
/// Profiles are numbered from zero in the order they are listed, and the first is what boots when none is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile<'a> {
    /// Short name for programs: lower-case ASCII letters, digits, `-`, `_` and `.`.
    pub id: &'a str,
    /// What the boot menu shows in parentheses after the system's name. Without it, the first profile is shown by the name alone and
    /// others by their id.
    pub title: Option<&'a str>,
    /// Command line instead of the image's.
    pub command_line: Option<&'a str>,
    /// Initrd instead of the image's.
    pub initrd: Option<&'a [u8]>,
    /// Signatures of the PCR values that a boot of this profile leads to, the JSON of systemd-measure(1).
    pub pcr_signature: Option<&'a [u8]>,
}

/// Why a profile cannot be written.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ProfileError {
    /// The id is not a plain name.
    #[error("profile id {id:?} must be 1 to 64 lower-case ASCII letters, digits, '-', '_' or '.'")]
    Id {
        /// As given.
        id: String,
    },
    /// The title cannot stand between quotes in a `.profile` section.
    #[error("the title of profile {id} must be one line without quotes, '$', '`' and '\\': {title:?}")]
    Title {
        /// The profile.
        id: String,
        /// As given.
        title: String,
    },
    /// Two profiles have one id.
    #[error("profile id {id} is used twice; give each profile its own")]
    DuplicateId {
        /// The id.
        id: String,
    },
}

impl<'a> Profile<'a> {
    /// The profile's sections in file order: the one that starts it, then what it overrides.
    pub(crate) fn sections(&self) -> Result<Vec<Section<'a>>, ProfileError> {
        let mut sections = vec![Section::owned(SectionName::Profile, self.text()?)];
        let overrides = [
            (SectionName::CommandLine, self.command_line.map(str::as_bytes)),
            (SectionName::Initrd, self.initrd),
            (SectionName::PcrSignature, self.pcr_signature),
        ];
        for (name, content) in overrides {
            if let Some(content) = content.filter(|content| !content.is_empty()) {
                sections.push(Section::borrowed(name, content));
            }
        }
        Ok(sections)
    }

    /// The content of `.profile`: the syntax of os-release(5) with the keys `ID` and `TITLE`.
    fn text(&self) -> Result<Vec<u8>, ProfileError> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        if self.id.is_empty() || self.id.len() > 64 || !self.id.bytes().all(is_plain) {
            return Err(ProfileError::Id { id: self.id.to_owned() });
        }
        let mut text = format!("ID={}\n", self.id);
        if let Some(title) = self.title {
            let is_unsafe = |char: char| char.is_control() || "\"'$`\\".contains(char);
            if title.trim().is_empty() || title.contains(is_unsafe) {
                return Err(ProfileError::Title { id: self.id.to_owned(), title: title.to_owned() });
            }
            text.push_str(&format!("TITLE=\"{title}\"\n"));
        }
        Ok(text.into_bytes())
    }
}

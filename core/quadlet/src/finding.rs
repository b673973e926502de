//! What is to be said about an app.

use crate::unit_file::Position;
use std::fmt::{self, Display, Formatter};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Good to know; nothing needs to change.
    Note,
    /// It works, but not as it seems, or it gives the app power over the device: the operator should decide knowingly.
    Warning,
    /// Podman or systemd would refuse it, or silently leave something out. The app is not to be installed.
    Error,
}

impl Display for Severity {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// Which rule a finding comes from; its name is stable and documented in `docs/reference/app-units.md`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// The set of files: names, kinds, sizes.
    Files,
    /// The syntax of a file.
    Syntax,
    /// A section that nothing reads.
    UnknownSection,
    /// A key that is not known.
    UnknownKey,
    /// A value that is not of its key's kind.
    Value,
    /// A key that counts once and is written more often.
    Repeated,
    /// A key that is going away.
    Deprecated,
    /// A key that must be there.
    Missing,
    /// Keys that exclude or need each other.
    Conflict,
    /// A unit that is named and does not exist.
    Reference,
    /// Two units with one name of a service, container, volume or network, or with one port.
    Clash,
    /// Units that wait for each other.
    Cycle,
    /// Images whose source is not certain.
    Image,
    /// Secrets that everybody who reads the unit sees.
    PlainSecret,
    /// Access to the device beyond the container.
    Privilege,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 15] = [
        Self::Files,
        Self::Syntax,
        Self::UnknownSection,
        Self::UnknownKey,
        Self::Value,
        Self::Repeated,
        Self::Deprecated,
        Self::Missing,
        Self::Conflict,
        Self::Reference,
        Self::Clash,
        Self::Cycle,
        Self::Image,
        Self::PlainSecret,
        Self::Privilege,
    ];

    /// The stable name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Syntax => "syntax",
            Self::UnknownSection => "unknown-section",
            Self::UnknownKey => "unknown-key",
            Self::Value => "value",
            Self::Repeated => "repeated",
            Self::Deprecated => "deprecated",
            Self::Missing => "missing",
            Self::Conflict => "conflict",
            Self::Reference => "reference",
            Self::Clash => "clash",
            Self::Cycle => "cycle",
            Self::Image => "image",
            Self::PlainSecret => "plain-secret",
            Self::Privilege => "privilege",
        }
    }
}

/// One thing to say about an app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How much it matters.
    pub severity: Severity,
    /// The rule it comes from.
    pub rule: Rule,
    /// The file; empty where it is about the app as a whole.
    pub file: String,
    /// The place in the file; none where it is about the file as a whole.
    pub position: Option<Position>,
    /// What is the matter, in one sentence.
    pub message: String,
    /// What to do, where that is known: an instruction in one sentence.
    pub suggestion: Option<String>,
}

impl Finding {
    /// A finding about a file as a whole, without a suggestion.
    #[must_use]
    pub fn new(severity: Severity, rule: Rule, file: &str, message: impl Into<String>) -> Self {
        let message = shortened(message.into());
        Self { severity, rule, file: file.to_owned(), position: None, message, suggestion: None }
    }

    /// The finding at a place.
    #[must_use]
    pub fn at(self, position: Position) -> Self {
        Self { position: Some(position), ..self }
    }

    /// The finding with a suggestion.
    #[must_use]
    pub fn suggest(self, suggestion: impl Into<String>) -> Self {
        Self { suggestion: Some(shortened(suggestion.into())), ..self }
    }
}

/// Longest sentence, in characters: what an app's files say is quoted, and they may say much.
const LONGEST_SENTENCE: usize = 500;

fn shortened(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(LONGEST_SENTENCE) {
        text.truncate(end);
        text.push('…');
    }
    text
}

impl Display for Finding {
    /// `web.container:3:1: error: … (unknown-key); suggestion`, as compilers print.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            write!(formatter, "{}:", self.file)?;
            if let Some(position) = self.position {
                write!(formatter, "{position}:")?;
            }
            formatter.write_str(" ")?;
        }
        write!(formatter, "{}: {} [{}]", self.severity, self.message, self.rule.name())?;
        match &self.suggestion {
            Some(suggestion) => write!(formatter, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

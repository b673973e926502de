//! A unit file as it was written: sections, keys, comments, blank lines and continuations, each with its position.
//!
//! What is read can be printed again byte for byte; an edit changes only the lines that it is about. The syntax is systemd.syntax(7) as Podman's
//! generator reads it: a line that ends in a backslash goes on in the next one that is neither blank nor a comment, and nothing is put between the
//! two (systemd itself would put a space there; Podman's generator reads the file first).

mod edit;
mod parse;

use std::fmt::{self, Display, Formatter};

pub use edit::EditError;
pub use parse::{SyntaxError, SyntaxProblem};

/// Longest unit file that is read, in bytes.
pub const MAXIMUM_BYTES: usize = 256 * 1024;
/// Most lines of a unit file that is read.
pub const MAXIMUM_LINES: usize = 4096;

/// A place in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Character in the line, from 1.
    pub column: u32,
}

impl Display for Position {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.line, self.column)
    }
}

/// A unit file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitFile {
    lines: Vec<Line>,
}

/// What was written for one blank line, comment, section header or entry: several lines of the file where it is continued.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Line {
    raw: String,
    content: Content,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Content {
    Blank,
    Comment,
    Section(Section),
    Entry(Entry),
}

/// A section header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What stands between the brackets.
    pub name: String,
    /// Where the opening bracket is.
    pub position: Position,
}

/// One `Key=value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What stands before the equals sign.
    pub key: String,
    /// What stands after it: continuations joined, spaces around it removed, quotes and specifiers left alone.
    pub value: String,
    /// Where the key begins.
    pub position: Position,
    /// Where parts of the value begin: offset in bytes, and the place in the file. The first is the beginning of the value.
    parts: Vec<(usize, Position)>,
}

impl Entry {
    /// Where the byte with this offset of the value is in the file.
    #[must_use]
    pub fn position_in_value(&self, offset: usize) -> Position {
        let part = self.parts.iter().rev().find(|(start, _)| *start <= offset);
        let Some(&(start, place)) = part else { return self.position };
        let characters = self.value.get(start..offset).map_or(0, |text| text.chars().count());
        Position { column: place.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX)), ..place }
    }

    /// Where the value begins.
    #[must_use]
    pub fn value_position(&self) -> Position {
        self.position_in_value(0)
    }

    /// The value as Podman reads it where it is one text: without the double quotes at its ends.
    #[must_use]
    pub fn text(&self) -> &str {
        self.value.trim_end().trim_matches('"')
    }
}

impl UnitFile {
    /// The sections in their order; one that is written twice is there twice.
    pub fn sections(&self) -> impl Iterator<Item = &Section> {
        self.lines.iter().filter_map(|line| match &line.content {
            Content::Section(section) => Some(section),
            _ => None,
        })
    }

    /// All entries with the name of their section, in their order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Entry)> {
        let mut section = "";
        self.lines.iter().filter_map(move |line| match &line.content {
            Content::Section(header) => {
                section = &header.name;
                None
            }
            Content::Entry(entry) => Some((section, entry)),
            Content::Blank | Content::Comment => None,
        })
    }

    /// The entries of a section, wherever it is written.
    pub fn entries_of<'file>(&'file self, section: &str) -> impl Iterator<Item = &'file Entry> {
        self.entries().filter(move |(name, _)| *name == section).map(|(_, entry)| entry)
    }

    /// The entry that counts where a key has one value: the last one, even if it is empty.
    #[must_use]
    pub fn last(&self, section: &str, key: &str) -> Option<&Entry> {
        self.entries_of(section).filter(|entry| entry.key == key).last()
    }

    /// The value that counts where a key has one; none where it is missing or empty.
    #[must_use]
    pub fn text(&self, section: &str, key: &str) -> Option<&str> {
        self.last(section, key).map(Entry::text).filter(|text| !text.is_empty())
    }

    /// The entries that count where a key has many values: those after the last empty one.
    #[must_use]
    pub fn all(&self, section: &str, key: &str) -> Vec<&Entry> {
        let mut entries = Vec::new();
        for entry in self.entries_of(section).filter(|entry| entry.key == key) {
            if entry.value.is_empty() {
                entries.clear();
            } else {
                entries.push(entry);
            }
        }
        entries
    }
}

impl Display for UnitFile {
    /// The file, byte for byte as it was read where nothing was changed.
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| formatter.write_str(&line.raw))
    }
}

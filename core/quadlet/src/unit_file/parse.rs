//! Reading a unit file.

use super::{Content, Entry, Line, MAXIMUM_BYTES, MAXIMUM_LINES, Position, Section, UnitFile};
use thiserror::Error;

/// Why a file cannot be read, and where.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("{position}: {problem}")]
pub struct SyntaxError {
    /// The place that is wrong.
    pub position: Position,
    /// What is wrong there.
    pub problem: SyntaxProblem,
}

/// What can be wrong with the syntax of a unit file.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SyntaxProblem {
    /// Longer than [`MAXIMUM_BYTES`].
    #[error("the file has {0} bytes, and at most {MAXIMUM_BYTES} are read; is it a unit file?")]
    TooLong(usize),
    /// More than [`MAXIMUM_LINES`] lines.
    #[error("the file has more than {MAXIMUM_LINES} lines; is it a unit file?")]
    TooManyLines,
    /// Not UTF-8.
    #[error("here is a byte that is not UTF-8; save the file as UTF-8")]
    NotUtf8,
    /// A byte order mark, which Podman takes for a part of the first line.
    #[error("the file begins with a byte order mark; save it as UTF-8 without one")]
    ByteOrderMark,
    /// A zero byte.
    #[error("here is a zero byte; remove it")]
    ZeroByte,
    /// An entry before the first section.
    #[error("this entry stands in no section; write a line such as [Container] above it")]
    NoSection,
    /// A line in brackets that is no section.
    #[error("this is not a section header; write it as [Name], with nothing after it")]
    BadSection,
    /// A line without an equals sign.
    #[error("this line is neither Key=value, nor [Section], nor a comment; remove it or begin it with #")]
    NotAnEntry,
    /// A key with characters that no key has.
    #[error("{0:?} is not a key; keys have letters, digits and hyphens")]
    BadKey(String),
    /// A backslash at the end of the last line with content.
    #[error("this line ends in a backslash and nothing follows; remove the backslash")]
    NothingFollows,
}

impl UnitFile {
    /// Reads a unit file.
    ///
    /// # Errors
    /// The first place where the syntax is broken. Podman's generator refuses such a file, and with it all files of the same directory.
    pub fn parse(bytes: &[u8]) -> Result<Self, SyntaxError> {
        let text = text_of(bytes)?;
        let mut lines = Vec::new();
        let mut in_section = false;
        let mut pending: Option<Logical> = None;
        for (index, raw) in text.split_inclusive('\n').enumerate() {
            let number = u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1);
            let trimmed = raw.trim();
            if trimmed.is_empty() || trimmed.starts_with(['#', ';']) {
                match &mut pending {
                    Some(logical) => logical.raw.push_str(raw),
                    None if trimmed.is_empty() => lines.push(Line { raw: raw.to_owned(), content: Content::Blank }),
                    None => lines.push(Line { raw: raw.to_owned(), content: Content::Comment }),
                }
                continue;
            }
            let logical = pending.get_or_insert_default();
            let goes_on = logical.add(raw, trimmed, number);
            if goes_on && !logical.text.is_empty() {
                continue;
            }
            let Some(logical) = pending.take() else { continue };
            lines.push(logical.finish(in_section)?);
            in_section |= matches!(lines.last(), Some(Line { content: Content::Section(_), .. }));
        }
        match pending {
            Some(logical) => Err(SyntaxError { position: logical.end(), problem: SyntaxProblem::NothingFollows }),
            None => Ok(Self { lines }),
        }
    }
}

/// The bytes as text, where size and encoding allow to go on.
fn text_of(bytes: &[u8]) -> Result<&str, SyntaxError> {
    let start = Position { line: 1, column: 1 };
    if bytes.len() > MAXIMUM_BYTES {
        return Err(SyntaxError { position: start, problem: SyntaxProblem::TooLong(bytes.len()) });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = bytes.get(..error.valid_up_to()).unwrap_or_default();
        SyntaxError { position: position_after(&String::from_utf8_lossy(valid)), problem: SyntaxProblem::NotUtf8 }
    })?;
    if text.starts_with('\u{feff}') {
        return Err(SyntaxError { position: start, problem: SyntaxProblem::ByteOrderMark });
    }
    if let Some((before, _)) = text.split_once('\0') {
        return Err(SyntaxError { position: position_after(before), problem: SyntaxProblem::ZeroByte });
    }
    if text.split_inclusive('\n').nth(MAXIMUM_LINES).is_some() {
        return Err(SyntaxError { position: start, problem: SyntaxProblem::TooManyLines });
    }
    Ok(text)
}

/// The place of the character after this text.
fn position_after(text: &str) -> Position {
    let line = text.matches('\n').count();
    let column = text.rsplit('\n').next().map_or(0, |last| last.chars().count());
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
    Position { line: number(line), column: number(column) }
}

/// Lines of the file that are one line to the reader.
#[derive(Default)]
struct Logical {
    raw: String,
    text: String,
    /// Where in the file pieces of the text come from.
    pieces: Vec<(usize, Position)>,
}

impl Logical {
    /// Adds a line of the file; says whether it ends in a backslash.
    fn add(&mut self, raw: &str, trimmed: &str, number: u32) -> bool {
        self.raw.push_str(raw);
        let indent = raw.len() - raw.trim_start().len();
        let column = raw.get(..indent).map_or(0, |spaces| spaces.chars().count());
        let column = u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1);
        self.pieces.push((self.text.len(), Position { line: number, column }));
        let continued = trimmed.strip_suffix('\\');
        self.text.push_str(continued.unwrap_or(trimmed));
        continued.is_some()
    }

    /// The place of a byte of the text.
    fn position(&self, offset: usize) -> Position {
        let piece = self.pieces.iter().rev().find(|(start, _)| *start <= offset);
        let (start, place) = piece.copied().unwrap_or((0, Position { line: 1, column: 1 }));
        let characters = self.text.get(start..offset).map_or(0, |text| text.chars().count());
        Position { column: place.column.saturating_add(u32::try_from(characters).unwrap_or(u32::MAX)), ..place }
    }

    fn end(&self) -> Position {
        self.position(self.text.len())
    }

    fn finish(self, in_section: bool) -> Result<Line, SyntaxError> {
        let content = self.content(in_section)?;
        Ok(Line { raw: self.raw, content })
    }

    fn content(&self, in_section: bool) -> Result<Content, SyntaxError> {
        let position = self.position(0);
        let refuse = |problem| Err(SyntaxError { position, problem });
        // A continuation may have left spaces at the end.
        let text = self.text.trim_end();
        if text.is_empty() {
            return Ok(Content::Blank);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let name = rest.strip_suffix(']').unwrap_or_default();
            if name.is_empty() || name.contains(['[', ']']) || name.contains(char::is_control) {
                return refuse(SyntaxProblem::BadSection);
            }
            return Ok(Content::Section(Section { name: name.to_owned(), position }));
        }
        let Some((key, value)) = text.split_once('=') else { return refuse(SyntaxProblem::NotAnEntry) };
        let key = key.trim_end();
        if key.is_empty() || !key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-') {
            return refuse(SyntaxProblem::BadKey(key.chars().take(80).collect()));
        }
        if !in_section {
            return refuse(SyntaxProblem::NoSection);
        }
        let value = value.trim_start();
        let start = text.len() - value.len();
        let mut parts = vec![(0, self.position(start))];
        let later = self.pieces.iter().filter(|(offset, _)| *offset > start && *offset < text.len());
        parts.extend(later.map(|(offset, place)| (offset - start, *place)));
        Ok(Content::Entry(Entry { key: key.to_owned(), value: value.to_owned(), position, parts }))
    }
}

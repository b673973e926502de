//! Changing a unit file where it must change, and nowhere else.

use super::{Content, Line, SyntaxError, UnitFile};
use thiserror::Error;

/// Why a file cannot be changed in this way.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum EditError {
    /// A value that would become more than one line.
    #[error("the value of {key} has a line break; put the text into one line")]
    LineBreak {
        /// The key.
        key: String,
    },
    /// A value whose end would join the next line to it.
    #[error("the value of {key} ends in a backslash, which would join the next line to it; end it differently")]
    Backslash {
        /// The key.
        key: String,
    },
    /// The file that would result could not be read.
    #[error("the changed file could not be read at {0}")]
    Syntax(#[from] SyntaxError),
}

impl UnitFile {
    /// Gives a key one value: the entry that counts gets it, or a new one at the end of the section. Other lines stay as they are.
    ///
    /// # Errors
    /// See [`EditError`]; the file is unchanged then.
    pub fn set(&mut self, section: &str, key: &str, value: &str) -> Result<(), EditError> {
        let Some(index) = self.entry_indexes(section, key).pop() else { return self.add(section, key, value) };
        let Some(old) = self.lines.get(index) else { return Ok(()) };
        let written = written(key, value, old)?;
        self.change(|lines| {
            if let Some(line) = lines.get_mut(index) {
                *line = written;
            }
        })
    }

    /// Adds an entry: behind the last one with its key, or at the end of its section, which is made if there is none.
    ///
    /// # Errors
    /// See [`EditError`]; the file is unchanged then.
    pub fn add(&mut self, section: &str, key: &str, value: &str) -> Result<(), EditError> {
        let place = self.entry_indexes(section, key).pop().or_else(|| self.end_of(section));
        let ending = if self.lines.iter().any(|line| line.raw.ends_with("\r\n")) { "\r\n" } else { "\n" };
        let template = Line { raw: ending.to_owned(), content: Content::Blank };
        let entry = written(key, value, &template)?;
        self.change(|lines| {
            // The last line of a file may have no line break.
            if let Some(last) = lines.last_mut().filter(|last| !last.raw.ends_with('\n')) {
                last.raw.push_str(ending);
            }
            match place {
                Some(index) => lines.insert(index + 1, entry),
                None => {
                    if !lines.is_empty() {
                        lines.push(template);
                    }
                    lines.push(Line { raw: format!("[{section}]{ending}"), content: Content::Comment });
                    lines.push(entry);
                }
            }
        })
    }

    /// Takes all entries with a key out of a section; says how many there were.
    pub fn remove(&mut self, section: &str, key: &str) -> usize {
        let indexes = self.entry_indexes(section, key);
        let without = |lines: &mut Vec<Line>| indexes.iter().rev().for_each(|index| drop(lines.remove(*index)));
        // A file with entries less can be read if it could be before.
        if self.change(without).is_ok() { indexes.len() } else { 0 }
    }

    /// Changes the lines and reads them again, because positions move.
    fn change(&mut self, edit: impl FnOnce(&mut Vec<Line>)) -> Result<(), EditError> {
        let mut lines = self.lines.clone();
        edit(&mut lines);
        let text: String = lines.iter().map(|line| line.raw.as_str()).collect();
        *self = Self::parse(text.as_bytes())?;
        Ok(())
    }

    fn entry_indexes(&self, section: &str, key: &str) -> Vec<usize> {
        let mut current = "";
        let mut indexes = Vec::new();
        for (index, line) in self.lines.iter().enumerate() {
            match &line.content {
                Content::Section(header) => current = &header.name,
                Content::Entry(entry) if current == section && entry.key == key => indexes.push(index),
                _ => {}
            }
        }
        indexes
    }

    /// The last line of a section that says something, or its header.
    fn end_of(&self, section: &str) -> Option<usize> {
        let mut current = "";
        let mut end = None;
        for (index, line) in self.lines.iter().enumerate() {
            if let Content::Section(header) = &line.content {
                current = &header.name;
            }
            if current == section && matches!(line.content, Content::Section(_) | Content::Entry(_)) {
                end = Some(index);
            }
        }
        end
    }
}

/// An entry, with the line break of the line in whose place it comes.
fn written(key: &str, value: &str, old: &Line) -> Result<Line, EditError> {
    if value.contains(['\n', '\r']) {
        return Err(EditError::LineBreak { key: key.to_owned() });
    }
    if value.trim_end().ends_with('\\') {
        return Err(EditError::Backslash { key: key.to_owned() });
    }
    let body = old.raw.trim_end_matches(['\n', '\r']).len();
    let ending = old.raw.get(body..).unwrap_or("\n");
    Ok(Line { raw: format!("{key}={value}{ending}"), content: Content::Blank })
}

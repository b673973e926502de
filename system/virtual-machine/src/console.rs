//! Reading the log of the serial console while it grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest line kept, in bytes; the rest of it is dropped.
const MAXIMUM_LINE: usize = 4096;
/// Most bytes taken at once.
const MAXIMUM_READ: u64 = 1024 * 1024;

/// Follows a console log, line by line. What a guest writes is not trusted: lines are bounded and free of control characters.
#[derive(Debug)]
pub struct ConsoleReader {
    file: File,
    unfinished: Vec<u8>,
}

impl ConsoleReader {
    /// Reads from `offset`, in bytes.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub fn open(log: &Path, offset: u64) -> io::Result<Self> {
        let mut file = File::open(log)?;
        file.seek(SeekFrom::Start(offset))?;
        Ok(Self { file, unfinished: Vec::new() })
    }

    /// The lines that were completed since the last call.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn new_lines(&mut self) -> io::Result<Vec<String>> {
        let mut bytes = Vec::new();
        (&mut self.file).take(MAXIMUM_READ).read_to_end(&mut bytes)?;
        let mut lines = Vec::new();
        for byte in bytes {
            if byte == b'\n' {
                lines.push(plain_text(&self.unfinished));
                self.unfinished.clear();
            } else if self.unfinished.len() < MAXIMUM_LINE {
                self.unfinished.push(byte);
            }
        }
        Ok(lines)
    }

    /// The line that has begun and not ended: a prompt, for instance.
    #[must_use]
    pub fn unfinished_line(&self) -> String {
        plain_text(&self.unfinished)
    }
}

/// The last `count` lines of a log, without blank ones; nothing when it cannot be read.
#[must_use]
pub fn last_lines(log: &Path, count: usize) -> Vec<String> {
    let read_end = || -> io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(MAXIMUM_READ)))?;
        let mut bytes = Vec::new();
        file.take(MAXIMUM_READ).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read_end().unwrap_or_default();
    let lines = bytes.split(|byte| *byte == b'\n').map(|line| plain_text(&line[..line.len().min(MAXIMUM_LINE)]));
    let lines: Vec<String> = lines.filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// A line without terminal escape sequences (ECMA-48) and control characters.
#[must_use]
pub fn plain_text(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => match characters.next() {
                // A control sequence ends with a byte from @ to ~ (ECMA-48 §5.4).
                Some('[') => while characters.next().is_some_and(|next| !('@'..='~').contains(&next)) {},
                // A string ends with BEL or ESC \ (ECMA-48 §5.6): window titles, OSC 3008 of systemd.
                Some(']' | 'P' | '^' | '_' | 'X') => {
                    while let Some(next) = characters.next() {
                        if next == '\u{7}' || (next == '\u{1b}' && characters.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\t' => plain.push(' '),
            character if character.is_control() => {}
            character => plain.push(character),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{ConsoleReader, last_lines, plain_text};
    use proptest::prelude::{any, prop_assert, proptest};
    use std::io::Write;

    #[test]
    fn escape_sequences_disappear() {
        assert_eq!(
            plain_text(b"[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mapi.service\x1b[0m.\r"),
            "[  OK  ] Started api.service."
        );
        assert_eq!(plain_text(b"\x1b]3008;start=abc\x1b\\login:"), "login:");
        assert_eq!(plain_text(b"\x1b[2J\x1b[01;01HBdsDxe: loading"), "BdsDxe: loading");
    }

    #[test]
    fn lines_arrive_when_they_are_complete() {
        let mut log = tempfile::NamedTempFile::new().unwrap();
        let mut reader = ConsoleReader::open(log.path(), 0).unwrap();
        log.write_all(b"one\ntw").unwrap();
        assert_eq!(reader.new_lines().unwrap(), ["one"]);
        assert_eq!(reader.unfinished_line(), "tw");
        log.write_all(b"o\n\nlogin: ").unwrap();
        assert_eq!(reader.new_lines().unwrap(), ["two", ""]);
        assert_eq!(last_lines(log.path(), 2), ["two", "login: "]);
    }

    proptest! {
        #[test]
        fn no_line_can_control_a_terminal(line in proptest::collection::vec(any::<u8>(), 0..200)) {
            prop_assert!(plain_text(&line).chars().all(|character| !character.is_control()));
        }
    }
}

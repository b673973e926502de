//! Splitting values into words, with quotes and escapes.
//!
//! The rules are those of systemd's command lines and lists (systemd.syntax(7), section "Quoting"), with the peculiarities of Podman's generator:
//! where it would leave out a value or the rest of one without a word, this is an error here.

use thiserror::Error;

/// How words are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WordSyntax {
    /// Quotes are removed, C escapes (`\n`, `\x20`, …) are replaced: command lines, environment variables, labels.
    Escaped,
    /// Quotes are removed, a backslash is a character like others: lists of names.
    Plain,
}

/// A word of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word {
    /// The word without quotes and escapes.
    pub text: String,
    /// Where it begins in the value, in bytes.
    pub offset: usize,
}

/// What is wrong with a value that is a list of words. Each has the offset in bytes where it is.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum WordError {
    /// A backslash with something that is no escape.
    #[error(
        "\\{escape} is not an escape, and Podman would silently leave out the whole line; write \\\\ for a backslash"
    )]
    UnknownEscape {
        /// Place of the backslash.
        offset: usize,
        /// The character after it.
        escape: char,
    },
    /// A quote that is not closed.
    #[error("this quote is not closed; close it")]
    OpenQuote {
        /// Place of the quote.
        offset: usize,
    },
    /// A word of no characters.
    #[error("here is an empty word, and Podman would silently leave out the rest of the line; remove it")]
    EmptyWord {
        /// Place of the word.
        offset: usize,
    },
}

impl WordError {
    /// Where it is in the value, in bytes.
    #[must_use]
    pub fn offset(&self) -> usize {
        match self {
            Self::UnknownEscape { offset, .. } | Self::OpenQuote { offset } | Self::EmptyWord { offset } => *offset,
        }
    }
}

/// Splits a value at its unquoted spaces.
///
/// # Errors
/// The first thing that Podman would not read as it is written.
pub fn split(value: &str, syntax: WordSyntax) -> Result<Vec<Word>, WordError> {
    let mut words = Vec::new();
    let mut rest = Rest { text: value, offset: 0 };
    loop {
        while rest.peek().is_some_and(is_separator) {
            rest.next();
        }
        if rest.peek().is_none() {
            return Ok(words);
        }
        let offset = rest.offset;
        let text = word(&mut rest, syntax)?;
        if text.is_empty() {
            return Err(WordError::EmptyWord { offset });
        }
        words.push(Word { text, offset });
    }
}

fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n' | '\r')
}

struct Rest<'value> {
    text: &'value str,
    offset: usize,
}

impl Rest<'_> {
    fn peek(&self) -> Option<char> {
        self.text.get(self.offset..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let character = self.peek()?;
        self.offset += character.len_utf8();
        Some(character)
    }
}

fn word(rest: &mut Rest<'_>, syntax: WordSyntax) -> Result<String, WordError> {
    let mut text = String::new();
    let mut quote: Option<(char, usize)> = None;
    loop {
        let offset = rest.offset;
        if quote.is_none() && rest.peek().is_some_and(is_separator) {
            return Ok(text);
        }
        let Some(character) = rest.next() else {
            return quote.map_or(Ok(text), |(_, offset)| Err(WordError::OpenQuote { offset }));
        };
        match (character, quote) {
            ('\\', _) if syntax == WordSyntax::Escaped => text.push(escape(rest, offset)?),
            (_, Some((open, _))) if open == character => quote = None,
            ('"' | '\'', None) => quote = Some((character, offset)),
            _ => text.push(character),
        }
    }
}

/// The character that an escape stands for; the backslash has been read.
fn escape(rest: &mut Rest<'_>, offset: usize) -> Result<char, WordError> {
    let unknown = |escape| WordError::UnknownEscape { offset, escape };
    let Some(letter) = rest.next() else { return Err(unknown(' ')) };
    let character = match letter {
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        's' => ' ',
        '\\' | '"' | '\'' => letter,
        'x' => number(rest, 16, 2, 0).ok_or_else(|| unknown(letter))?,
        'u' => number(rest, 16, 4, 0).ok_or_else(|| unknown(letter))?,
        'U' => number(rest, 16, 8, 0).ok_or_else(|| unknown(letter))?,
        '0'..='3' => {
            let first = letter.to_digit(8).unwrap_or_default();
            number(rest, 8, 2, first).ok_or_else(|| unknown(letter))?
        }
        _ => return Err(unknown(letter)),
    };
    Ok(character)
}

/// A character by its number, of which the first digit may have been read; never the zero byte.
fn number(rest: &mut Rest<'_>, radix: u32, digits: u32, first: u32) -> Option<char> {
    let mut value = first;
    for _ in 0..digits {
        value = value.checked_mul(radix)?.checked_add(rest.next()?.to_digit(radix)?)?;
    }
    char::from_u32(value).filter(|character| *character != '\0')
}

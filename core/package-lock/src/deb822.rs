//! Paragraphs of `Name: value` lines (deb822(5)): Packages, Release, control and `.sources` files.
//!
//! Nothing is copied: names and values are slices of the text.

/// Longest paragraph read; the largest in Debian trixie is below 64 KiB.
pub const MAXIMUM_PARAGRAPH: usize = 4 * 1024 * 1024;
/// Most fields of one paragraph.
pub const MAXIMUM_FIELDS: usize = 512;

/// Why a text is not deb822.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Deb822Error {
    /// A line that is neither `Name: value` nor a continuation.
    #[error("line {line} is neither \"Name: value\" nor the continuation of a field: {text:?}")]
    Line {
        /// Line number from one.
        line: usize,
        /// The start of the line.
        text: String,
    },
    /// A field given twice in one paragraph.
    #[error("line {line} gives the field {field} a second time")]
    Repeated {
        /// Line number from one.
        line: usize,
        /// The field's name.
        field: String,
    },
    /// A paragraph above the limits.
    #[error(
        "the paragraph at line {line} is above the limit of {MAXIMUM_FIELDS} fields or {} MiB",
        MAXIMUM_PARAGRAPH >> 20
    )]
    TooLarge {
        /// Line number from one.
        line: usize,
    },
}

/// One paragraph.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paragraph<'a> {
    /// Line of its first field, from one.
    pub line: usize,
    fields: Vec<(&'a str, &'a str)>,
}

impl<'a> Paragraph<'a> {
    /// A field's value with surrounding white space removed; continuation lines keep their indentation. Names match without
    /// regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// All fields in the order written.
    #[must_use]
    pub fn fields(&self) -> &[(&'a str, &'a str)] {
        &self.fields
    }
}

/// The paragraphs of a text, one after the other. Comment lines (`#`) are passed over. After an error nothing more comes.
#[must_use]
pub fn paragraphs(text: &str) -> Paragraphs<'_> {
    Paragraphs { text, position: 0, line: 1 }
}

/// See [`paragraphs`].
#[derive(Clone, Debug)]
pub struct Paragraphs<'a> {
    text: &'a str,
    position: usize,
    line: usize,
}

impl<'a> Iterator for Paragraphs<'a> {
    type Item = Result<Paragraph<'a>, Deb822Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = self.paragraph().transpose();
        if matches!(result, Some(Err(_))) {
            self.position = self.text.len();
        }
        result
    }
}

impl<'a> Paragraphs<'a> {
    fn paragraph(&mut self) -> Result<Option<Paragraph<'a>>, Deb822Error> {
        // The value of the field being read reaches from `.1` to wherever its last line ends.
        let mut fields: Vec<(&'a str, usize, usize)> = Vec::new();
        let mut first_line = self.line;
        let start = self.position;
        while self.position < self.text.len() {
            let begin = self.position;
            let end = self.text[begin..].find('\n').map_or(self.text.len(), |length| begin + length);
            let (line, number) = (&self.text[begin..end], self.line);
            self.position = (end + 1).min(self.text.len());
            self.line += 1;
            if line.starts_with('#') {
                continue;
            }
            if line.trim_end().is_empty() {
                if fields.is_empty() {
                    continue;
                }
                break;
            }
            if fields.len() >= MAXIMUM_FIELDS || end - start > MAXIMUM_PARAGRAPH {
                return Err(Deb822Error::TooLarge { line: first_line });
            }
            if line.starts_with([' ', '\t']) {
                match fields.last_mut() {
                    Some(field) => field.2 = end,
                    None => return Err(broken_line(number, line)),
                }
                continue;
            }
            let Some((name, _)) = line.split_once(':').filter(|(name, _)| is_field_name(name)) else {
                return Err(broken_line(number, line));
            };
            if fields.iter().any(|(field, ..)| field.eq_ignore_ascii_case(name)) {
                return Err(Deb822Error::Repeated { line: number, field: name.to_owned() });
            }
            if fields.is_empty() {
                first_line = number;
            }
            fields.push((name, begin + name.len() + 1, end));
        }
        if fields.is_empty() {
            return Ok(None);
        }
        let fields = fields.into_iter().map(|(name, from, to)| (name, self.text[from..to].trim())).collect();
        Ok(Some(Paragraph { line: first_line, fields }))
    }
}

/// Printable ASCII without colon, not starting with `#` or `-` (deb822(5)).
fn is_field_name(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(['#', '-']) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

fn broken_line(line: usize, text: &str) -> Deb822Error {
    Deb822Error::Line { line, text: text.chars().take(80).collect() }
}

#[cfg(test)]
mod tests {
    use super::{Deb822Error, paragraphs};
    use proptest::prelude::{any, proptest};

    #[test]
    fn reads_fields_continuations_and_comments() {
        let text = "# head\n\n\nPackage: a\nDescription: short\n long\n .\n more\n\n\nPackage: b\n# note\nVersion:1\n";
        let all: Vec<_> = paragraphs(text).map(Result::unwrap).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(all[0].get("package"), Some("a"));
        assert_eq!(all[0].get("Description"), Some("short\n long\n .\n more"));
        assert_eq!((all[1].line, all[1].get("Version")), (11, Some("1")));
    }

    #[test]
    fn refuses_what_is_not_a_field() {
        let error = |text: &str| paragraphs(text).find_map(Result::err);
        assert_eq!(error("Package: a\nnonsense\n"), Some(Deb822Error::Line { line: 2, text: "nonsense".into() }));
        assert_eq!(error(" indented\n"), Some(Deb822Error::Line { line: 1, text: " indented".into() }));
        assert_eq!(error("A: 1\na: 2\n"), Some(Deb822Error::Repeated { line: 2, field: "a".into() }));
    }

    proptest! {
        #[test]
        fn any_text_ends_without_panic(text in any::<String>()) {
            assert!(paragraphs(&text).count() <= text.len() + 1);
        }
    }
}

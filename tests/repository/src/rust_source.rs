//! Rust source as text, without what only tests see.

/// The numbered lines of a source file that are neither comments nor part of a `#[cfg(test)]` item.
///
/// Relies on rustfmt: the item ends at a closing brace, or a semicolon, that is as deep as its attribute.
#[must_use]
pub fn product_lines(source: &str) -> Vec<(usize, &str)> {
    let mut lines = Vec::new();
    let mut test_item: Option<&str> = None;
    for (index, line) in source.lines().enumerate() {
        let trimmed = line.trim_start();
        let indentation = &line[..line.len() - trimmed.len()];
        if let Some(depth) = test_item {
            let ends = trimmed == "}" || trimmed.ends_with(';') || trimmed.ends_with("{}");
            if ends && indentation == depth {
                test_item = None;
            }
        } else if trimmed.starts_with("#[cfg(test)]") || trimmed.starts_with("#[cfg(all(test") {
            test_item = Some(indentation);
        } else if !trimmed.starts_with("//") {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// Whether a word, which may contain `::`, stands in a line as a word of its own.
#[must_use]
pub fn has_word(line: &str, word: &str) -> bool {
    let part_of_word = |character: char| character.is_alphanumeric() || character == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        !before.is_some_and(part_of_word) && !after.is_some_and(part_of_word)
    })
}

#[cfg(test)]
mod tests {
    use super::{has_word, product_lines};

    #[test]
    fn tests_and_comments_are_left_out() {
        let source = "use a;\n// no\n#[cfg(test)]\nuse b;\n#[cfg(test)]\nmod tests {\n    use c;\n}\nfn d() {}\n";
        assert_eq!(product_lines(source), [(1, "use a;"), (9, "fn d() {}")]);
    }

    #[test]
    fn parts_of_words_are_no_words() {
        assert!(has_word("let a = Instant::now();", "Instant"));
        assert!(!has_word("let a = Instantiation;", "Instant"));
        assert!(!has_word("use std::fstab;", "std::fs"));
        assert!(has_word("use std::fs::File;", "std::fs"));
    }
}

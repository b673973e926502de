//! What the rules need to know of Markdown: links, headings, code.

/// A document's lines outside fenced code, numbered from 1.
#[must_use]
pub fn prose(text: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            lines.push((index + 1, line));
        }
    }
    lines
}

/// The fenced blocks in a language, each with the number of its first line. An empty language means any.
#[must_use]
pub fn code_blocks(text: &str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(named)) => open = Some((index + 2, named, String::new())),
            (Some((_, _, block)), None) => {
                block.push_str(line);
                block.push('\n');
            }
            (Some(_), Some(_)) => {
                let closed = open.take().filter(|(_, named, _)| language.is_empty() || *named == language);
                blocks.extend(closed.map(|(number, _, block)| (number, block)));
            }
            (None, None) => {}
        }
    }
    blocks
}

/// The targets of the links in a line: `[text](target)`.
#[must_use]
pub fn links(line: &str) -> Vec<&str> {
    let line_without_code = |start: usize| line[..start].matches('`').count().is_multiple_of(2);
    line.match_indices("](")
        .filter(|(start, _)| line_without_code(*start))
        .filter_map(|(start, opening)| line[start + opening.len()..].split_once(')'))
        .map(|(target, _)| target)
        .collect()
}

/// What stands between single backticks in a line.
#[must_use]
pub fn code_spans(line: &str) -> Vec<&str> {
    line.split('`').skip(1).step_by(2).collect()
}

/// The names by which a document's headings can be linked to, as code hosts make them.
#[must_use]
pub fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).into_iter().filter_map(|(_, line)| {
        let title = line.trim_start_matches('#');
        (title.len() < line.len() && title.starts_with(' ')).then_some(title.trim())
    });
    headings.map(anchor).collect()
}

fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter_map(|character| match character {
            ' ' => Some('-'),
            '-' | '_' => Some(character),
            other => other.is_alphanumeric().then_some(other),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::{anchors, code_blocks, code_spans, links};

    #[test]
    fn links_in_code_are_no_links() {
        assert_eq!(links("see [a](b.md#c) and `x[0](y)`, then [d](e)"), ["b.md#c", "e"]);
    }

    #[test]
    fn headings_give_anchors() {
        assert_eq!(anchors("# `/etc`, and more\n```\n# no\n```\n## One two"), ["etc-and-more", "one-two"]);
    }

    #[test]
    fn code_is_found() {
        assert_eq!(code_spans("a `b/c` d `e`"), ["b/c", "e"]);
        let text = "x\n```sh\none\ntwo\n```\nthree\n```yaml\na: b\n```\n";
        assert_eq!(code_blocks(text, ""), [(3, "one\ntwo\n".to_owned()), (8, "a: b\n".to_owned())]);
        assert_eq!(code_blocks(text, "yaml"), [(8, "a: b\n".to_owned())]);
    }
}

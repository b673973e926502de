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

/// The lines of the first fenced block.
#[must_use]
pub fn first_code(text: &str) -> Vec<&str> {
    let is_fence = |line: &&str| line.starts_with("```");
    text.lines().skip_while(|line| !is_fence(line)).skip(1).take_while(|line| !is_fence(line)).collect()
}

/// The targets of the links in a line: `[text](target)`.
#[must_use]
pub fn links(line: &str) -> Vec<&str> {
    let line_without_code = |start: usize| line[..start].matches('`').count() % 2 == 0;
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
    use super::{anchors, code_spans, first_code, links};

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
        assert_eq!(first_code("x\n```sh\none\ntwo\n```\nthree"), ["one", "two"]);
    }
}

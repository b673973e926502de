//! Patterns of file names in delegations (section 4.5 of the specification).

/// Whether a file's name fits a pattern: part by part between slashes, `*` for any characters and `?` for one, none of them a slash.
#[must_use]
pub fn matches(pattern: &str, path: &str) -> bool {
    let (patterns, parts) = (pattern.split('/'), path.split('/'));
    patterns.clone().count() == parts.clone().count()
        && patterns.zip(parts).all(|(pattern, part)| part_matches(pattern.as_bytes(), part.as_bytes()))
}

/// In time proportional to the product of both lengths at most: only the last star can be retried.
fn part_matches(pattern: &[u8], part: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < part.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at + 1, position));
                at += 1;
            }
            Some(wanted) if *wanted == b'?' || *wanted == part[position] => {
                at += 1;
                position += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                at = after;
                position = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == b'*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stays_within_its_part() {
        assert!(matches("stable/releases/*/*/release.json", "stable/releases/1.4.0/x86-64/release.json"));
        assert!(!matches("stable/*", "stable/a/b"));
        assert!(!matches("*", "a/b"));
        assert!(matches("*", "abc"));
        assert!(matches("a*b*c", "a-b-b-c"));
        assert!(!matches("a*b*c", "a-c-b"));
        assert!(matches("?.json", "é.json") || matches("??.json", "é.json"));
        assert!(matches("", ""));
        assert!(!matches("a", ""));
        assert!(matches("**", ""));
    }
}

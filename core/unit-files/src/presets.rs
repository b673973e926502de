//! Preset rules (systemd.preset(5)): which units are enabled when nobody says otherwise.

use globset::{GlobBuilder, GlobMatcher};

/// What a rule says of the units it matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Enable it; templates with these instances.
    Enable(Vec<String>),
    /// Disable it.
    Disable,
    /// Leave it as it is.
    Ignore,
}

/// One line of a preset file.
#[derive(Clone, Debug)]
pub struct Rule {
    pattern: GlobMatcher,
    verdict: Verdict,
}

/// Why a preset file is not understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("line {line} of the preset {text:?} is not \"enable PATTERN\", \"disable PATTERN\" or \"ignore PATTERN\"")]
pub struct PresetError {
    /// Number of the line, from one.
    pub line: usize,
    /// The line.
    pub text: String,
}

/// Reads a preset file.
///
/// # Errors
/// The first line that is not understood.
pub fn parse(text: &str) -> Result<Vec<Rule>, PresetError> {
    let mut rules = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let error = || PresetError { line, text: text.to_owned() };
        let mut words = text.split_whitespace();
        let (Some(word), Some(pattern)) = (words.next(), words.next()) else { return Err(error()) };
        let pattern = GlobBuilder::new(pattern).build().map_err(|_| error())?.compile_matcher();
        let verdict = match word {
            "enable" => Verdict::Enable(words.map(str::to_owned).collect()),
            "disable" if words.next().is_none() => Verdict::Disable,
            "ignore" if words.next().is_none() => Verdict::Ignore,
            _ => return Err(error()),
        };
        rules.push(Rule { pattern, verdict });
    }
    Ok(rules)
}

/// What the first rule that matches says of a unit; nothing when none does.
#[must_use]
pub fn verdict<'a>(rules: &'a [Rule], unit: &str) -> Option<&'a Verdict> {
    rules.iter().find(|rule| rule.pattern.is_match(unit)).map(|rule| &rule.verdict)
}

#[cfg(test)]
mod tests {
    use super::{Verdict, parse, verdict};

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = parse("# policy\nenable web*.service\ndisable *\n").unwrap();
        assert_eq!(verdict(&rules, "website.service"), Some(&Verdict::Enable(Vec::new())));
        assert_eq!(verdict(&rules, "other.service"), Some(&Verdict::Disable));
        assert_eq!(verdict(&parse("enable a.service").unwrap(), "b.service"), None);
    }

    #[test]
    fn templates_carry_their_instances() {
        let rules = parse("enable getty@.service tty1 tty2").unwrap();
        let instances = vec!["tty1".to_owned(), "tty2".to_owned()];
        assert_eq!(verdict(&rules, "getty@.service"), Some(&Verdict::Enable(instances)));
    }

    #[test]
    fn a_bad_line_is_named() {
        assert_eq!(parse("enable a.service\nstart b.service").unwrap_err().line, 2);
        assert!(parse("disable a.service now").is_err());
        assert!(parse("enable [").is_err());
    }
}

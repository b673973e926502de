//! What can be wrong with a recipe, each problem with its place and what to do about it.

use std::fmt::{self, Write as _};

use crate::origin::Origin;

/// Everything found wrong with a recipe, in the order of layers and lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RecipeError {
    problems: Vec<Problem>,
    /// How many more there were than are kept.
    dropped: usize,
}

impl RecipeError {
    /// The problems, at most 100.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl fmt::Display for RecipeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        if self.dropped > 0 {
            write!(f, "\nand {} more problems", self.dropped)?;
        }
        Ok(())
    }
}

/// One thing that is wrong, printed as `file:line:column: what; what next`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problem {
    /// Where; absent for a problem of the command line.
    pub origin: Option<Origin>,
    /// What.
    pub kind: ProblemKind,
}

impl Problem {
    /// A message is cut after this many characters.
    const LONGEST: usize = 2000;
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(origin) = &self.origin {
            write!(f, "{origin}: ")?;
        }
        // What a layer says must neither move the cursor of a terminal nor fill the screen.
        let message = self.kind.to_string();
        for c in message.chars().take(Self::LONGEST) {
            match c {
                _ if c.is_control() => write!(f, "{}", c.escape_default())?,
                // Marks that change the direction of writing can make a line read as another one.
                '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    write!(f, "{}", c.escape_default())?;
                }
                _ => f.write_char(c)?,
            }
        }
        if message.chars().nth(Self::LONGEST).is_some() {
            f.write_str("…")?;
        }
        Ok(())
    }
}

/// The kinds of problems.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProblemKind {
    /// The layer could not be read; the reason is the caller's.
    #[error("layer `{layer}` cannot be read: {reason}")]
    Unreadable {
        /// The layer.
        layer: String,
        /// What the [`crate::LayerSource`] said.
        reason: String,
    },
    /// A path of a layer on the command line or in `extends` is malformed.
    #[error("`{path}` is no path of a layer: {reason}")]
    BadLayerPath {
        /// The path as written.
        path: String,
        /// Why.
        reason: String,
    },
    /// Layers extend each other in a circle.
    #[error("layers extend each other in a circle: {}; remove one of these `extends`", chain.join(" -> "))]
    ExtendsCycle {
        /// The layers of the circle, the first one again at the end.
        chain: Vec<String>,
    },
    /// One of the fixed limits of the language is exceeded.
    #[error("{what} is over the limit of {limit}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit, with its unit.
        limit: String,
    },
    /// The text is not YAML.
    #[error("not valid YAML: {reason}")]
    Syntax {
        /// What the parser said.
        reason: String,
    },
    /// Valid YAML, but not of the kind that a recipe is written in.
    #[error("{0}")]
    Unsupported(String),
    /// A key that does not exist here.
    #[error("unknown key `{key}` in {place}{}", suggest(nearest.as_deref(), known))]
    UnknownKey {
        /// The key as written.
        key: String,
        /// The map it was written in.
        place: String,
        /// The most similar key that does exist.
        nearest: Option<String>,
        /// Every key that exists here.
        known: Vec<String>,
    },
    /// A key is written twice in one map.
    #[error("key `{key}` is written twice in one map, first at {first}; keep one of them")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it was written first.
        first: Origin,
    },
    /// Two items of one layer have the same key.
    #[error("{what} `{key}` is written twice in this layer, first at {first}; keep one of them")]
    DuplicateItem {
        /// The key of the items, such as `path`.
        what: String,
        /// Its value.
        key: String,
        /// Where it was written first.
        first: Origin,
    },
    /// A map where a list is expected, and so on.
    #[error("{place} must be {expected}, but {found} is written here")]
    WrongKind {
        /// The value's place in the recipe, such as `packages.include`.
        place: String,
        /// What belongs there.
        expected: String,
        /// What is there.
        found: &'static str,
    },
    /// A value of the right kind that breaks a rule of its type.
    #[error("`{value}` in {place}: {reason}")]
    BadValue {
        /// The value's place in the recipe.
        place: String,
        /// The value as written, shortened when long.
        value: String,
        /// Which rule it breaks, and what to write.
        reason: String,
    },
    /// A required key is not there.
    #[error("{place} needs the key `{key}`{hint}")]
    Missing {
        /// The map that lacks it.
        place: String,
        /// The key.
        key: String,
        /// The beginning of its description.
        hint: String,
    },
    /// Exactly one of several keys must be there.
    #[error("{place} needs exactly one of the keys {}, but has {found}", quoted(keys))]
    NotExactlyOne {
        /// The map.
        place: String,
        /// The keys that exclude each other.
        keys: Vec<String>,
        /// Which of them are there.
        found: String,
    },
    /// A tag other than `!remove` and `!replace`, or one of them where it has no meaning.
    #[error("{0}")]
    BadTag(String),
    /// `!remove` of something that no earlier layer has.
    #[error("there is no `{what}` in {place} to remove: no earlier layer has it; delete this line or correct it{}", suggest(nearest.as_deref(), &[]))]
    NothingToRemove {
        /// The list or map.
        place: String,
        /// What was to be removed.
        what: String,
        /// The most similar one that is there.
        nearest: Option<String>,
    },
    /// Two values exclude each other.
    #[error("{what} {other}; {advice}")]
    Contradiction {
        /// What is said here, up to "but ... by".
        what: String,
        /// Where the opposite is said.
        other: Origin,
        /// What to do.
        advice: String,
    },
}

fn suggest(nearest: Option<&str>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None if known.is_empty() => String::new(),
        None => format!("; known keys: {}", known.join(", ")),
    }
}

fn quoted(keys: &[String]) -> String {
    let quoted: Vec<String> = keys.iter().map(|key| format!("`{key}`")).collect();
    quoted.join(", ")
}

/// The most similar of `candidates`, when it is similar enough to be a likely slip of the finger.
pub(crate) fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // A third of the letters, and at least one, may differ; long texts are not worth comparing, and
    // comparing takes time by the product of the lengths.
    if written.len() > 64 {
        return None;
    }
    let allowed = (written.chars().count() / 3).max(1);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(written.len()) <= allowed * 4)
        .map(|candidate| (strsim::damerau_levenshtein(written, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}

/// Collects problems so that several are reported together.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    found: Vec<Problem>,
    dropped: usize,
}

impl Problems {
    const LIMIT: usize = 100;

    pub(crate) fn add(&mut self, origin: &Origin, kind: ProblemKind) {
        self.push(Some(origin.clone()), kind);
    }

    pub(crate) fn push(&mut self, origin: Option<Origin>, kind: ProblemKind) {
        if self.found.len() < Self::LIMIT {
            self.found.push(Problem { origin, kind });
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// The value, unless anything was found wrong.
    pub(crate) fn settle<T>(self, value: Option<T>) -> Result<T, RecipeError> {
        match value {
            Some(value) if self.found.is_empty() => Ok(value),
            _ => Err(RecipeError { problems: self.found, dropped: self.dropped }),
        }
    }

    /// Whether further problems are only counted, so that details need not be worked out.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= Self::LIMIT
    }
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_key_is_suggested_only_when_it_is_near() {
        let known = ["packages", "files", "units", "kernel"];
        assert_eq!(nearest("pakages", known).as_deref(), Some("packages"));
        assert_eq!(nearest("unit", known).as_deref(), Some("units"));
        assert_eq!(nearest("bootloader", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }
}

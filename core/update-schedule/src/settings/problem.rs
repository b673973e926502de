//! What is wrong with settings.

use std::fmt;

use thiserror::Error;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file; nothing if the settings as a whole are wrong.
    pub file: Option<String>,
    /// The line in it, counted from 1; nothing if the file as a whole is wrong.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// Everything that is wrong, at least one thing.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the settings of updates are not usable:{}", listed(.problems))]
pub struct SettingsError {
    /// The problems, in the order of files and lines.
    pub problems: Vec<Problem>,
}

fn listed(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(f, "{file}:{line}: {}", self.problem),
            (Some(file), None) => write!(f, "{file}: {}", self.problem),
            (None, _) => f.write_str(&self.problem),
        }
    }
}

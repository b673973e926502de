//! What differs between two versions of an app.

use similar::TextDiff;
use std::collections::{BTreeMap, BTreeSet};

/// Lines around a change that are shown.
const CONTEXT: usize = 3;

/// A file that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileDifference {
    /// The name of the file.
    pub file: String,
    /// What happened to it.
    pub change: Change,
    /// The difference in the unified format (POSIX diff, "Diff -u Output Format"), as `patch` reads it.
    pub text: String,
}

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Only the new version has it.
    Added,
    /// Only the old version has it.
    Removed,
    /// Both have it, with different contents.
    Changed,
}

/// The files that differ, by name. Both versions are names and texts; files of units are bounded
/// ([`crate::unit_file::MAXIMUM_LINES`]), and so is the time that this takes.
#[must_use]
pub fn difference(old: &BTreeMap<String, String>, new: &BTreeMap<String, String>) -> Vec<FileDifference> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut differences = Vec::new();
    for file in names {
        let (before, after) = (old.get(file), new.get(file));
        let change = match (before, after) {
            (Some(before), Some(after)) if before == after => continue,
            (Some(_), Some(_)) => Change::Changed,
            (None, _) => Change::Added,
            (_, None) => Change::Removed,
        };
        let name = |side: Option<&String>, prefix| side.map_or("/dev/null".to_owned(), |_| format!("{prefix}/{file}"));
        let (before_name, after_name) = (name(before, "a"), name(after, "b"));
        let text = |side: Option<&'_ String>| side.map_or(String::new(), String::clone);
        let (before, after) = (text(before), text(after));
        let lines = TextDiff::from_lines(&before, &after);
        let text = lines.unified_diff().context_radius(CONTEXT).header(&before_name, &after_name).to_string();
        differences.push(FileDifference { file: file.clone(), change, text });
    }
    differences
}

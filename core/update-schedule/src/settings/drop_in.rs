//! Files that settings are written in.

use std::collections::BTreeMap;
use std::fmt;

use crate::settings::problem::{Problem, SettingsError};
use crate::settings::written::Written;
use crate::settings::{MAXIMUM_FILE, MAXIMUM_FILES};

/// A directory of drop-ins, the weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Directory {
    /// `/usr/lib/piccolo/updates.d`: what the image brings.
    Image,
    /// `/etc/piccolo/updates.d`: what the operator writes.
    Operator,
    /// `/run/piccolo/updates.d`: what holds until the next restart.
    Runtime,
}

impl Directory {
    /// All of them, the weakest first.
    pub const ALL: [Self; 3] = [Self::Image, Self::Operator, Self::Runtime];

    /// Its path.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Image => "/usr/lib/piccolo/updates.d",
            Self::Operator => "/etc/piccolo/updates.d",
            Self::Runtime => "/run/piccolo/updates.d",
        }
    }
}

/// A file as it lies in a directory. Whoever reads directories hands in every file there, whatever its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DropIn {
    /// Where it lies.
    pub directory: Directory,
    /// Its name, such as `50-windows.toml`.
    pub name: String,
    /// Its content. A reader need not pass more than one byte over [`MAXIMUM_FILE`].
    pub content: Vec<u8>,
}

impl fmt::Display for DropIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |c: char| if c.is_control() { '?' } else { c };
        write!(f, "{}/{}", self.directory.path(), self.name.chars().take(128).map(shown).collect::<String>())
    }
}

/// What the files say that count, in the order of their names.
pub(super) fn written(files: &[DropIn]) -> Result<Vec<Written>, SettingsError> {
    if files.len() > MAXIMUM_FILES {
        let problem = format!("there are {} files of settings, more than {MAXIMUM_FILES}; remove some", files.len());
        return Err(SettingsError { problems: vec![Problem { file: None, line: None, problem }] });
    }
    let mut sorted: Vec<&DropIn> = files.iter().collect();
    sorted.sort_by_key(|file| (file.directory, &file.name));
    let mut problems: Vec<Problem> = sorted.iter().filter_map(|file| wrong_name(file)).collect();
    // A stronger directory comes later and replaces what a weaker one has under the same name.
    let counting: BTreeMap<&str, &DropIn> = sorted.into_iter().map(|file| (file.name.as_str(), file)).collect();
    let mut written = Vec::new();
    for file in counting.into_values().filter(|file| wrong_name(file).is_none()) {
        match read(file) {
            Ok(read) => written.push(read),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(written) } else { Err(SettingsError { problems }) }
}

/// A file that is passed over because of its name is a setting that somebody believes in.
fn wrong_name(file: &DropIn) -> Option<Problem> {
    let name = &file.name;
    let stem = name.strip_suffix(".toml");
    if stem.is_some_and(|stem| !stem.is_empty() && !stem.starts_with('.')) {
        return None;
    }
    let stem = name.trim_start_matches('.').split('.').next().unwrap_or_default();
    let better = if stem.is_empty() {
        "50-mine".to_owned()
    } else {
        stem.chars().filter(|c| !c.is_control()).take(64).collect()
    };
    let problem =
        format!("files of settings are named *.toml; rename it to {better}.toml, or take it out of this directory");
    Some(Problem { file: Some(file.to_string()), line: None, problem })
}

fn read(file: &DropIn) -> Result<Written, Vec<Problem>> {
    let whole = |problem: String| vec![Problem { file: Some(file.to_string()), line: None, problem }];
    if file.content.len() > MAXIMUM_FILE {
        return Err(whole(format!("it is larger than {} KiB", MAXIMUM_FILE >> 10)));
    }
    let text = std::str::from_utf8(&file.content).map_err(|_not_text| whole("it is not UTF-8 text".to_owned()))?;
    Written::read(&file.to_string(), text)
}

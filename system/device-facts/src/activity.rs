//! Who is logged in and which jobs ask not to be interrupted, as systemd-logind writes it below `/run/systemd`.

use std::collections::BTreeSet;

use crate::files::Files;
use crate::{FactsError, FactsSource, Reading};

/// Sessions and inhibitors looked at.
const MAXIMUM_ENTRIES: usize = 1024;

/// What a restart would interrupt. Names are sorted, each once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// Names of users with a session of their own.
    pub sessions: Vec<String>,
    /// Who holds a lock against shutting down (`systemd-inhibit --what=shutdown --mode=block`), and why.
    pub jobs: Vec<String>,
}

impl FactsSource {
    /// What a restart would interrupt at present.
    pub fn activity(&self) -> Reading<Activity> {
        let mut problems = Vec::new();
        let sessions = records(&self.files, "run/systemd/sessions", &mut problems);
        let inhibitors = records(&self.files, "run/systemd/inhibit", &mut problems);
        let facts = Activity {
            sessions: names(sessions.iter().filter_map(|text| session(text))),
            jobs: names(inhibitors.iter().filter_map(|text| job(text))),
        };
        Reading { facts, problems }
    }
}

fn records(files: &Files, directory: &str, problems: &mut Vec<FactsError>) -> Vec<String> {
    let mut found = files.names(directory, MAXIMUM_ENTRIES, problems);
    // `.ref` files hold a session open, and say nothing.
    found.retain(|name| !name.contains('.'));
    found.iter().filter_map(|name| files.text(format!("{directory}/{name}"), problems)).collect()
}

fn names(found: impl Iterator<Item = String>) -> Vec<String> {
    found.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The user of a session that a person has.
fn session(text: &str) -> Option<String> {
    let is_user = value(text, "CLASS").is_some_and(|class| class == "user" || class == "user-early");
    let is_open = value(text, "STATE").is_none_or(|state| state != "closing");
    if is_user && is_open { value(text, "USER").map(str::to_owned) } else { None }
}

/// Who blocks a shutdown.
fn job(text: &str) -> Option<String> {
    let blocks = value(text, "MODE").is_some_and(|mode| mode == "block");
    let shutdown = value(text, "WHAT").is_some_and(|what| what.split(':').any(|what| what == "shutdown"));
    if blocks && shutdown { Some(unescaped(value(text, "WHO")?)) } else { None }
}

fn value<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
}

/// logind writes what is not plain as C escapes; a space is the one that names have.
fn unescaped(text: &str) -> String {
    text.replace("\\x20", " ").replace("\\s", " ")
}

#[cfg(test)]
mod tests {
    use super::{job, session};

    #[test]
    fn people_count_and_services_do_not() {
        let text = "UID=1000\nUSER=alice\nACTIVE=1\nSTATE=active\nTYPE=tty\nCLASS=user\n";
        assert_eq!(session(text).as_deref(), Some("alice"));
        assert_eq!(session(&text.replace("CLASS=user", "CLASS=manager")), None);
        assert_eq!(session(&text.replace("STATE=active", "STATE=closing")), None);
        assert_eq!(session(""), None);
    }

    #[test]
    fn only_those_who_block_a_shutdown_are_waited_for() {
        let text = "WHAT=shutdown:sleep\nMODE=block\nWHO=nightly backup\nWHY=writes to the attic\n";
        assert_eq!(job(text).as_deref(), Some("nightly backup"));
        assert_eq!(job(&text.replace("block", "delay")), None);
        assert_eq!(job(&text.replace("shutdown:sleep", "sleep")), None);
    }
}

//! Who is logged in and which jobs ask not to be interrupted, as systemd-logind writes it below `/run/systemd`.

use std::collections::BTreeSet;

use crate::files::Files;
use crate::{FactsError, FactsSource, Reading};

/// Sessions and inhibitors looked at.
const MAXIMUM_ENTRIES: usize = 1024;
/// Classes of sessions that people have (sd_session_get_class(3)).
const PEOPLE: [&str; 4] = ["user", "user-early", "user-light", "user-early-light"];

/// What a restart would interrupt.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// Sessions that people have.
    pub sessions: Vec<Session>,
    /// Who holds a lock against shutting down (`systemd-inhibit --what=shutdown`, in the modes `block` and `block-weak`); sorted, each once.
    pub jobs: Vec<String>,
}

/// Somebody who is logged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The user's name.
    pub user: String,
    /// The user's number.
    pub user_id: Option<u32>,
    /// The terminal's name below `/dev`; nothing where systemd-logind knows none, as for most people who came over the network.
    pub terminal: Option<String>,
}

impl Activity {
    /// Names of those who are logged in, sorted, each once.
    #[must_use]
    pub fn users(&self) -> Vec<String> {
        names(self.sessions.iter().map(|session| session.user.clone()))
    }
}

impl FactsSource {
    /// What a restart would interrupt at present.
    pub fn activity(&self) -> Reading<Activity> {
        let mut problems = Vec::new();
        let sessions = records(&self.files, "run/systemd/sessions", &mut problems);
        let inhibitors = records(&self.files, "run/systemd/inhibit", &mut problems);
        let facts = Activity {
            sessions: sessions.iter().filter_map(|text| session(text)).collect(),
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

/// A session that a person has.
fn session(text: &str) -> Option<Session> {
    let is_user = value(text, "CLASS").is_some_and(|class| PEOPLE.contains(&class));
    let is_open = value(text, "STATE").is_none_or(|state| state != "closing");
    if !is_user || !is_open {
        return None;
    }
    let terminal = value(text, "TTY").filter(|terminal| !terminal.is_empty());
    Some(Session {
        user: value(text, "USER")?.to_owned(),
        user_id: value(text, "UID").and_then(|id| id.parse().ok()),
        terminal: terminal.map(unescaped),
    })
}

/// Who blocks a shutdown.
fn job(text: &str) -> Option<String> {
    let blocks = value(text, "MODE").is_some_and(|mode| mode == "block" || mode == "block-weak");
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
        let alice = session(text).unwrap();
        assert_eq!((alice.user.as_str(), alice.user_id, alice.terminal), ("alice", Some(1000), None));
        let terminal = session(&format!("{text}TTY=pts/3\n")).unwrap().terminal;
        assert_eq!(terminal.as_deref(), Some("pts/3"));
        assert_eq!(session(&text.replace("CLASS=user", "CLASS=manager")), None);
        assert_eq!(session(&text.replace("STATE=active", "STATE=closing")), None);
        assert_eq!(session(""), None);
    }

    #[test]
    fn only_those_who_block_a_shutdown_are_waited_for() {
        let text = "WHAT=shutdown:sleep\nMODE=block\nWHO=nightly backup\nWHY=writes to the attic\n";
        assert_eq!(job(text).as_deref(), Some("nightly backup"));
        assert!(job(&text.replace("block", "block-weak")).is_some());
        assert_eq!(job(&text.replace("block", "delay")), None);
        assert_eq!(job(&text.replace("shutdown:sleep", "sleep")), None);
    }
}

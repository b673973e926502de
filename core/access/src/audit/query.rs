//! Finding entries of the log.

use jiff::Timestamp;

use super::Entry;
use crate::name::UserName;

/// Entries of one answer.
pub const PAGE_LIMIT: usize = 500;

/// Which entries are wanted, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    /// Not before this time.
    pub since: Option<Timestamp>,
    /// Before this time.
    pub until: Option<Timestamp>,
    /// Done by this user, however recognised.
    pub actor: Option<UserName>,
    /// With this [`crate::audit::Action::kind`].
    pub action: Option<String>,
    /// Only entries with smaller numbers: the next page.
    pub before: Option<u64>,
    /// How many at most; never more than [`PAGE_LIMIT`].
    pub limit: Option<usize>,
}

impl Query {
    /// Whether an entry is wanted.
    #[must_use]
    pub fn wants(&self, entry: &Entry) -> bool {
        self.since.is_none_or(|since| entry.at >= since)
            && self.until.is_none_or(|until| entry.at < until)
            && self.actor.as_ref().is_none_or(|actor| entry.draft.actor.user() == Some(actor))
            && self.action.as_ref().is_none_or(|action| entry.draft.action.kind() == action)
            && self.before.is_none_or(|before| entry.number < before)
    }

    /// How many entries are given at most.
    #[must_use]
    pub fn page(&self) -> usize {
        self.limit.unwrap_or(PAGE_LIMIT).min(PAGE_LIMIT)
    }

    /// The wanted ones of a part, newest first, at most `room`.
    #[must_use]
    pub fn select(&self, entries: Vec<Entry>, room: usize) -> Vec<Entry> {
        entries.into_iter().rev().filter(|entry| self.wants(entry)).take(room).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Query;
    use crate::audit::{Action, Actor, Draft, Entry, Outcome};
    use crate::name::UserName;
    use jiff::{SignedDuration, Timestamp};

    const NOON: Timestamp = Timestamp::constant(1_795_262_400, 0);

    fn entry(number: u64, user: &str, action: Action) -> Entry {
        let actor = Actor::User { user: UserName::new(user).unwrap() };
        let at = NOON + SignedDuration::from_mins(number as i64);
        Entry { number, at, draft: Draft { actor, address: None, action, outcome: Outcome::Done } }
    }

    #[test]
    fn entries_are_found_by_time_actor_and_action_newest_first() {
        let entries = || {
            vec![
                entry(1, "alice", Action::Started),
                entry(2, "bob", Action::TokenFailed),
                entry(3, "alice", Action::TokenFailed),
                entry(4, "alice", Action::Started),
            ]
        };
        let numbers =
            |query: Query| query.select(entries(), query.page()).iter().map(|entry| entry.number).collect::<Vec<_>>();
        assert_eq!(numbers(Query::default()), [4, 3, 2, 1]);
        assert_eq!(numbers(Query { actor: UserName::new("alice").ok(), ..Query::default() }), [4, 3, 1]);
        assert_eq!(numbers(Query { action: Some("token-failed".to_owned()), ..Query::default() }), [3, 2]);
        let minute = |minutes| Some(NOON + SignedDuration::from_mins(minutes));
        assert_eq!(numbers(Query { since: minute(2), until: minute(4), ..Query::default() }), [3, 2]);
        assert_eq!(numbers(Query { before: Some(4), limit: Some(2), ..Query::default() }), [3, 2]);
        assert_eq!(Query { limit: Some(1 << 40), ..Query::default() }.page(), super::PAGE_LIMIT);
    }
}

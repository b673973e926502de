//! What waits while the record of updates cannot be kept, because the data partition is full for instance. Nothing is done that is not written
//! down before, so events wait in their order, and requests are refused with the reason.

use std::collections::VecDeque;
use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use device_api::updates::{UpdateFailure, Updates};
use jiff::Timestamp;
use update_engine::event::Event;
use update_store::StoreError;

/// How often keeping the record is tried again.
const TRY_EVERY: Duration = Duration::from_secs(10);

/// Events that could not be taken, and why.
#[derive(Debug, Default)]
pub struct Backlog {
    events: VecDeque<Event>,
    trouble: Option<Trouble>,
}

/// Why the record cannot be kept.
#[derive(Debug)]
struct Trouble {
    reason: String,
    at: Timestamp,
    times: u32,
    try_again: Instant,
}

impl Backlog {
    /// The record could not be kept. Gives the reason, and whether it is the first time in a row.
    pub fn trouble(&mut self, failure: &StoreError, now: Timestamp) -> (String, bool) {
        let times = self.trouble.as_ref().map_or(0, |trouble| trouble.times).saturating_add(1);
        let reason = reason(failure);
        self.trouble = Some(Trouble { reason: reason.clone(), at: now, times, try_again: Instant::now() + TRY_EVERY });
        (reason, times == 1)
    }

    /// An event waits. The same event twice says nothing more, and how far a download is, is not news any more by then.
    pub fn push(&mut self, event: Event) {
        if !matches!(event, Event::Progressed { .. } | Event::Timer) && !self.events.contains(&event) {
            self.events.push_back(event);
        }
    }

    /// The event that has waited longest. It comes back to its place with [`Self::put_back`].
    pub fn pop(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The event must wait on.
    pub fn put_back(&mut self, event: Event) {
        self.events.push_front(event);
    }

    /// The record was kept again. Answers whether that is news.
    pub fn over(&mut self) -> bool {
        self.trouble.take().is_some()
    }

    /// Why the record cannot be kept.
    pub fn reason(&self) -> Option<&str> {
        self.trouble.as_ref().map(|trouble| trouble.reason.as_str())
    }

    /// How long to wait before the record is tried again, if it could not be kept; nothing if it could.
    pub fn wait(&self) -> Option<Duration> {
        self.trouble.as_ref().map(|trouble| trouble.try_again.saturating_duration_since(Instant::now()))
    }

    /// Shows the trouble: it stands in the way of everything else.
    pub fn show(&self, updates: &mut Updates) {
        let Some(Trouble { reason, at, times, .. }) = &self.trouble else { return };
        updates.message = format!("Updates stand still: {reason}.");
        updates.failure = Some(UpdateFailure { reason: reason.clone(), at: at.to_string(), times: *times });
    }
}

fn reason(failure: &StoreError) -> String {
    let what_to_do = match failure.source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room on the data partition (/var)",
        io::ErrorKind::ReadOnlyFilesystem => {
            "; the data partition (/var) is read-only, which the kernel's log explains"
        }
        _ => "",
    };
    let source = failure.source().map(ToString::to_string).unwrap_or_default();
    format!("the record of updates cannot be kept: {failure}: {source}{what_to_do}")
}

#[cfg(test)]
mod tests {
    use std::io;

    use jiff::Timestamp;
    use update_engine::event::{Event, Permission};
    use update_engine::record::Progress;
    use update_store::StoreError;

    use super::Backlog;

    #[test]
    fn events_wait_in_their_order_and_what_is_no_news_does_not() {
        let mut backlog = Backlog::default();
        let full = StoreError { action: "writing", path: "/r".into(), source: io::ErrorKind::StorageFull.into() };
        assert!(backlog.wait().is_none());
        let (reason, first) = backlog.trouble(&full, Timestamp::UNIX_EPOCH);
        assert!(first && reason.contains("writing /r did not work") && reason.contains("make room"), "{reason}");
        assert!(!backlog.trouble(&full, Timestamp::UNIX_EPOCH).1);
        let progressed = Event::Progressed { operation: 1, progress: Progress::default() };
        let scheduled = Event::Scheduled(Permission::Now);
        for event in [Event::Blessed, progressed, Event::Blessed, scheduled.clone(), Event::Timer] {
            backlog.push(event);
        }
        assert!(backlog.wait().is_some());
        assert_eq!(backlog.pop(), Some(Event::Blessed));
        backlog.put_back(Event::Blessed);
        assert_eq!([backlog.pop(), backlog.pop(), backlog.pop()], [Some(Event::Blessed), Some(scheduled), None]);
        assert!(backlog.over() && !backlog.over());
    }
}

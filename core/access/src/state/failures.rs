//! How many failures the log lists: it has an end, and who fails often must not push everything else out of it.

use jiff::{SignedDuration, Timestamp};

use crate::audit::{Action, Actor, Draft, Outcome};

/// Failures that are listed one by one within [`WINDOW`].
pub const LISTED: u32 = 20;
/// The time after which failures are listed again.
pub const WINDOW: SignedDuration = SignedDuration::from_hours(1);

#[derive(Debug, Clone, Default)]
pub struct Failures {
    window: Option<Timestamp>,
    listed: u32,
    not_listed: u64,
}

impl Failures {
    /// What to write for a failure: it, or nothing, and before it how many were left out.
    pub fn list(&mut self, draft: Draft, now: Timestamp) -> Vec<Draft> {
        let mut drafts: Vec<Draft> = self.timer(now).collect();
        self.window.get_or_insert(now);
        if self.listed < LISTED {
            self.listed += 1;
            drafts.push(draft);
        } else {
            self.not_listed = self.not_listed.saturating_add(1);
        }
        drafts
    }

    /// Ends a window that is over.
    pub fn timer(&mut self, now: Timestamp) -> impl Iterator<Item = Draft> + use<> {
        // Over as well when the clock was set back.
        let over = self.window.is_some_and(|begin| now.duration_since(begin).abs() >= WINDOW);
        let ended = if over { core::mem::take(self) } else { Self::default() };
        let action = Action::NotListed { failures: ended.not_listed };
        let draft = Draft { actor: Actor::Device, address: None, action, outcome: Outcome::Done };
        (ended.not_listed > 0).then_some(draft).into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::{Failures, LISTED, WINDOW};
    use crate::audit::{Action, Actor, Draft, Outcome};
    use jiff::{SignedDuration, Timestamp};

    #[test]
    fn a_flood_of_failures_is_counted_and_not_listed() {
        let noon = Timestamp::constant(1_795_262_400, 0);
        let draft =
            Draft { actor: Actor::Nobody, address: None, action: Action::TokenFailed, outcome: Outcome::Refused };
        let mut failures = Failures::default();
        let listed: usize = (0..1000).map(|_| failures.list(draft.clone(), noon).len()).sum();
        assert_eq!(listed, LISTED as usize);
        assert_eq!(failures.timer(noon + WINDOW - SignedDuration::from_secs(1)).count(), 0);
        let later = failures.list(draft.clone(), noon + WINDOW);
        assert_eq!(later[0].action, Action::NotListed { failures: 1000 - u64::from(LISTED) });
        assert_eq!(later[1], draft);
    }
}

//! The reboot lock over its life: asked for before a restart, held over it, given back after the next healthy boot.
//!
//! An answer that got lost may have been yes, so the [`Claim`] is on the disk before the first request goes out and until the lock manager has confirmed that
//! the place is free again. Both operations may be repeated, so asking once more never does harm.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::backoff;
use crate::decision::Lock;
use crate::fleet_lock::{LockAddress, LockGroup, Operation, Outcome};
use crate::settings::RebootLock;

/// The largest claim that is read, in bytes: an address, a group and a time.
pub const MAXIMUM_BYTES: usize = 8192;

/// A place that this device has, or may have, at a lock manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The lock manager.
    pub url: LockAddress,
    /// The device's group there.
    pub group: LockGroup,
    /// When it was first asked for.
    pub since: Timestamp,
}

impl Claim {
    /// Reads what [`Claim::to_json`] wrote; nothing if it is anything else, or names what could not have been set.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text.get(..text.len().min(MAXIMUM_BYTES + 1))?).ok()
    }

    /// As it is kept on the disk.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("invariant: a claim is three texts")
    }
}

/// A request to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errand {
    /// What is asked.
    pub operation: Operation,
    /// Whom.
    pub url: LockAddress,
    /// The device's group there.
    pub group: LockGroup,
}

/// A request that did not lead to a yes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// What was asked.
    pub operation: Operation,
    /// Why not, for people.
    pub problem: String,
    /// When to ask again.
    pub ask_again_at: Timestamp,
    /// How many times in a row.
    pub times: u32,
}

/// Where the lock stands. Only the claim outlives the program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockLedger {
    claim: Option<Claim>,
    granted: bool,
    under_way: Option<Operation>,
    refused: Option<Refused>,
}

impl LockLedger {
    /// At the start of the program, with the claim that was kept.
    #[must_use]
    pub fn new(claim: Option<Claim>) -> Self {
        Self { claim, granted: false, under_way: None, refused: None }
    }

    /// To be kept on the disk before an [`Errand`] goes out, and whenever it changes.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// The request whose answer has not come yet.
    #[must_use]
    pub fn under_way(&self) -> Option<Operation> {
        self.under_way
    }

    /// The last request, if it did not lead to a yes.
    #[must_use]
    pub fn refused(&self) -> Option<&Refused> {
        self.refused.as_ref()
    }

    /// What is known of the lock that the settings want. A claim of an earlier run does not count as held: whoever runs the lock manager may have freed the place.
    #[must_use]
    pub fn lock(&self, wanted: &RebootLock) -> Lock {
        if self.under_way.is_some() {
            return Lock::Asking { manager: wanted.url.as_str().to_owned() };
        }
        if self.granted && self.is_for(wanted) {
            return Lock::Held;
        }
        match &self.refused {
            Some(refused) if self.is_for(wanted) || refused.operation == Operation::SteadyState => {
                Lock::Refused { problem: refused.problem.clone(), ask_again_at: refused.ask_again_at }
            }
            _ => Lock::NotAsked,
        }
    }

    /// Asks for leave to restart. A place at another lock manager, from before the settings changed, is given back first. Nothing while an answer is
    /// awaited.
    pub fn ask(&mut self, wanted: &RebootLock, now: Timestamp) -> Option<Errand> {
        if self.under_way.is_some() {
            return None;
        }
        if self.claim.is_some() && !self.is_for(wanted) {
            return self.give_back(now);
        }
        let claim = self.claim.get_or_insert_with(|| Claim {
            url: wanted.url.clone(),
            group: wanted.group.clone(),
            since: now,
        });
        let errand = Errand { operation: Operation::PreReboot, url: claim.url.clone(), group: claim.group.clone() };
        self.granted = false;
        self.under_way = Some(Operation::PreReboot);
        Some(errand)
    }

    /// Gives the place back, if there may be one: to be called as long as no restart is ahead. Nothing while an answer is awaited, and before it is time to
    /// try again.
    pub fn give_back(&mut self, now: Timestamp) -> Option<Errand> {
        if self.under_way.is_some() || self.try_again_at().is_some_and(|at| at > now) {
            return None;
        }
        let claim = self.claim.as_ref()?;
        self.under_way = Some(Operation::SteadyState);
        Some(Errand { operation: Operation::SteadyState, url: claim.url.clone(), group: claim.group.clone() })
    }

    /// When giving back is tried again.
    #[must_use]
    pub fn try_again_at(&self) -> Option<Timestamp> {
        let refused = self.refused.as_ref().filter(|refused| refused.operation == Operation::SteadyState)?;
        Some(refused.ask_again_at)
    }

    /// Takes the answer to the request under way, or why there was none. `random` is any 64 random bits, for the time until the next try.
    pub fn answered(&mut self, answer: Result<Outcome, String>, now: Timestamp, random: u64) {
        let Some(operation) = self.under_way.take() else { return };
        let problem = match answer {
            Ok(Outcome::Granted) => {
                self.refused = None;
                self.granted = operation == Operation::PreReboot;
                if operation == Operation::SteadyState {
                    self.claim = None;
                }
                return;
            }
            Ok(Outcome::Refused(said)) => format!("{} ({})", said.value, said.kind),
            Err(problem) => problem,
        };
        let before = self.refused.as_ref().filter(|refused| refused.operation == operation);
        let times = before.map_or(0, |refused| refused.times).saturating_add(1);
        let ask_again_at = now.checked_add(backoff::wait(times, random)).unwrap_or(Timestamp::MAX);
        self.refused = Some(Refused { operation, problem, ask_again_at, times });
    }

    fn is_for(&self, wanted: &RebootLock) -> bool {
        self.claim.as_ref().is_some_and(|claim| claim.url == wanted.url && claim.group == wanted.group)
    }
}

#[cfg(test)]
mod tests {
    use super::{Claim, LockLedger};
    use crate::decision::Lock;
    use crate::fleet_lock::{ErrorBody, LockAddress, Operation, Outcome};
    use crate::settings::RebootLock;
    use jiff::{SignedDuration, Timestamp};

    fn wanted(url: &str) -> RebootLock {
        RebootLock { url: LockAddress::new(url).unwrap(), group: Default::default() }
    }

    fn no() -> Result<Outcome, String> {
        let [kind, value] = ["failed_lock_semaphore_full", "all slots are taken"].map(str::to_owned);
        Ok(Outcome::Refused(ErrorBody { kind, value }))
    }

    fn now() -> Timestamp {
        "2026-11-21T12:00:00Z".parse().unwrap()
    }

    fn in_an_hour() -> Timestamp {
        now() + SignedDuration::from_hours(1)
    }

    #[test]
    fn the_lock_is_held_over_a_restart_and_given_back_until_the_manager_confirms() {
        let lock = wanted("https://hub.example.org");
        let mut ledger = LockLedger::new(None);
        assert_eq!(ledger.lock(&lock), Lock::NotAsked);
        assert_eq!(ledger.ask(&lock, now()).unwrap().operation, Operation::PreReboot);
        assert!(ledger.claim().is_some(), "kept before the request goes out");
        assert!(matches!(ledger.lock(&lock), Lock::Asking { .. }));
        assert!(ledger.ask(&lock, now()).is_none() && ledger.give_back(now()).is_none(), "one request at a time");
        ledger.answered(Ok(Outcome::Granted), now(), 0);
        assert_eq!(ledger.lock(&lock), Lock::Held);

        let kept = ledger.claim().unwrap().to_json();
        let mut ledger = LockLedger::new(Claim::parse(&kept));
        assert_eq!(ledger.lock(&lock), Lock::NotAsked, "an earlier run's claim is asked for again");
        assert_eq!(ledger.give_back(now()).unwrap().operation, Operation::SteadyState);
        ledger.answered(Err("no answer".to_owned()), now(), 0);
        assert!(ledger.claim().is_some() && ledger.give_back(now()).is_none(), "later");
        assert!(ledger.give_back(in_an_hour()).is_some());
        ledger.answered(Ok(Outcome::Granted), in_an_hour(), 0);
        assert!(ledger.claim().is_none() && ledger.give_back(in_an_hour()).is_none());
    }

    #[test]
    fn a_refusal_and_a_lost_answer_leave_a_claim_that_can_be_given_back() {
        let lock = wanted("https://hub.example.org");
        let mut ledger = LockLedger::new(None);
        for (answer, times) in [(no(), 1), (Err("no answer".to_owned()), 2), (no(), 3)] {
            ledger.ask(&lock, now()).unwrap();
            ledger.answered(answer, now(), 0);
            assert_eq!(ledger.refused().unwrap().times, times);
            let Lock::Refused { ask_again_at, .. } = ledger.lock(&lock) else { panic!("refused") };
            assert!(ask_again_at > now());
        }
        assert!(ledger.lock(&lock) != Lock::Held);
        // The update was cancelled: who was refused need not wait to give back.
        assert!(ledger.give_back(now()).is_some());
    }

    #[test]
    fn a_place_at_another_manager_is_given_back_first() {
        let [old, new] = ["https://old.example.org", "https://new.example.org"].map(wanted);
        let mut ledger = LockLedger::new(None);
        ledger.ask(&old, now()).unwrap();
        ledger.answered(Ok(Outcome::Granted), now(), 0);
        assert_eq!(ledger.lock(&new), Lock::NotAsked);
        let first = ledger.ask(&new, now()).unwrap();
        assert_eq!((first.operation, &first.url), (Operation::SteadyState, &old.url));
        ledger.answered(no(), now(), 0);
        assert!(matches!(ledger.lock(&new), Lock::Refused { .. }), "the reason is said");
        ledger.ask(&new, in_an_hour()).unwrap();
        ledger.answered(Ok(Outcome::Granted), in_an_hour(), 0);
        assert_eq!(ledger.ask(&new, in_an_hour()).unwrap().url, new.url);
    }

    #[test]
    fn an_answer_that_nobody_waits_for_changes_nothing() {
        let mut ledger = LockLedger::new(None);
        ledger.answered(Ok(Outcome::Granted), now(), 0);
        assert_eq!(ledger, LockLedger::new(None));
    }
}

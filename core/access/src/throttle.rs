//! How often somebody may try, and for how long not.
//!
//! Three rules keep an attacker from turning this against the owner. Only what was tried wrongly counts, and a valid session, token or certificate is never
//! held up. Every wait ends, also when the clock is set. And a browser in which somebody has logged in before has a count of its own, so that whoever locks an
//! account from elsewhere does not lock it there (OWASP, "Slow Down Online Guessing Attacks with Device Cookies").

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

/// The most that is remembered of one kind.
pub const COUNTS_KEPT: usize = 1024;

/// How failures become waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The first failure, counted from 1, after which one has to wait.
    pub waits_from: u32,
    /// The wait after that failure; each further one doubles it.
    pub first_wait: SignedDuration,
    /// The longest wait.
    pub longest_wait: SignedDuration,
    /// After so long without a failure all is forgotten.
    pub forget_after: SignedDuration,
}

/// Of one network, for passwords, pairing codes and invitations.
pub const NETWORK: Limit = Limit {
    waits_from: 5,
    first_wait: SignedDuration::from_secs(30),
    longest_wait: SignedDuration::from_mins(15),
    forget_after: SignedDuration::from_hours(24),
};

/// Of one network, for API tokens: a program with an old token asks again and again, and means no harm.
pub const NETWORK_TOKENS: Limit = Limit {
    waits_from: 20,
    first_wait: SignedDuration::from_secs(10),
    longest_wait: SignedDuration::from_mins(1),
    forget_after: SignedDuration::from_hours(1),
};

/// Of one account, from all browsers together in which its user never logged in.
pub const ACCOUNT: Limit = Limit {
    waits_from: 10,
    first_wait: SignedDuration::from_secs(15),
    longest_wait: SignedDuration::from_mins(5),
    forget_after: SignedDuration::from_hours(24),
};

/// Of one browser in which the user has logged in before.
pub const BROWSER: Limit = Limit {
    waits_from: 10,
    first_wait: SignedDuration::from_secs(15),
    longest_wait: SignedDuration::from_mins(5),
    forget_after: SignedDuration::from_hours(24),
};

/// Failures of many, at most [`COUNTS_KEPT`] of them.
#[derive(Debug, Clone)]
pub struct Throttle<K> {
    limit: Limit,
    counts: BTreeMap<K, Count>,
    /// Of all for whom there was no room, because everybody remembered has to wait.
    others: Option<Count>,
}

#[derive(Debug, Clone, Copy)]
struct Count {
    failures: u32,
    last: Timestamp,
}

impl<K: Ord + Clone> Throttle<K> {
    /// Nobody has failed.
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self { limit, counts: BTreeMap::new(), others: None }
    }

    /// How long this one has to wait; nothing if it may try.
    #[must_use]
    pub fn wait(&self, key: &K, now: Timestamp) -> Option<SignedDuration> {
        let count = match self.counts.get(key) {
            Some(count) => Some(count),
            // While there is room, a stranger is not taken for those who found none.
            None if self.counts.len() < COUNTS_KEPT => None,
            None => self.others.as_ref(),
        };
        count.and_then(|count| count.wait(&self.limit, now))
    }

    /// Notes a failure. Says whether this one has to wait from now on.
    pub fn fail(&mut self, key: &K, now: Timestamp) -> Option<SignedDuration> {
        let limit = self.limit;
        self.make_room_for(key, now);
        let count = if self.counts.len() < COUNTS_KEPT || self.counts.contains_key(key) {
            self.counts.entry(key.clone()).or_insert(Count { failures: 0, last: now })
        } else {
            self.others.get_or_insert(Count { failures: 0, last: now })
        };
        if count.is_forgotten(&limit, now) {
            count.failures = 0;
        }
        count.failures = count.failures.saturating_add(1);
        count.last = now;
        count.wait(&limit, now)
    }

    /// Takes a failure back: it was none.
    pub fn take_back(&mut self, key: &K) {
        if let Some(count) = self.counts.get_mut(key) {
            count.failures = count.failures.saturating_sub(1);
        }
    }

    /// Forgets the failures of one who succeeded.
    pub fn succeed(&mut self, key: &K) {
        self.counts.remove(key);
    }

    /// How many are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether nobody has failed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Forgets who is forgotten anyway, then the one who failed longest ago and need not wait.
    fn make_room_for(&mut self, key: &K, now: Timestamp) {
        if self.counts.len() < COUNTS_KEPT || self.counts.contains_key(key) {
            return;
        }
        let limit = self.limit;
        self.counts.retain(|_, count| !count.is_forgotten(&limit, now));
        if self.counts.len() >= COUNTS_KEPT {
            let free = self.counts.iter().filter(|(_, count)| count.wait(&limit, now).is_none());
            if let Some(oldest) = free.min_by_key(|(_, count)| count.last).map(|(key, _)| key.clone()) {
                self.counts.remove(&oldest);
            }
        }
    }
}

impl Count {
    fn wait(&self, limit: &Limit, now: Timestamp) -> Option<SignedDuration> {
        let beyond = self.failures.checked_sub(limit.waits_from)?;
        let doubled = limit.first_wait.checked_mul(1 << beyond.min(20)).unwrap_or(limit.longest_wait);
        let wait = doubled.min(limit.longest_wait);
        let passed = now.duration_since(self.last);
        // A clock that was set back would make the wait longer; who has waited in the future has waited.
        let left = wait.checked_sub(passed).filter(|_| !passed.is_negative())?;
        (left > SignedDuration::ZERO).then_some(left)
    }

    fn is_forgotten(&self, limit: &Limit, now: Timestamp) -> bool {
        now.duration_since(self.last) >= limit.forget_after
    }
}

#[cfg(test)]
mod tests {
    use super::{ACCOUNT, COUNTS_KEPT, Limit, NETWORK, Throttle};
    use jiff::{SignedDuration, Timestamp};
    use proptest::collection::vec;
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    const NOON: Timestamp = Timestamp::constant(1_795_262_400, 0);

    fn waits(limit: Limit, failures: u32) -> Option<SignedDuration> {
        let mut throttle = Throttle::new(limit);
        (0..failures).map(|_| throttle.fail(&"a", NOON)).last().flatten()
    }

    #[test]
    fn waits_double_up_to_a_limit() {
        let expected = [None, Some(30), Some(60), Some(120)].map(|seconds| seconds.map(SignedDuration::from_secs));
        assert_eq!([4, 5, 6, 7].map(|failures| waits(NETWORK, failures)), expected);
        assert_eq!(waits(NETWORK, 100_000), Some(NETWORK.longest_wait));
        assert_eq!(waits(ACCOUNT, 9), None);
    }

    #[test]
    fn many_strangers_do_not_take_memory_and_do_not_free_those_who_wait() {
        let mut throttle = Throttle::new(NETWORK);
        for _ in 0..5 {
            throttle.fail(&0_u32, NOON);
        }
        for stranger in 1..5000 {
            throttle.fail(&stranger, NOON + SignedDuration::from_secs(1));
        }
        assert_eq!(throttle.len(), COUNTS_KEPT);
        assert!(throttle.wait(&0, NOON + SignedDuration::from_secs(2)).is_some());
    }

    #[test]
    fn when_everybody_remembered_waits_all_others_share_one_count() {
        let mut throttle = Throttle::new(NETWORK);
        for stranger in 0..COUNTS_KEPT as u32 {
            (0..5).for_each(|_| {
                throttle.fail(&stranger, NOON);
            });
        }
        for stranger in 10_000..10_005 {
            throttle.fail(&stranger, NOON);
        }
        assert_eq!(throttle.len(), COUNTS_KEPT);
        assert!(throttle.wait(&20_000, NOON).is_some());
        assert!(throttle.wait(&20_000, NOON + NETWORK.longest_wait).is_none());
    }

    #[test]
    fn a_clock_that_is_set_back_ends_a_wait() {
        let mut throttle = Throttle::new(NETWORK);
        for _ in 0..9 {
            throttle.fail(&0, NOON);
        }
        assert!(throttle.wait(&0, NOON - SignedDuration::from_hours(10_000)).is_none());
    }

    proptest! {
        #[test]
        fn every_wait_ends_and_memory_is_bounded(events in vec((0_u16..3000, 0_i64..100_000, any::<bool>()), 0..3000)) {
            let mut throttle = Throttle::new(NETWORK);
            let mut now = NOON;
            for (key, seconds, fails) in events {
                now += SignedDuration::from_secs(seconds % 50);
                if fails {
                    throttle.fail(&key, now);
                } else {
                    throttle.succeed(&key);
                }
                prop_assert!(throttle.len() <= COUNTS_KEPT);
                prop_assert!(throttle.wait(&key, now).is_none_or(|wait| wait <= NETWORK.longest_wait));
                prop_assert_eq!(throttle.wait(&key, now + NETWORK.longest_wait), None);
            }
        }
    }
}

//! Fedora CoreOS's update policy: which releases lead to which, and whom a rollout has reached.

use jiff::Timestamp;
use release_metadata::share::Share;
use release_metadata::updates::{ReleaseEntry, Rollout};

/// What the policy must know of a release. Releases are numbered by age, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Devices are led to it, as far as its rollout has come.
    pub rolled_out: bool,
    /// Updates from older to newer releases go through it.
    pub barrier: bool,
    /// No update leads away from it.
    pub dead_end: bool,
}

impl Facts {
    /// What a stream's document says of a release. A withdrawn release is neither rolled out nor a barrier.
    #[must_use]
    pub fn of(release: &ReleaseEntry) -> Self {
        let offered = release.withdrawn.is_none();
        Self {
            rolled_out: offered && release.rollout.is_some(),
            barrier: offered && release.barrier.is_some(),
            dead_end: release.dead_end.is_some(),
        }
    }

    /// Whether updates lead here at all: to a release that is rolled out, and to a barrier.
    #[must_use]
    pub fn is_target(self) -> bool {
        self.rolled_out || self.barrier
    }
}

/// The releases that updates from one of them lead to, rollouts not counted: every later target up to and including the next barrier.
/// None from a dead end, and none from a number that is no release.
pub fn targets(releases: &[Facts], from: usize) -> impl Iterator<Item = usize> {
    let open = releases.get(from).is_some_and(|facts| !facts.dead_end);
    let later = releases.iter().enumerate().skip(from.saturating_add(1)).filter(move |_| open);
    let mut passed_barrier = false;
    let reachable = later.take_while(move |(_, facts)| !std::mem::replace(&mut passed_barrier, facts.barrier));
    // The barrier itself is still taken; what comes after it is not.
    reachable.filter(|(_, facts)| facts.is_target()).map(|(index, _)| index)
}

/// The share of the fleet that a rollout has reached. Whole seconds count, as in Fedora CoreOS's policy engine, and in the same order of
/// floating-point operations, so that both say the same about a device at the edge.
#[must_use]
pub fn share_at(rollout: &Rollout, time: Timestamp) -> f64 {
    let (start, now) = (rollout.start.as_second(), time.as_second());
    let initial = rollout.initial_share.get();
    if now < start {
        return 0.0;
    }
    let Some(minutes) = rollout.duration_minutes else { return initial };
    let length = i64::from(minutes.max(1)) * 60;
    let elapsed = now.saturating_sub(start);
    if elapsed > length {
        return 1.0;
    }
    let rate = (1.0 - initial) / length as f64;
    initial + rate * elapsed as f64
}

/// Whether a rollout has reached a device. (One with wariness 0 is always reached, even before the start: that is Fedora CoreOS's rule for
/// canaries.)
#[must_use]
pub fn has_reached(rollout: &Rollout, wariness: Share, time: Timestamp) -> bool {
    wariness.get() <= share_at(rollout, time)
}

/// The first whole second at which a rollout reaches a device; nothing if it stays below the device's wariness, or if that
/// is after the end of the calendar.
#[must_use]
pub fn reached_from(rollout: &Rollout, wariness: Share) -> Option<Timestamp> {
    let start = rollout.start.as_second();
    let initial = rollout.initial_share.get();
    let reached =
        |second: i64| Timestamp::from_second(second).ok().filter(|time| has_reached(rollout, wariness, *time));
    if wariness.get() <= initial {
        return reached(start);
    }
    let length = i64::from(rollout.duration_minutes?.max(1)) * 60;
    let estimate = ((wariness.get() - initial) / (1.0 - initial) * length as f64).floor() as i64;
    // The estimate is off by less than a second, and rounding of the share may move the answer by one more; the second after the end is certain.
    (estimate - 1..=estimate + 2)
        .chain([length + 1])
        .filter(|elapsed| *elapsed >= 0)
        .find_map(|elapsed| reached(start.saturating_add(elapsed)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
    use release_metadata::share::Share;
    use release_metadata::updates::Rollout;

    use super::{Facts, has_reached, reached_from, share_at, targets};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rollout(start: i64, initial: f64, minutes: Option<u32>) -> Rollout {
        Rollout { start: at(start), initial_share: Share::new(initial).unwrap(), duration_minutes: minutes }
    }

    #[test]
    fn a_rollout_grows_evenly_from_its_initial_share() {
        let two_days = rollout(1_591_279_200, 0.0, Some(2880));
        for (second, share) in [
            (1_591_279_199, 0.0),
            (1_591_279_200, 0.0),
            (1_591_279_200 + 43_200, 0.25),
            (1_591_279_200 + 86_400, 0.5),
            (1_591_279_200 + 172_801, 1.0),
        ] {
            assert!((share_at(&two_days, at(second)) - share).abs() < 1e-9, "{second}");
        }
        assert!((share_at(&rollout(0, 0.5, Some(10)), at(300)) - 0.75).abs() < 1e-9);
    }

    #[test]
    fn a_rollout_without_duration_stays_where_it_is() {
        let paused = rollout(100, 0.3, None);
        assert!((share_at(&paused, at(99))).abs() < 1e-9);
        assert!((share_at(&paused, at(1_000_000_000)) - 0.3).abs() < 1e-9);
        assert_eq!(reached_from(&paused, Share::new(0.30001).unwrap()), None);
        assert_eq!(reached_from(&paused, Share::new(0.3).unwrap()), Some(at(100)));
        assert_eq!(reached_from(&rollout(100, 1.0, None), Share::ALL), Some(at(100)));
    }

    #[test]
    fn a_canary_is_reached_before_the_start() {
        assert!(has_reached(&rollout(100, 0.0, Some(10)), Share::NONE, at(1)));
    }

    fn facts() -> impl Strategy<Value = Vec<Facts>> {
        let one = (any::<bool>(), any::<bool>(), any::<bool>(), 0..4u8);
        proptest::collection::vec(
            one.prop_map(|(rolled_out, barrier, dead_end, rare)| Facts {
                rolled_out,
                barrier: barrier && rare == 0,
                dead_end: dead_end && rare == 1,
            }),
            0..14,
        )
    }

    /// The edges as Fedora CoreOS's documentation describes them, said the other way round: for each target, its sources.
    fn edges_by_target(releases: &[Facts]) -> Vec<(usize, usize)> {
        let mut edges = Vec::new();
        for (target, facts) in releases.iter().enumerate() {
            if !facts.rolled_out && !facts.barrier {
                continue;
            }
            let previous_barrier = releases[..target].iter().rposition(|facts| facts.barrier).unwrap_or(0);
            edges.extend((previous_barrier..target).filter(|source| !releases[*source].dead_end).map(|s| (s, target)));
        }
        edges.sort_unstable();
        edges
    }

    proptest! {
        #[test]
        fn targets_are_those_whose_sources_reach_back_to_the_previous_barrier(releases in facts()) {
            let mut edges = Vec::new();
            for from in 0..releases.len() {
                edges.extend(targets(&releases, from).map(|target| (from, target)));
            }
            prop_assert_eq!(edges, edges_by_target(&releases));
        }

        #[test]
        fn a_device_is_reached_from_the_second_that_is_announced(
            start in 0..2_000_000_000i64, initial in 0.0..=1.0f64, minutes in any::<Option<u16>>(), wariness in 0.000_001..=1.0f64,
        ) {
            let rollout = rollout(start, initial, minutes.map(|minutes| u32::from(minutes) + 1));
            let wariness = Share::new(wariness).unwrap();
            match reached_from(&rollout, wariness) {
                Some(time) => {
                    prop_assert!(has_reached(&rollout, wariness, time));
                    prop_assert!(!has_reached(&rollout, wariness, at(time.as_second() - 1)));
                }
                None => prop_assert!(!has_reached(&rollout, wariness, at(start + 1_000_000_000))),
            }
        }

        #[test]
        fn the_share_of_a_rollout_never_shrinks(start in 0..1000i64, initial in 0.0..=1.0f64, minutes in any::<Option<u8>>(), a in 0..20_000i64, b in 0..20_000i64) {
            let rollout = rollout(start, initial, minutes.map(u32::from));
            // At the very end the sum may be a rounding error below or above the 1 that follows.
            prop_assert!(share_at(&rollout, at(a.min(b))) <= share_at(&rollout, at(a.max(b))) + 1e-9);
        }
    }
}

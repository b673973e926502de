//! When to ask again after a refusal.

use jiff::SignedDuration;

/// First wait, in seconds.
const FIRST: i64 = 60;
/// Longest wait before it is spread, in seconds.
const LONGEST: i64 = 1800;

/// How long to wait after this many refusals in a row: one minute, two, four … up to half an hour, each a quarter shorter or longer by chance, so that devices that
/// were refused together do not come back together. `random` is any 64 random bits.
#[must_use]
pub fn wait(refusals: u32, random: u64) -> SignedDuration {
    let doublings = refusals.saturating_sub(1).min(16);
    let seconds = FIRST.saturating_mul(1 << doublings).min(LONGEST);
    let shortest = seconds - seconds / 4;
    let spread = u64::try_from(seconds / 2).unwrap_or(0) + 1;
    SignedDuration::from_secs(shortest + i64::try_from(random % spread).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::wait;

    #[test]
    fn waits_double_up_to_half_an_hour() {
        let middle = |refusals: u32| {
            let shortest = wait(refusals, 0).as_secs();
            let longest = (0..2000).map(|random| wait(refusals, random).as_secs()).max().unwrap();
            (shortest, longest)
        };
        assert_eq!(middle(0), (45, 75));
        assert_eq!(middle(1), (45, 75));
        assert_eq!(middle(2), (90, 150));
        assert_eq!(middle(5), (720, 1200));
        assert_eq!(middle(6), (1350, 2250));
        assert_eq!(middle(u32::MAX), (1350, 2250));
        assert!((45..=75).contains(&wait(1, u64::MAX).as_secs()));
    }
}

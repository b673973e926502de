//! Numbers with units, as the page and its script write them. The script has the same rules: change both.

const KIBIBYTE: u64 = 1024;

/// `512 KiB`, `3.5 GiB`: one decimal below ten, none above.
pub fn bytes(bytes: u64) -> String {
    let mut unit = KIBIBYTE;
    let mut name = "KiB";
    for (next, next_name) in [(KIBIBYTE.pow(2), "MiB"), (KIBIBYTE.pow(3), "GiB"), (KIBIBYTE.pow(4), "TiB")] {
        if bytes >= next {
            (unit, name) = (next, next_name);
        }
    }
    // Tenths in whole numbers, so that Rust and JavaScript round alike.
    let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if tenths < 100 { format!("{}.{} {name}", tenths / 10, tenths % 10) } else { format!("{} {name}", tenths / 10) }
}

/// `45 s`, `12 min`, `5 h 12 min`, `3 d 4 h`: the two units that matter.
pub fn duration(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min"),
        (0, _, _) => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// The part of `total` that is not `available`, in per cent.
pub fn used_percent(available: u64, total: u64) -> u64 {
    let used = u128::from(total.saturating_sub(available)) * 100;
    u64::try_from(used.checked_div(u128::from(total)).unwrap_or(0)).unwrap_or(100)
}

/// A load average with two decimals.
pub fn load(load: f64) -> String {
    format!("{load:.2}")
}

#[cfg(test)]
mod tests {
    use super::{bytes, duration, used_percent};

    #[test]
    fn sizes_have_the_unit_people_would_choose() {
        let table = [
            (0, "0.0 KiB"),
            (1023, "1.0 KiB"),
            (512 * 1024, "512 KiB"),
            (1024 * 1024, "1.0 MiB"),
            (5_600_000, "5.3 MiB"),
            (2_061_584_302, "1.9 GiB"),
            (25_276_510_208, "23 GiB"),
            (u64::MAX, "16777216 TiB"),
        ];
        for (size, expected) in table {
            assert_eq!(bytes(size), expected);
        }
    }

    #[test]
    fn durations_show_two_units() {
        for (seconds, expected) in
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h 0 min"), (18_750, "5 h 12 min"), (273_600, "3 d 4 h")]
        {
            assert_eq!(duration(seconds), expected);
        }
    }

    #[test]
    fn impossible_figures_have_a_share_too() {
        for (available, total, expected) in [(1, 4, 75), (0, 0, 0), (5, 4, 0), (0, u64::MAX, 100)] {
            assert_eq!(used_percent(available, total), expected);
        }
    }
}

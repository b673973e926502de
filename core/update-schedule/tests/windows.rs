//! Windows over daylight saving, in zones of every kind.

mod zones;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::{Strategy, any, prop_assert, prop_assert_eq, proptest};
use update_schedule::windows::{Weekdays, Window, WindowError, WindowLength, WindowState, state};
use zones::{time, zone};

/// Zones of every kind: north, south, half hours, quarters, changes at midnight, none.
const NAMES: [&str; 14] = [
    "UTC",
    "Europe/Berlin",
    "Europe/London",
    "America/New_York",
    "America/St_Johns",
    "America/Santiago",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Asia/Kolkata",
    "Africa/Casablanca",
    "Asia/Beirut",
];

fn names() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(NAMES.to_vec())
}

fn window(days: &[&str], start: &str, minutes: u64) -> Window {
    Window {
        days: Weekdays::from_names(days.iter().copied()).expect("days"),
        start: start.parse().expect("a time of day"),
        length: WindowLength::new(minutes).expect("a length"),
    }
}

fn second(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(SignedDuration::from_secs(seconds)).expect("a time")
}

#[test]
fn a_window_happens_once_and_lasts_its_full_length_whatever_clocks_do() {
    for (name, day, start, minutes, opens, closes) in [
        // Berlin: before, on and after the day on which 02:00 becomes 03:00. The skipped 02:30 is half an hour after the change.
        ("Europe/Berlin", "Sun", "02:30", 60, "2026-03-22T01:30Z", "2026-03-22T02:30Z"),
        ("Europe/Berlin", "Sun", "02:30", 60, "2026-03-29T01:30Z", "2026-03-29T02:30Z"),
        ("Europe/Berlin", "Sun", "02:30", 60, "2026-04-05T00:30Z", "2026-04-05T01:30Z"),
        // 03:00 becomes 02:00: of two times 02:30 the first counts.
        ("Europe/Berlin", "Sun", "02:30", 60, "2026-10-25T00:30Z", "2026-10-25T01:30Z"),
        ("Europe/Berlin", "Sun", "02:30", 60, "2026-11-01T01:30Z", "2026-11-01T02:30Z"),
        // Over midnight and over the change: four hours are four hours.
        ("Europe/Berlin", "Sat", "23:30", 240, "2026-03-28T22:30Z", "2026-03-29T02:30Z"),
        ("Europe/Berlin", "Sat", "23:30", 240, "2026-10-24T21:30Z", "2026-10-25T01:30Z"),
        ("America/New_York", "Sunday", "02:30", 30, "2026-03-08T07:30Z", "2026-03-08T08:00Z"),
        ("America/New_York", "Sunday", "01:30", 90, "2026-11-01T05:30Z", "2026-11-01T07:00Z"),
        // Half an hour forward at 02:00, half an hour back at 02:00.
        ("Australia/Lord_Howe", "Sun", "02:15", 60, "2026-10-03T15:45Z", "2026-10-03T16:45Z"),
        ("Australia/Lord_Howe", "Sun", "01:45", 60, "2026-04-04T14:45Z", "2026-04-04T15:45Z"),
        ("Australia/Lord_Howe", "Sun", "02:15", 60, "2026-04-04T15:45Z", "2026-04-04T16:45Z"),
        // The southern summer.
        ("Australia/Sydney", "Sun", "02:30", 60, "2026-10-03T16:30Z", "2026-10-03T17:30Z"),
        ("Australia/Sydney", "Sun", "02:30", 60, "2026-04-04T15:30Z", "2026-04-04T16:30Z"),
        ("Pacific/Chatham", "Sun", "03:00", 60, "2026-09-26T14:15Z", "2026-09-26T15:15Z"),
        ("Pacific/Chatham", "Sun", "03:00", 60, "2026-04-04T13:15Z", "2026-04-04T14:15Z"),
        // Midnight itself is skipped, and 23:30 comes twice.
        ("America/Santiago", "Sun", "00:00", 60, "2026-09-06T04:00Z", "2026-09-06T05:00Z"),
        ("America/Santiago", "Sat", "23:30", 60, "2026-04-05T02:30Z", "2026-04-05T03:30Z"),
        // A Friday that did not exist.
        ("Pacific/Apia", "Fri", "10:00", 60, "2011-12-30T20:00Z", "2011-12-30T21:00Z"),
        // Without daylight saving.
        ("Asia/Kolkata", "Sun", "02:30", 60, "2026-03-28T21:00Z", "2026-03-28T22:00Z"),
        ("Asia/Kathmandu", "sun", "02:30", 60, "2026-03-28T20:45Z", "2026-03-28T21:45Z"),
        ("UTC", "Sun", "23:59", 5, "2026-03-29T23:59Z", "2026-03-30T00:04Z"),
    ] {
        let (zone, windows) = (zone(name), [window(&[day], start, minutes)]);
        let (opens, closes) = (time(opens), time(closes));
        let at = |time| state(&windows, &zone, time);
        let case = format!("{name} {day} {start} on {opens}");
        assert_eq!(at(second(opens, -1)), WindowState::Closed { opens_at: Some(opens) }, "{case}");
        assert_eq!(at(opens), WindowState::Open { until: closes }, "{case}");
        assert_eq!(at(second(closes, -1)), WindowState::Open { until: closes }, "{case}");
        assert!(matches!(at(closes), WindowState::Closed { opens_at: Some(next) } if next > closes), "{case}");
    }
}

#[test]
fn the_next_window_is_the_nearest_of_all() {
    let berlin = zone("Europe/Berlin");
    let windows = [window(&["Sat", "Sun"], "23:30", 60), window(&["Wed"], "01:00", 30)];
    for (at, expected) in [
        ("2026-11-16T12:00Z", "2026-11-18T00:00Z"),
        ("2026-11-18T00:30Z", "2026-11-21T22:30Z"),
        ("2026-11-21T23:30Z", "2026-11-22T22:30Z"),
        ("2026-11-22T23:30Z", "2026-11-25T00:00Z"),
    ] {
        assert_eq!(state(&windows, &berlin, time(at)), WindowState::Closed { opens_at: Some(time(expected)) }, "{at}");
    }
}

#[test]
fn windows_that_overlap_or_touch_are_one() {
    let utc = zone("UTC");
    let windows = [window(&["Mon"], "10:00", 60), window(&["Mon"], "10:30", 60), window(&["Mon"], "11:30", 30)];
    let noon = time("2026-11-23T12:00Z");
    assert_eq!(state(&windows, &utc, time("2026-11-23T10:00Z")), WindowState::Open { until: noon });
    assert_eq!(state(&windows, &utc, time("2026-11-23T11:59Z")), WindowState::Open { until: noon });
    // A short one within a long one does not end it.
    let nested = [window(&["Mon"], "10:00", 120), window(&["Mon"], "10:30", 10)];
    assert_eq!(state(&nested, &utc, time("2026-11-23T10:35Z")), WindowState::Open { until: noon });
    assert_eq!(state(&nested, &utc, time("2026-11-23T11:00Z")), WindowState::Open { until: noon });
    // A window of every day and the whole day is never closed.
    let always = [window(&["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], "00:00", 1440)];
    let WindowState::Open { until } = state(&always, &utc, noon) else { panic!("always open") };
    assert!(until > second(noon, 7 * 86_400));
}

#[test]
fn a_window_over_days_and_weeks_is_still_open() {
    let windows = [window(&["Fri"], "22:00", 8640)];
    let until = time("2026-11-26T22:00Z");
    assert_eq!(state(&windows, &zone("UTC"), time("2026-11-26T21:59Z")), WindowState::Open { until });
}

#[test]
fn without_windows_nothing_opens() {
    assert_eq!(state(&[], &zone("UTC"), time("2026-11-23T12:00Z")), WindowState::Closed { opens_at: None });
}

#[test]
fn the_ends_of_the_calendar_are_no_window() {
    let windows = [window(&["Mon", "Fri"], "23:00", 8640)];
    for name in ["UTC", "Pacific/Apia", "America/Santiago"] {
        for at in [Timestamp::MIN, Timestamp::MAX] {
            let _ = state(&windows, &zone(name), at);
        }
    }
}

#[test]
fn days_times_and_lengths_are_checked() {
    assert_eq!(Weekdays::from_names(["Mon", "Caturday"]), Err(WindowError::Day("Caturday".to_owned())));
    assert_eq!(Weekdays::from_names([]), Err(WindowError::NoDays));
    assert_eq!(Weekdays::from_names(["MON", "Monday"]), Weekdays::from_names(["mon"]));
    for bad in ["", "1:00", "24:00", "12:60", "12:00:00", "ab:cd", "+1:00", "1٣:00", "12"] {
        assert_eq!(bad.parse::<update_schedule::windows::ClockTime>(), Err(WindowError::Time), "{bad}");
    }
    assert_eq!(WindowLength::new(4), Err(WindowError::Length));
    assert_eq!(WindowLength::new(8641), Err(WindowError::Length));
    assert_eq!(WindowLength::new(u64::MAX), Err(WindowError::Length));
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let days = proptest::sample::subsequence(vec!["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], 1..=7);
    let one = (days, 0..24u8, 0..60u8, 5..=8640u64);
    proptest::collection::vec(
        one.prop_map(|(days, hour, minute, length)| window(&days, &format!("{hour:02}:{minute:02}"), length)),
        1..4,
    )
}

proptest! {
    #[test]
    fn a_closed_window_opens_when_it_says(windows in windows(), name in names(), seconds in 1_000_000_000..2_500_000_000i64) {
        let (zone, now) = (zone(name), Timestamp::from_second(seconds).unwrap());
        match state(&windows, &zone, now) {
            WindowState::Closed { opens_at } => {
                let opens_at = opens_at.unwrap();
                prop_assert!(opens_at > now && opens_at <= second(now, 9 * 86_400));
                let open = matches!(state(&windows, &zone, opens_at), WindowState::Open { .. });
                prop_assert!(open);
                prop_assert_eq!(state(&windows, &zone, second(opens_at, -1)), WindowState::Closed { opens_at: Some(opens_at) });
            }
            WindowState::Open { until } => {
                prop_assert!(until > now);
                let same = matches!(state(&windows, &zone, second(until, -1)), WindowState::Open { until: later } if later >= until);
                prop_assert!(same);
                if until < second(now, 7 * 86_400) {
                    let closed = matches!(state(&windows, &zone, until), WindowState::Closed { .. });
                    prop_assert!(closed);
                }
            }
        }
    }

    #[test]
    fn every_week_of_the_year_has_the_window_once_in_full(
        name in names(), day in proptest::sample::select(vec!["Mon", "Sat", "Sun"]), hour in 0..24u8, minute in 0..60u8, length in 5..=600u64,
        year in 2000..2037i16, extra in any::<u16>(),
    ) {
        let zone = zone(name);
        let windows = [window(&[day], &format!("{hour:02}:{minute:02}"), length)];
        let mut now = time(&format!("{year}-01-03T00:00Z"));
        now = second(now, i64::from(extra));
        let mut starts = Vec::new();
        for _ in 0..54 {
            if let WindowState::Open { until } = state(&windows, &zone, now) {
                now = until;
            }
            let WindowState::Closed { opens_at: Some(opens_at) } = state(&windows, &zone, now) else { panic!("one window a week") };
            let expected = second(opens_at, i64::try_from(length).unwrap() * 60);
            prop_assert_eq!(state(&windows, &zone, opens_at), WindowState::Open { until: expected });
            starts.push(opens_at);
            now = opens_at;
        }
        for pair in starts.windows(2) {
            let week = pair[1].as_second() - pair[0].as_second();
            // A week, give or take the largest change of clocks that these zones had; Apia once skipped a day.
            prop_assert!((week - 7 * 86_400).abs() <= 86_400, "{name} {week}");
            prop_assert!(name == "Pacific/Apia" || (week - 7 * 86_400).abs() <= 2 * 3600, "{name} {week}");
        }
    }
}

//! Maintenance windows: times of the week, in local time, at which a device may restart.
//!
//! A window happens exactly once on each of its days, and always lasts its full length in real minutes. Clocks that are put forward or back move its start
//! (see [`Zone::instant`]) or what clocks show at its end, never its length.

use std::fmt;
use std::str::FromStr;

use jiff::civil::{Date, Time, Weekday};
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::zone::Zone;

/// Most windows that a device has.
pub const MAXIMUM_WINDOWS: usize = 64;
/// Shortest window, in minutes.
pub const MINIMUM_MINUTES: u16 = 5;
/// Longest window, in minutes: six days. Who wants longer ones wants the strategy `immediate`.
pub const MAXIMUM_MINUTES: u16 = 8640;

/// A time of the week.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// The days on which it begins.
    pub days: Weekdays,
    /// When it begins, in local time.
    pub start: ClockTime,
    /// How long it lasts, in real minutes; it may end on another day.
    pub length: WindowLength,
}

/// Days of the week; at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekdays(u8);

/// A time of day in hours and minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClockTime {
    hour: i8,
    minute: i8,
}

/// Minutes from [`MINIMUM_MINUTES`] to [`MAXIMUM_MINUTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct WindowLength(u16);

/// Why a value cannot be part of a window. The sentence follows the name of its key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WindowError {
    /// Not a day.
    #[error("has {0:?}, which is no day; write Mon, Tue, Wed, Thu, Fri, Sat, Sun or the full name")]
    Day(String),
    /// No days.
    #[error("is empty; write at least one day, such as [\"Sat\"]")]
    NoDays,
    /// Not a time of day.
    #[error("is no time of day; write hours and minutes from \"00:00\" to \"23:59\"")]
    Time,
    /// Too short or too long.
    #[error("is not from {MINIMUM_MINUTES} to {MAXIMUM_MINUTES} minutes (six days)")]
    Length,
}

/// Whether a device may restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowState {
    /// It may.
    Open {
        /// Until when: the end of the window, or of the last of those that join without a gap, looked at a week ahead.
        until: Timestamp,
    },
    /// It may not.
    Closed {
        /// When the next window begins; nothing at the end of the calendar or without windows.
        opens_at: Option<Timestamp>,
    },
}

/// Whether one of the windows is open. Its first instant belongs to a window, its end does not.
#[must_use]
pub fn state(windows: &[Window], zone: &Zone, time: Timestamp) -> WindowState {
    let mut until: Option<Timestamp> = None;
    for (start, end) in occurrences(windows, zone, time) {
        let reached = until.unwrap_or(time);
        if start > reached {
            return match until {
                Some(until) => WindowState::Open { until },
                None => WindowState::Closed { opens_at: Some(start) },
            };
        }
        if end > reached {
            until = Some(end);
        }
    }
    until.map_or(WindowState::Closed { opens_at: None }, |until| WindowState::Open { until })
}

/// Every occurrence that may matter, the earliest first: the longest window began six days ago, and a weekly one comes again within eight.
fn occurrences(windows: &[Window], zone: &Zone, time: Timestamp) -> Vec<(Timestamp, Timestamp)> {
    let today = zone.local(time).date();
    let days = (-8i64..=9).filter_map(|offset| today.checked_add(SignedDuration::from_hours(24 * offset)).ok());
    let mut found: Vec<_> =
        days.flat_map(|day| windows.iter().filter_map(move |window| window.on(day, zone))).collect();
    found.sort_unstable();
    found
}

impl Window {
    /// When it begins and ends, if it begins on this day.
    fn on(&self, day: Date, zone: &Zone) -> Option<(Timestamp, Timestamp)> {
        if !self.days.contains(day.weekday()) {
            return None;
        }
        let start = zone.instant(day.to_datetime(self.start.civil()))?;
        let end = start.checked_add(SignedDuration::from_mins(i64::from(self.length.minutes()))).ok()?;
        Some((start, end))
    }
}

impl Weekdays {
    /// Days by their English names, full or of three letters, in any case.
    ///
    /// # Errors
    /// When there is none, or a text is no day.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, WindowError> {
        let mut days = 0;
        for name in names {
            days |= 1 << day_number(name).ok_or_else(|| WindowError::Day(name.chars().take(40).collect()))?;
        }
        if days == 0 { Err(WindowError::NoDays) } else { Ok(Self(days)) }
    }

    /// Whether a day is one of them.
    #[must_use]
    pub fn contains(self, day: Weekday) -> bool {
        self.0 & (1 << day.to_monday_zero_offset()) != 0
    }
}

fn day_number(name: &str) -> Option<usize> {
    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    NAMES.iter().position(|day| name.eq_ignore_ascii_case(day) || name.eq_ignore_ascii_case(&day[..3]))
}

impl ClockTime {
    fn civil(self) -> Time {
        Time::constant(self.hour, self.minute, 0, 0)
    }
}

impl FromStr for ClockTime {
    type Err = WindowError;

    fn from_str(text: &str) -> Result<Self, WindowError> {
        let two_digits = |part: &str, most: i8| {
            let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| part.parse().ok()).flatten().filter(|number| *number <= most)
        };
        let (hour, minute) = text.split_once(':').ok_or(WindowError::Time)?;
        match (two_digits(hour, 23), two_digits(minute, 59)) {
            (Some(hour), Some(minute)) => Ok(Self { hour, minute }),
            _ => Err(WindowError::Time),
        }
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour, self.minute)
    }
}

impl WindowLength {
    /// A length in minutes.
    ///
    /// # Errors
    /// When it is too short or too long.
    pub fn new(minutes: u64) -> Result<Self, WindowError> {
        let minutes = u16::try_from(minutes).map_err(|_too_long| WindowError::Length)?;
        if (MINIMUM_MINUTES..=MAXIMUM_MINUTES).contains(&minutes) {
            Ok(Self(minutes))
        } else {
            Err(WindowError::Length)
        }
    }

    /// The minutes.
    #[must_use]
    pub fn minutes(self) -> u16 {
        self.0
    }
}

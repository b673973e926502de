//! Time zones.

use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use thiserror::Error;

/// Largest TZif file read, in bytes; the largest that exists has 4 KiB.
pub const MAXIMUM_TZIF: usize = 64 << 10;

/// The name of a time zone in the IANA database, such as `Europe/Berlin`. It can be appended to `/usr/share/zoneinfo/` without leading elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ZoneName(String);

/// The text names no time zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("is no name of a time zone; write one of the IANA database, such as \"Europe/Berlin\" or \"UTC\"")]
pub struct ZoneNameError;

impl ZoneName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ZoneName {
    type Err = ZoneNameError;

    fn from_str(text: &str) -> Result<Self, ZoneNameError> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte);
        let good_part = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic()) && part.bytes().all(known);
        // `right/` counts leap seconds, so its clocks are 27 seconds behind everybody's; `posix/` is the same as no prefix.
        let odd = text.starts_with("right/") || text.starts_with("posix/");
        let good = text.len() <= 64 && !odd && text.split('/').count() <= 3 && text.split('/').all(good_part);
        if good { Ok(Self(text.to_owned())) } else { Err(ZoneNameError) }
    }
}

impl fmt::Display for ZoneName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A time zone with its rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    name: String,
    rules: TimeZone,
}

/// The data of a time zone cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the rules of time zone {name} are unusable: {problem}")]
pub struct ZoneError {
    /// The time zone.
    pub name: ZoneName,
    /// What is wrong with its file.
    pub problem: String,
}

impl Zone {
    /// Coordinated universal time.
    #[must_use]
    pub fn utc() -> Self {
        Self { name: "UTC".to_owned(), rules: TimeZone::UTC }
    }

    /// A zone from its TZif file (RFC 8536), as `/usr/share/zoneinfo` has it.
    ///
    /// # Errors
    /// When the file is larger than [`MAXIMUM_TZIF`] or malformed.
    pub fn from_tzif(name: &ZoneName, data: &[u8]) -> Result<Self, ZoneError> {
        let refuse = |problem: String| ZoneError { name: name.clone(), problem };
        if data.len() > MAXIMUM_TZIF {
            return Err(refuse(format!("its file is larger than {MAXIMUM_TZIF} bytes")));
        }
        let rules = TimeZone::tzif(name.as_str(), data).map_err(|error| refuse(error.to_string()))?;
        Ok(Self { name: name.as_str().to_owned(), rules })
    }

    /// The name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What clocks show.
    #[must_use]
    pub fn local(&self, time: Timestamp) -> DateTime {
        self.rules.to_datetime(time)
    }

    /// When clocks show this, by the rule of RFC 5545: a time that is skipped counts with the offset that held before, so it comes as much later as
    /// clocks were put forward; of a time that comes twice the first counts. Nothing at the ends of the calendar.
    #[must_use]
    pub fn instant(&self, local: DateTime) -> Option<Timestamp> {
        self.rules.to_ambiguous_timestamp(local).compatible().ok()
    }

    /// A time for people: `2026-11-21 23:30 CET`.
    #[must_use]
    pub fn shown(&self, time: Timestamp) -> String {
        time.to_zoned(self.rules.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
    }
}

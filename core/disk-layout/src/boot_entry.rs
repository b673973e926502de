//! File names of UKIs in the ESP, with the counter that systemd-boot keeps in them (Boot Loader Specification, UAPI.1,
//! "Boot counting")
//!
//! `piccolo_1.4.0+3-0.efi` has three tries left and used none. systemd-boot renames the file before each try;
//! when the system comes up healthy the counter is removed, and without tries left the entry goes behind all others.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use uapi_version::Version;

const PREFIX: &str = "piccolo_";
const SUFFIX: &str = ".efi";
/// Longer than any version we make, short enough for every file system and firmware.
const MAX_VERSION: usize = 64;

/// A UKI's file name, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEntry {
    version: Version,
    counter: Option<TryCounter>,
}

/// How often systemd-boot may still try an entry, and how often it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryCounter {
    /// Tries left.
    pub left: u32,
    /// Tries that did not end in a healthy system.
    pub done: u32,
}

/// What is known about an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryState {
    /// It came up healthy, or never had a counter.
    Good,
    /// It has tries left.
    Trying,
    /// It used all its tries.
    Bad,
}

/// The text is not the name of one of our boot entries.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BootEntryError {
    /// Not `piccolo_….efi`.
    #[error("{0:?} is not named piccolo_VERSION.efi or piccolo_VERSION+LEFT-DONE.efi")]
    Name(String),
    /// The version has characters that file names of boot entries cannot carry.
    #[error("{0:?} is not a version that a boot entry can carry: 1 to 64 letters, digits, and the characters . ~ ^ -")]
    Version(String),
    /// The part after `+` is not a counter.
    #[error("{0:?} is not a boot counter; it is LEFT or LEFT-DONE in decimal digits")]
    Counter(String),
}

impl BootEntry {
    /// The entry of a freshly installed version, which has `tries` tries to come up.
    ///
    /// # Errors
    /// When the version cannot be part of an entry's name.
    pub fn fresh(version: &str, tries: u32) -> Result<Self, BootEntryError> {
        Ok(Self { version: checked_version(version)?, counter: Some(TryCounter { left: tries, done: 0 }) })
    }

    /// The version in the name.
    pub fn version(&self) -> &str {
        self.version.as_str()
    }

    /// The counter; nothing once the entry is good.
    pub fn counter(&self) -> Option<TryCounter> {
        self.counter
    }

    /// The name without its counter: what it is renamed to when the system has come up.
    pub fn blessed(&self) -> Self {
        Self { version: self.version.clone(), counter: None }
    }

    /// The name without tries left: what it is renamed to so that the boot loader prefers every other entry.
    pub fn demoted(&self) -> Self {
        let done = self.counter.map_or(0, |counter| counter.done);
        Self { version: self.version.clone(), counter: Some(TryCounter { left: 0, done }) }
    }

    /// Good, trying or bad.
    pub fn state(&self) -> EntryState {
        match self.counter {
            None => EntryState::Good,
            Some(TryCounter { left: 0, .. }) => EntryState::Bad,
            Some(_) => EntryState::Trying,
        }
    }

    /// The order in which systemd-boot would choose: `Less` is tried first. Bad entries last, then newer versions first
    /// (UAPI.10), then more tries left, then fewer tries done.
    pub fn boot_order(&self, other: &Self) -> Ordering {
        let bad = (self.state() == EntryState::Bad).cmp(&(other.state() == EntryState::Bad));
        let left = |entry: &Self| Reverse(entry.counter.map_or(u32::MAX, |counter| counter.left));
        let done = |entry: &Self| entry.counter.map_or(0, |counter| counter.done);
        bad.then_with(|| other.version.cmp(&self.version))
            .then_with(|| left(self).cmp(&left(other)))
            .then_with(|| done(self).cmp(&done(other)))
            .then_with(|| self.version().cmp(other.version()))
    }
}

impl fmt::Display for BootEntry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.counter {
            None => write!(formatter, "{PREFIX}{}{SUFFIX}", self.version),
            Some(TryCounter { left, done }) => write!(formatter, "{PREFIX}{}+{left}-{done}{SUFFIX}", self.version),
        }
    }
}

impl FromStr for BootEntry {
    type Err = BootEntryError;

    /// Reads a file name. The extension may have any case, as FAT does not keep it apart.
    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let refusal = || BootEntryError::Name(name.chars().take(128).collect());
        let (stem, suffix) = name.split_at_checked(name.len().saturating_sub(SUFFIX.len())).ok_or_else(refusal)?;
        if !suffix.eq_ignore_ascii_case(SUFFIX) {
            return Err(refusal());
        }
        let stem = stem.strip_prefix(PREFIX).ok_or_else(refusal)?;
        match stem.rsplit_once('+') {
            None => Ok(Self { version: checked_version(stem)?, counter: None }),
            Some((version, counter)) => {
                Ok(Self { version: checked_version(version)?, counter: Some(parsed_counter(counter)?) })
            }
        }
    }
}

fn checked_version(text: &str) -> Result<Version, BootEntryError> {
    let accepted = |character: char| character.is_ascii_alphanumeric() || ".~^-".contains(character);
    if text.is_empty() || text.len() > MAX_VERSION || !text.chars().all(accepted) {
        return Err(BootEntryError::Version(text.chars().take(128).collect()));
    }
    Ok(Version::from(text))
}

fn parsed_counter(text: &str) -> Result<TryCounter, BootEntryError> {
    let number = |digits: &str| {
        let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        valid.then(|| digits.parse::<u32>().ok()).flatten()
    };
    let counter = match text.split_once('-') {
        None => number(text).map(|left| TryCounter { left, done: 0 }),
        Some((left, done)) => number(left).zip(number(done)).map(|(left, done)| TryCounter { left, done }),
    };
    counter.ok_or_else(|| BootEntryError::Counter(text.chars().take(128).collect()))
}

#[cfg(test)]
mod tests {
    use super::{BootEntry, BootEntryError, EntryState, TryCounter};

    fn entry(name: &str) -> BootEntry {
        name.parse().unwrap()
    }

    #[test]
    fn a_fresh_entry_has_all_its_tries() {
        let fresh = BootEntry::fresh("1.4.0", 3).unwrap();
        assert_eq!(fresh.to_string(), "piccolo_1.4.0+3-0.efi");
        assert_eq!(fresh.state(), EntryState::Trying);
        assert_eq!(fresh.blessed().to_string(), "piccolo_1.4.0.efi");
        assert_eq!(fresh.blessed().demoted().to_string(), "piccolo_1.4.0+0-0.efi");
        assert_eq!(entry("piccolo_1.4.0+3-0.efi"), fresh);
    }

    #[test]
    fn reads_what_systemd_boot_leaves_behind() {
        let tried = entry("piccolo_1.5.0~dev.2+1-2.EFI");
        assert_eq!((tried.version(), tried.counter()), ("1.5.0~dev.2", Some(TryCounter { left: 1, done: 2 })));
        assert_eq!(entry("piccolo_1.4.0+0-3.efi").state(), EntryState::Bad);
        assert_eq!(entry("piccolo_1.4.0+2.efi").counter(), Some(TryCounter { left: 2, done: 0 }));
        assert_eq!(entry("piccolo_1.4.0-1.efi").state(), EntryState::Good);
    }

    #[test]
    fn refuses_foreign_names() {
        for name in ["", ".efi", "é.efi", "efi", "linux_1.efi", "piccolo_1.0", "piccolo_1.0.efi.bak", "ééé"] {
            assert!(matches!(name.parse::<BootEntry>(), Err(BootEntryError::Name(_))), "{name}");
        }
        for name in ["piccolo_.efi", "piccolo_a b.efi", "piccolo_1/2.efi", "piccolo_+3-0.efi"] {
            assert!(matches!(name.parse::<BootEntry>(), Err(BootEntryError::Version(_))), "{name}");
        }
        for name in
            ["piccolo_1+.efi", "piccolo_1+x.efi", "piccolo_1+-1.efi", "piccolo_1+1-.efi", "piccolo_1+99999999999.efi"]
        {
            assert!(matches!(name.parse::<BootEntry>(), Err(BootEntryError::Counter(_))), "{name}");
        }
    }

    #[test]
    fn newer_comes_first_and_bad_comes_last() {
        let mut entries = [
            "piccolo_1.9.0.efi",
            "piccolo_1.11.0+0-3.efi",
            "piccolo_1.10.0~dev.1+3-0.efi",
            "piccolo_1.10.0+1-2.efi",
            "piccolo_1.10.0+2-1.efi",
        ]
        .map(entry);
        entries.sort_by(BootEntry::boot_order);
        assert_eq!(
            entries.map(|entry| entry.to_string()),
            [
                "piccolo_1.10.0+2-1.efi",
                "piccolo_1.10.0+1-2.efi",
                "piccolo_1.10.0~dev.1+3-0.efi",
                "piccolo_1.9.0.efi",
                "piccolo_1.11.0+0-3.efi",
            ]
        );
    }
}

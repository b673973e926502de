//! A few of very many disks: those that say most when they are really booted.

use std::collections::BTreeMap;

use disk_layout::boot_entry::{BootEntry, EntryState};

use crate::boot_rule::{Appearance, EntryAppearance};
use crate::power_cut::{Cut, Left};

/// What was seen of each kind of disk.
#[derive(Debug, Default)]
pub struct Sample {
    kinds: BTreeMap<String, Kind>,
}

#[derive(Debug)]
struct Kind {
    count: usize,
    first: Chosen,
    /// One where sectors were lost at random all over the disk.
    torn: Option<Chosen>,
}

/// A disk that was chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// When power failed, and what it left.
    pub cut: Cut,
    /// The release that starts.
    pub starts: String,
    /// What kind of disk it is, in words.
    pub kind: String,
}

impl Sample {
    /// Notes a disk.
    pub fn add(&mut self, cut: Cut, appearance: &Appearance) {
        let kind = kind(appearance);
        let chosen = || Chosen { cut, starts: appearance.starts().to_owned(), kind: kind.clone() };
        let known = self.kinds.entry(kind.clone()).or_insert_with(|| Kind { count: 0, first: chosen(), torn: None });
        known.count += 1;
        // Early and late ones by turns, lest all be of the last moments.
        if matches!(cut.left, Left::DrawnOfAll(_)) && (known.torn.is_none() || known.count.is_power_of_two()) {
            known.torn = Some(chosen());
        }
    }

    /// How many kinds there are.
    #[must_use]
    pub fn kinds(&self) -> usize {
        self.kinds.len()
    }

    /// This many disks (fewer when there are fewer to choose from), the most telling ones first: of each kind one, rare kinds first,
    /// because those are the moments in between; then further ones of the common kinds. Where sectors were lost at random, that disk is preferred.
    #[must_use]
    pub fn choose(&self, count: usize) -> Vec<Chosen> {
        let mut kinds: Vec<&Kind> = self.kinds.values().collect();
        kinds.sort_by_key(|kind| (kind.count, kind.first.cut));
        // The kind that nearly all disks are of is seen in any case.
        if let Some(commonest) = kinds.pop() {
            kinds.insert(kinds.len().min(count.saturating_sub(1)), commonest);
        }
        let first = kinds.iter().map(|kind| kind.torn.as_ref().unwrap_or(&kind.first));
        let second = kinds.iter().rev().filter(|kind| kind.torn.is_some()).map(|kind| &kind.first);
        first.chain(second).take(count).cloned().collect()
    }
}

/// What a disk is like, whichever releases are on it.
fn kind(appearance: &Appearance) -> String {
    let entries = appearance.entries.iter().map(entry_kind);
    let others = appearance.others.iter().map(|(name, size)| {
        let ending = name.rsplit('.').next().unwrap_or_default();
        format!("{} .{ending}", if *size == 0 { "an empty" } else { "a" })
    });
    let notes = appearance.table_notes.iter().cloned();
    entries.chain(others).chain(notes).collect::<Vec<_>>().join(", ")
}

fn entry_kind(entry: &EntryAppearance) -> String {
    let state = match entry.name.parse::<BootEntry>() {
        Ok(name) => match (name.state(), name.counter()) {
            (EntryState::Good, _) => "a good entry",
            (EntryState::Trying, Some(counter)) if counter.done == 0 => "a new entry",
            (EntryState::Trying, _) => "an entry on trial",
            (EntryState::Bad, _) => "a bad entry",
        },
        Err(_) => "an entry without its long name",
    };
    if entry.version.is_some() { state.to_owned() } else { format!("{state} without its kernel") }
}

#[cfg(test)]
mod tests {
    use super::Sample;
    use crate::boot_rule::{Appearance, EntryAppearance};
    use crate::power_cut::{Cut, Left};

    fn appearance(names: &[&str]) -> Appearance {
        let version = Some("1.0.0".to_owned());
        let entry = |name: &&str| EntryAppearance {
            name: (*name).to_owned(),
            version: version.clone(),
            root: Some("root-a".to_owned()),
        };
        Appearance {
            entries: names.iter().map(entry).collect(),
            others: vec![],
            partitions: vec![],
            table_notes: vec![],
        }
    }

    #[test]
    fn rare_kinds_come_first_and_the_commonest_is_among_them() {
        let mut sample = Sample::default();
        let mut add =
            |operations: usize, left: Left, names: &[&str]| sample.add(Cut { operations, left }, &appearance(names));
        for operations in 0..10 {
            add(operations, Left::Everything, &["piccolo_1.0.0.efi"]);
        }
        add(20, Left::DrawnOfAll(1), &["piccolo_1.0.0.efi"]);
        add(30, Left::Everything, &["piccolo_1.1.0+3-0.efi", "piccolo_1.0.0.efi"]);
        add(31, Left::Everything, &["piccolo_1.2.0+3-0.efi", "piccolo_1.1.0.efi"]);
        add(40, Left::Only(3), &["PICCOL~1.EFI", "piccolo_1.0.0.efi"]);
        assert_eq!(sample.kinds(), 3);
        let at = |count: usize| sample.choose(count).iter().map(|chosen| chosen.cut.operations).collect::<Vec<_>>();
        assert_eq!(at(2), [40, 20]);
        assert_eq!(at(9), [40, 30, 20, 0]);
        assert_eq!(sample.choose(1)[0].kind, "a good entry");
        assert_eq!(sample.choose(2)[0].kind, "an entry without its long name, a good entry");
    }
}

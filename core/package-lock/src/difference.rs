//! What changed from one lockfile to the next.

use crate::lockfile::{LockedPackage, Lockfile};
use debversion::Version;
use serde::Serialize;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// One package's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The package.
    pub name: String,
    /// What happened to it.
    #[serde(flatten)]
    pub kind: ChangeKind,
}

/// What happened to a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "change", rename_all = "lowercase")]
pub enum ChangeKind {
    /// It was not there before.
    Added {
        /// The version it came in.
        version: String,
    },
    /// It is no longer there.
    Removed {
        /// The version it had.
        version: String,
    },
    /// It has a higher version.
    Upgraded {
        /// The version before.
        from: String,
        /// The version now.
        to: String,
    },
    /// It has a lower version.
    Downgraded {
        /// The version before.
        from: String,
        /// The version now.
        to: String,
    },
    /// The same version has other bytes: the archive was rebuilt, or it is another archive.
    Replaced {
        /// The version.
        version: String,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.kind {
            ChangeKind::Added { version } => write!(formatter, "+ {name} {version}"),
            ChangeKind::Removed { version } => write!(formatter, "- {name} {version}"),
            ChangeKind::Upgraded { from, to } => write!(formatter, "↑ {name} {from} → {to}"),
            ChangeKind::Downgraded { from, to } => write!(formatter, "↓ {name} {from} → {to}"),
            ChangeKind::Replaced { version } => write!(formatter, "~ {name} {version}: same version, other contents"),
        }
    }
}

/// The changes from `before` to `after`, by package name. Where a package came from may change without being a change.
#[must_use]
pub fn difference(before: &Lockfile, after: &Lockfile) -> Vec<Change> {
    let mut pairs: BTreeMap<&str, (Option<&LockedPackage>, Option<&LockedPackage>)> = BTreeMap::new();
    for package in &before.packages {
        pairs.entry(&package.name).or_default().0 = Some(package);
    }
    for package in &after.packages {
        pairs.entry(&package.name).or_default().1 = Some(package);
    }
    let change = |(name, pair): (&str, _)| Some(Change { name: name.to_owned(), kind: kind(pair)? });
    pairs.into_iter().filter_map(change).collect()
}

fn kind(pair: (Option<&LockedPackage>, Option<&LockedPackage>)) -> Option<ChangeKind> {
    Some(match pair {
        (None, None) => return None,
        (None, Some(new)) => ChangeKind::Added { version: new.version.clone() },
        (Some(old), None) => ChangeKind::Removed { version: old.version.clone() },
        (Some(old), Some(new)) => match order(&old.version, &new.version) {
            Ordering::Less => ChangeKind::Upgraded { from: old.version.clone(), to: new.version.clone() },
            Ordering::Greater => ChangeKind::Downgraded { from: old.version.clone(), to: new.version.clone() },
            Ordering::Equal if old.sha256 == new.sha256 => return None,
            Ordering::Equal => ChangeKind::Replaced { version: new.version.clone() },
        },
    })
}

/// Debian's order (Debian Policy 5.6.12); versions that are none compare as text.
fn order(a: &str, b: &str) -> Ordering {
    match (a.parse::<Version>(), b.parse::<Version>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

#[cfg(test)]
mod tests {
    use super::difference;
    use crate::digest::Sha256Digest;
    use crate::lockfile::tests::{lockfile, package};

    #[test]
    fn tells_what_happened_to_each_package() {
        let before = lockfile(vec![
            package("bash", "5.2-2"),
            package("dash", "1.0~rc1"),
            package("gone", "1"),
            package("perl-base", "2:1"),
            package("same", "1"),
            package("sed", "4"),
        ]);
        let mut rebuilt = package("sed", "4");
        rebuilt.sha256 = Sha256Digest::of(b"other");
        let after = lockfile(vec![
            package("bash", "5.2-10"),
            package("dash", "1.0"),
            package("new", "7"),
            package("perl-base", "1:9"),
            package("same", "1"),
            rebuilt,
        ]);
        let told: Vec<String> = difference(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "↑ bash 5.2-2 → 5.2-10",
                "↑ dash 1.0~rc1 → 1.0",
                "- gone 1",
                "+ new 7",
                "↓ perl-base 2:1 → 1:9",
                "~ sed 4: same version, other contents"
            ]
        );
    }
}

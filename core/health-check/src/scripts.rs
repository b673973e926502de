//! Which executables are checks.
//!
//! Ours are in `piccolo/health/required.d` and `wanted.d`, greenboot's in `greenboot/check/required.d` and `wanted.d`, each below `/etc` and
//! `/usr/lib`.

use std::collections::BTreeMap;

use crate::verdict::Need;

/// The directories of checks, relative to the root: of two checks with the same name in `/etc` and in `/usr/lib`, the one in `/etc` counts.
pub const DIRECTORIES: [(&str, Need); 8] = [
    ("usr/lib/piccolo/health/required.d", Need::Required),
    ("etc/piccolo/health/required.d", Need::Required),
    ("usr/lib/greenboot/check/required.d", Need::Required),
    ("etc/greenboot/check/required.d", Need::Required),
    ("usr/lib/piccolo/health/wanted.d", Need::Wanted),
    ("etc/piccolo/health/wanted.d", Need::Wanted),
    ("usr/lib/greenboot/check/wanted.d", Need::Wanted),
    ("etc/greenboot/check/wanted.d", Need::Wanted),
];

/// A file in one of the [`DIRECTORIES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// The directory, as in [`DIRECTORIES`].
    pub directory: &'static str,
    /// Its name.
    pub name: String,
    /// Whether it may be executed. A file that may not be is no check: that is how one of `/usr/lib` is switched off.
    pub executable: bool,
    /// Whether the boot depends on it.
    pub need: Need,
}

impl Script {
    /// Its path, relative to the root.
    #[must_use]
    pub fn path(&self) -> String {
        format!("{}/{}", self.directory, self.name)
    }
}

/// The checks to run, in this order: required ones first, then by name.
#[must_use]
pub fn to_run(found: Vec<Script>) -> Vec<Script> {
    // The key keeps apart what /etc cannot replace: greenboot's from ours, wanted from required.
    let family = |script: &Script| {
        script.directory.split_once("lib/").or(script.directory.split_once('/')).map(|(_, rest)| rest)
    };
    let mut chosen: BTreeMap<(Need, String, Option<&'static str>), Script> = BTreeMap::new();
    for script in found {
        let key = (script.need, script.name.clone(), family(&script));
        let replaces = script.directory.starts_with("etc/") || !chosen.contains_key(&key);
        if replaces {
            chosen.insert(key, script);
        }
    }
    chosen.into_values().filter(|script| script.executable).collect()
}

#[cfg(test)]
mod tests {
    use super::{DIRECTORIES, Script, to_run};

    fn script(directory: usize, name: &str) -> Script {
        let (directory, need) = DIRECTORIES[directory];
        Script { directory, name: name.to_owned(), executable: true, need }
    }

    #[test]
    fn required_checks_come_first_and_then_names_decide() {
        let found = vec![script(5, "10-a"), script(1, "50-photos"), script(0, "20-image"), script(3, "30-green")];
        let order: Vec<_> = to_run(found).iter().map(Script::path).collect();
        assert_eq!(
            order,
            [
                "usr/lib/piccolo/health/required.d/20-image",
                "etc/greenboot/check/required.d/30-green",
                "etc/piccolo/health/required.d/50-photos",
                "etc/piccolo/health/wanted.d/10-a",
            ]
        );
    }

    #[test]
    fn a_check_of_the_operator_replaces_that_of_the_image_and_can_switch_it_off() {
        let off = Script { executable: false, ..script(1, "20-image") };
        assert_eq!(to_run(vec![off.clone(), script(0, "20-image")]), []);
        assert_eq!(to_run(vec![script(0, "20-image"), off]), []);
        let green = script(2, "20-image");
        assert_eq!(to_run(vec![green.clone(), script(1, "20-image")]).len(), 2, "greenboot's is another check");
    }
}

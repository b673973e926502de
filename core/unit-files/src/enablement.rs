//! Changes to the enablement links below `/etc/systemd/system`.

use crate::install::{InstallSection, MAXIMUM_UNIT_FILE, parse};
use crate::presets::{self, Rule, Verdict};
use file_tree::content::ReadBlob;
use file_tree::path::{PathError, TreePath};
use file_tree::tree::{FileTree, Inode, Kind, Metadata, TreeError};
use std::collections::{BTreeSet, VecDeque};
use std::io;

/// Where enablement is recorded.
const CONFIGURATION: &str = "/etc/systemd/system";
/// Where units are looked for, first match wins (systemd.unit(5), without the runtime directories).
const SEARCH_PATH: [&str; 3] = [CONFIGURATION, "/usr/local/lib/systemd/system", "/usr/lib/systemd/system"];
/// Most units that one request may pull in through `Also=`.
const MAXIMUM_UNITS: usize = 1000;

/// Why a unit could not be enabled, disabled or masked.
#[derive(Debug, thiserror::Error)]
pub enum EnablementError {
    /// No such unit.
    #[error("the unit {unit} is not in the tree (looked in {}); is its package missing?", SEARCH_PATH.join(", "))]
    NotFound {
        /// The unit.
        unit: String,
    },
    /// A unit without instructions.
    #[error("the unit {unit} has no [Install] section, so it cannot be enabled; other units or udev start it")]
    NothingToInstall {
        /// The unit.
        unit: String,
    },
    /// A name that no unit can have.
    #[error("{unit:?} is not a unit name; write it with its suffix, as in \"example.service\"")]
    BadName {
        /// The name.
        unit: String,
    },
    /// A template without an instance.
    #[error("the unit {unit} is a template; name an instance, as in \"{example}\"")]
    TemplateWithoutInstance {
        /// The template.
        unit: String,
        /// How to write it.
        example: String,
    },
    /// A unit file that cannot be masked because it is a file in `/etc` of the tree.
    #[error("the unit {unit} is a file in {CONFIGURATION} and cannot be masked; remove the file instead")]
    MaskedFile {
        /// The unit.
        unit: String,
    },
    /// The unit file could not be read.
    #[error("reading the unit {unit} from the tree failed")]
    Unreadable {
        /// The unit.
        unit: String,
        /// Why.
        source: io::Error,
    },
    /// The tree refused.
    #[error("linking the unit {unit} failed")]
    Tree {
        /// The unit.
        unit: String,
        /// Why.
        source: TreeError,
    },
    /// A name in the unit file cannot be a path.
    #[error("the unit {unit} names an unusable path")]
    Path {
        /// The unit.
        unit: String,
        /// Why.
        source: PathError,
    },
}

/// Enables a unit and those that it lists in `Also=`.
///
/// # Errors
/// When it does not exist, cannot be enabled, or the tree is in the way.
pub fn enable(tree: &mut FileTree, blobs: &dyn ReadBlob, unit: &str) -> Result<(), EnablementError> {
    let mut pending = VecDeque::from([unit.to_owned()]);
    let mut done = BTreeSet::new();
    while let Some(name) = pending.pop_front() {
        if done.len() > MAXIMUM_UNITS || !done.insert(name.clone()) {
            continue;
        }
        let (path, section) = read(tree, blobs, &name)?;
        if section.is_empty() {
            if name == unit {
                return Err(EnablementError::NothingToInstall { unit: name });
            }
            continue;
        }
        link_all(tree, &name, &path, &section)?;
        pending.extend(section.also);
    }
    Ok(())
}

/// Removes every enablement link of a unit. Disabling what is not enabled is no error, a unit that does not exist is.
///
/// # Errors
/// When the unit does not exist.
pub fn disable(tree: &mut FileTree, unit: &str) -> Result<(), EnablementError> {
    check_name(unit)?;
    find(tree, unit)?;
    let configuration = parse_path(unit, CONFIGURATION)?;
    let links: Vec<TreePath> = tree
        .walk()
        .filter(|(path, _)| path.starts_with(&configuration))
        .filter(|(path, id)| match &tree.inode(*id).kind {
            Kind::Symlink(target) => {
                let leads_there = target.rsplit(|byte| *byte == b'/').next() == Some(unit.as_bytes());
                let named_so = path.components().last().is_some_and(|name| name == unit.as_bytes());
                leads_there || (named_so && path.components().len() > configuration.components().len() + 1)
            }
            _ => false,
        })
        .map(|(path, _)| path)
        .collect();
    for link in links {
        tree.remove(&link);
    }
    Ok(())
}

/// Applies preset rules to every unit of the tree that can be enabled, but for those named in `settled`. Answers the units that
/// changed.
///
/// # Errors
/// As [`enable`] and [`disable`].
pub fn apply_presets(
    tree: &mut FileTree,
    blobs: &dyn ReadBlob,
    rules: &[Rule],
    settled: &BTreeSet<String>,
) -> Result<Vec<String>, EnablementError> {
    let mut changed = Vec::new();
    for unit in units(tree)?.into_iter().filter(|unit| !settled.contains(unit)) {
        let Some(verdict) = presets::verdict(rules, &unit) else { continue };
        if *verdict == Verdict::Ignore || read(tree, blobs, &unit).map_or(true, |(_, section)| section.is_empty()) {
            continue;
        }
        match (verdict, unit.split_once("@.")) {
            (Verdict::Enable(instances), Some((stem, suffix))) if !instances.is_empty() => {
                for instance in instances {
                    enable(tree, blobs, &format!("{stem}@{instance}.{suffix}"))?;
                }
            }
            // "enable *" means every unit that can be enabled as it is; a template without an instance cannot.
            (Verdict::Enable(_), _) => match enable(tree, blobs, &unit) {
                Err(EnablementError::TemplateWithoutInstance { .. }) => continue,
                result => result?,
            },
            _ => disable(tree, &unit)?,
        }
        changed.push(unit);
    }
    Ok(changed)
}

/// The names of all units in the search path, links left out.
fn units(tree: &FileTree) -> Result<BTreeSet<String>, EnablementError> {
    let mut found = BTreeSet::new();
    for directory in SEARCH_PATH {
        let Some(id) = tree.lookup(&parse_path("", directory)?) else { continue };
        let Kind::Directory(names) = &tree.inode(id).kind else { continue };
        for (name, id) in names {
            let name = String::from_utf8_lossy(name).into_owned();
            if matches!(tree.inode(*id).kind, Kind::File(_)) && check_name(&name).is_ok() {
                found.insert(name);
            }
        }
    }
    Ok(found)
}

/// Makes a unit impossible to start, whoever asks for it.
///
/// # Errors
/// When the name is no unit's, or a unit file lies where the mask must go.
pub fn mask(tree: &mut FileTree, unit: &str) -> Result<(), EnablementError> {
    check_name(unit)?;
    let path = parse_path(unit, &format!("{CONFIGURATION}/{unit}"))?;
    if let Some(existing) = tree.lookup(&path)
        && !matches!(tree.inode(existing).kind, Kind::Symlink(_))
    {
        return Err(EnablementError::MaskedFile { unit: unit.to_owned() });
    }
    symlink(tree, unit, &path, "/dev/null")
}

fn link_all(tree: &mut FileTree, unit: &str, path: &str, section: &InstallSection) -> Result<(), EnablementError> {
    let name = match (unit.split_once("@."), &section.default_instance) {
        (Some((stem, suffix)), Some(instance)) => format!("{stem}@{instance}.{suffix}"),
        (Some((stem, suffix)), None) if !section.wanted_by.is_empty() || !section.required_by.is_empty() => {
            let example = format!("{stem}@example.{suffix}");
            return Err(EnablementError::TemplateWithoutInstance { unit: unit.to_owned(), example });
        }
        _ => unit.to_owned(),
    };
    let relations =
        [("wants", &section.wanted_by), ("requires", &section.required_by), ("upholds", &section.upheld_by)];
    for (relation, targets) in relations {
        for target in targets {
            let target = instantiate(target, &name);
            check_name(&target)?;
            let link = parse_path(unit, &format!("{CONFIGURATION}/{target}.{relation}/{name}"))?;
            symlink(tree, unit, &link, path)?;
        }
    }
    for alias in &section.alias {
        let alias = instantiate(alias, &name);
        check_name(&alias)?;
        if alias != name {
            let link = parse_path(unit, &format!("{CONFIGURATION}/{alias}"))?;
            symlink(tree, unit, &link, path)?;
        }
    }
    Ok(())
}

/// Replaces `%i` by the instance of a unit and `%p` by its prefix: what `[Install]` sections of templates use.
fn instantiate(text: &str, unit: &str) -> String {
    let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    text.replace("%i", instance).replace("%I", instance).replace("%p", prefix)
}

fn read(tree: &FileTree, blobs: &dyn ReadBlob, unit: &str) -> Result<(String, InstallSection), EnablementError> {
    check_name(unit)?;
    let path = find(tree, unit)?;
    let unreadable = |source| EnablementError::Unreadable { unit: unit.to_owned(), source };
    let (_, id) = tree
        .resolve(&parse_path(unit, &path)?)
        .map_err(|source| EnablementError::Tree { unit: unit.to_owned(), source })?;
    let Kind::File(content) = &tree.inode(id).kind else {
        return Err(EnablementError::NotFound { unit: unit.to_owned() });
    };
    let bytes = content.read_all(blobs, MAXIMUM_UNIT_FILE).map_err(unreadable)?;
    Ok((path, parse(&String::from_utf8_lossy(&bytes))))
}

/// The path of a unit's file; for an instance that has none of its own, the template's.
fn find(tree: &FileTree, unit: &str) -> Result<String, EnablementError> {
    let template = unit.split_once('@').and_then(|(stem, rest)| {
        let (_, suffix) = rest.rsplit_once('.')?;
        Some(format!("{stem}@.{suffix}"))
    });
    for name in [Some(unit), template.as_deref()].into_iter().flatten() {
        for directory in SEARCH_PATH {
            let path = format!("{directory}/{name}");
            if tree.lookup(&parse_path(unit, &path)?).is_some() {
                return Ok(path);
            }
        }
    }
    Err(EnablementError::NotFound { unit: unit.to_owned() })
}

fn check_name(unit: &str) -> Result<(), EnablementError> {
    const SUFFIXES: [&str; 9] = ["service", "socket", "target", "timer", "mount", "automount", "path", "slice", "swap"];
    let good = unit.rsplit_once('.').is_some_and(|(stem, suffix)| !stem.is_empty() && SUFFIXES.contains(&suffix));
    if !good || unit.contains(['/', '\0']) || unit.len() > 255 {
        return Err(EnablementError::BadName { unit: unit.to_owned() });
    }
    Ok(())
}

fn parse_path(unit: &str, path: &str) -> Result<TreePath, EnablementError> {
    TreePath::parse(path).map_err(|source| EnablementError::Path { unit: unit.to_owned(), source })
}

fn symlink(tree: &mut FileTree, unit: &str, path: &TreePath, target: &str) -> Result<(), EnablementError> {
    let inode = Inode::new(Metadata::root_owned(0o777), Kind::Symlink(target.as_bytes().to_vec()));
    tree.insert(path, inode).map_err(|source| EnablementError::Tree { unit: unit.to_owned(), source })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{EnablementError, apply_presets, disable, enable, mask};
    use crate::presets::parse;
    use file_tree::content::{Content, NoBlobs};
    use file_tree::path::TreePath;
    use file_tree::tree::{FileTree, Inode, Kind, Metadata};
    use std::collections::BTreeSet;

    fn tree_with(units: &[(&str, &str)]) -> FileTree {
        let mut tree = FileTree::new();
        for (name, text) in units {
            let path = TreePath::parse(format!("/usr/lib/systemd/system/{name}")).unwrap();
            let content = Content::from_bytes(text.as_bytes().to_vec());
            tree.insert(&path, Inode::new(Metadata::root_owned(0o644), Kind::File(content))).unwrap();
        }
        tree
    }

    fn link(tree: &FileTree, path: &str) -> Option<String> {
        match &tree.inode(tree.lookup(&TreePath::parse(path).unwrap())?).kind {
            Kind::Symlink(target) => Some(String::from_utf8(target.clone()).unwrap()),
            _ => None,
        }
    }

    #[test]
    fn enabling_links_the_unit_its_aliases_and_its_companions() {
        let mut tree = tree_with(&[
            ("a.service", "[Install]\nWantedBy=multi-user.target\nAlias=b.service\nAlso=a.socket\n"),
            ("a.socket", "[Install]\nRequiredBy=sockets.target\n"),
        ]);
        enable(&mut tree, &NoBlobs, "a.service").unwrap();
        let unit = Some("/usr/lib/systemd/system/a.service".to_owned());
        assert_eq!(link(&tree, "/etc/systemd/system/multi-user.target.wants/a.service"), unit);
        assert_eq!(link(&tree, "/etc/systemd/system/b.service"), unit);
        assert!(link(&tree, "/etc/systemd/system/sockets.target.requires/a.socket").is_some());
    }

    #[test]
    fn disabling_takes_every_link_away_and_leaves_other_units_alone() {
        let mut tree = tree_with(&[
            ("a.service", "[Install]\nWantedBy=multi-user.target\nAlias=b.service\n"),
            ("c.service", "[Install]\nWantedBy=multi-user.target\n"),
        ]);
        enable(&mut tree, &NoBlobs, "a.service").unwrap();
        enable(&mut tree, &NoBlobs, "c.service").unwrap();
        disable(&mut tree, "a.service").unwrap();
        assert_eq!(link(&tree, "/etc/systemd/system/multi-user.target.wants/a.service"), None);
        assert_eq!(link(&tree, "/etc/systemd/system/b.service"), None);
        assert!(link(&tree, "/etc/systemd/system/multi-user.target.wants/c.service").is_some());
    }

    #[test]
    fn a_template_instance_is_enabled_by_its_own_name() {
        let mut tree = tree_with(&[("serial@.service", "[Install]\nWantedBy=getty.target\n")]);
        enable(&mut tree, &NoBlobs, "serial@ttyS0.service").unwrap();
        assert_eq!(
            link(&tree, "/etc/systemd/system/getty.target.wants/serial@ttyS0.service").as_deref(),
            Some("/usr/lib/systemd/system/serial@.service")
        );
        let error = enable(&mut tree, &NoBlobs, "serial@.service").unwrap_err();
        assert!(matches!(error, EnablementError::TemplateWithoutInstance { .. }), "{error}");
    }

    #[test]
    fn masking_points_to_dev_null() {
        let mut tree = tree_with(&[("a.service", "")]);
        mask(&mut tree, "a.service").unwrap();
        assert_eq!(link(&tree, "/etc/systemd/system/a.service").as_deref(), Some("/dev/null"));
    }

    #[test]
    fn mistakes_are_named() {
        let mut tree = tree_with(&[("a.service", "[Service]\n")]);
        assert!(matches!(enable(&mut tree, &NoBlobs, "none.service"), Err(EnablementError::NotFound { .. })));
        assert!(matches!(enable(&mut tree, &NoBlobs, "a"), Err(EnablementError::BadName { .. })));
        assert!(matches!(enable(&mut tree, &NoBlobs, "../x.service"), Err(EnablementError::BadName { .. })));
        assert!(matches!(enable(&mut tree, &NoBlobs, "a.service"), Err(EnablementError::NothingToInstall { .. })));
    }

    #[test]
    fn presets_decide_for_units_that_nobody_named() {
        let mut tree = tree_with(&[
            ("a.service", "[Install]\nWantedBy=multi-user.target\n"),
            ("b.service", "[Install]\nWantedBy=multi-user.target\n"),
            ("c.service", "[Service]\n"),
            ("d@.service", "[Install]\nWantedBy=multi-user.target\n"),
            ("e.service", "[Install]\nWantedBy=multi-user.target\n"),
        ]);
        enable(&mut tree, &NoBlobs, "b.service").unwrap();
        let rules = parse("disable b.service\nenable d@.service one\nenable *\n").unwrap();
        let settled = BTreeSet::from(["e.service".to_owned()]);
        let changed = apply_presets(&mut tree, &NoBlobs, &rules, &settled).unwrap();
        assert_eq!(changed, ["a.service", "b.service", "d@.service"]);
        let wanted = |unit: &str| link(&tree, &format!("/etc/systemd/system/multi-user.target.wants/{unit}")).is_some();
        assert!(wanted("a.service") && wanted("d@one.service"));
        assert!(!wanted("b.service") && !wanted("e.service"));
    }
}

//! Where the files of packages go when many are unpacked at once.
//!
//! The rules are dpkg's: directories are shared and keep the metadata of who came first, links to directories are followed,
//! a file belongs to one package unless another replaces it, configuration files get their name when they are configured.

use crate::dpkg_database::PackageControl;
use std::collections::HashMap;

/// Longest path taken, in bytes (Linux `PATH_MAX`).
pub const MAXIMUM_PATH: usize = 4096;
/// Most links followed in one path (Linux `MAXSYMLINKS`).
const MAXIMUM_LINKS: usize = 40;
/// What dpkg appends to a configuration file that is not configured yet.
const NEW_CONFFILE: &[u8] = b".dpkg-new";

/// What an entry of a package is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind<'a> {
    /// A directory.
    Directory,
    /// A file.
    File,
    /// A symbolic link and its target.
    Symlink(&'a [u8]),
    /// Another name of an earlier entry of the same package.
    HardLink(&'a [u8]),
}

/// Where an entry goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Nowhere: it is there already, is not wanted, or belongs to another package.
    Nowhere,
    /// To this path, relative to the root, through real directories only. Directories that were held back come first.
    At {
        /// Directories to be made before, by the index under which they were [`Placement::Deferred`].
        before: Vec<usize>,
        /// The path.
        path: Vec<u8>,
        /// Where the first name of a hard link went.
        link: Option<Vec<u8>>,
    },
    /// A directory that is made only when something in it is wanted. The caller keeps it under this index.
    Deferred {
        /// Dense from zero.
        index: usize,
        /// Its path.
        path: Vec<u8>,
    },
}

/// Why packages cannot be unpacked together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnpackError {
    /// Two packages with one file.
    #[error("{path} is in the package {first} and in {second}, and neither replaces the other")]
    Conflict {
        /// The file.
        path: String,
        /// Who had it first.
        first: String,
        /// Who has it too.
        second: String,
    },
    /// A path that leads outside or nowhere.
    #[error("the package {package} has an unusable path: {path:?}")]
    Path {
        /// The package.
        package: String,
        /// The path.
        path: String,
    },
    /// A hard link to what is not there.
    #[error("the package {package} has {path} as another name of {target}, which is not unpacked")]
    Link {
        /// The package.
        package: String,
        /// The second name.
        path: String,
        /// The first name.
        target: String,
    },
}

/// Files that are not unpacked: documentation and translations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathRules {
    /// Directories, relative to the root, of which nothing is unpacked …
    pub excluded: Vec<String>,
    /// … but files with these names.
    pub kept_names: Vec<String>,
}

impl Default for PathRules {
    /// No documentation, manuals or translations; licences stay, because they have to go where the software goes.
    fn default() -> Self {
        let directories = ["bug", "doc", "doc-base", "groff", "help", "info", "linda", "lintian", "locale", "man"];
        Self {
            excluded: directories.iter().map(|name| format!("usr/share/{name}")).collect(),
            kept_names: vec!["copyright".to_owned()],
        }
    }
}

impl PathRules {
    fn excludes_directory(&self, path: &[u8]) -> bool {
        self.excluded.iter().any(|directory| {
            path.strip_prefix(directory.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    }

    fn excludes_file(&self, path: &[u8]) -> bool {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        self.excludes_directory(path) && !self.kept_names.iter().any(|kept| kept.as_bytes() == name)
    }
}

#[derive(Clone, Debug)]
enum Known {
    Directory,
    DeferredDirectory(usize),
    Symlink { target: Vec<u8>, owner: usize },
    File { owner: usize },
    Excluded,
}

/// The tree so far.
#[derive(Debug)]
pub struct Unpacker<'a> {
    packages: &'a [PackageControl],
    rules: PathRules,
    known: HashMap<Vec<u8>, Known>,
    deferred: usize,
}

impl<'a> Unpacker<'a> {
    /// An empty tree.
    #[must_use]
    pub fn new(packages: &'a [PackageControl], rules: PathRules) -> Self {
        Self { packages, rules, known: HashMap::new(), deferred: 0 }
    }

    /// Decides about the next entry of the package with this index.
    ///
    /// # Errors
    /// When its path cannot be, or another package has the same file.
    pub fn place(&mut self, package: usize, path: &[u8], kind: EntryKind<'_>) -> Result<Placement, UnpackError> {
        let bad = || UnpackError::Path { package: self.packages[package].name.clone(), path: shown(path) };
        let Some(written) = clean(path) else { return Err(bad()) };
        let follow = if kind == EntryKind::Directory { Follow::Last } else { Follow::Parents };
        let Some(resolved) = self.resolve(&written, follow) else { return Err(bad()) };
        if resolved.is_empty() {
            return Ok(Placement::Nowhere);
        }
        if kind == EntryKind::Directory {
            return self.place_directory(package, resolved);
        }
        if self.rules.excludes_file(&resolved) {
            self.known.entry(resolved).or_insert(Known::Excluded);
            return Ok(Placement::Nowhere);
        }
        match self.known.get(&resolved) {
            // dpkg does not replace a directory by a link.
            Some(Known::Directory | Known::DeferredDirectory(_)) => return Ok(Placement::Nowhere),
            Some(Known::File { owner } | Known::Symlink { owner, .. }) if *owner != package => {
                let (first, second) = (&self.packages[*owner], &self.packages[package]);
                if first.replaces(&second.name) {
                    return Ok(Placement::Nowhere);
                }
                if !second.replaces(&first.name) {
                    return Err(UnpackError::Conflict {
                        path: format!("/{}", shown(&resolved)),
                        first: first.name.clone(),
                        second: second.name.clone(),
                    });
                }
            }
            _ => {}
        }
        let link = match kind {
            EntryKind::HardLink(target) => Some(self.link_target(package, path, target)?),
            _ => None,
        };
        let before = self.needed_directories(&resolved);
        let entry = match kind {
            EntryKind::Symlink(target) => Known::Symlink { target: target.to_vec(), owner: package },
            _ => Known::File { owner: package },
        };
        let path = self.with_conffile_name(package, &written, resolved.clone());
        self.known.insert(resolved, entry);
        Ok(Placement::At { before, path, link })
    }

    fn place_directory(&mut self, package: usize, path: Vec<u8>) -> Result<Placement, UnpackError> {
        match self.known.get(&path) {
            Some(Known::Directory | Known::DeferredDirectory(_)) => return Ok(Placement::Nowhere),
            Some(Known::File { owner } | Known::Symlink { owner, .. }) => {
                return Err(UnpackError::Conflict {
                    path: format!("/{}", shown(&path)),
                    first: self.packages[*owner].name.clone(),
                    second: self.packages[package].name.clone(),
                });
            }
            Some(Known::Excluded) | None => {}
        }
        if self.rules.excludes_directory(&path) {
            let index = self.deferred;
            self.deferred += 1;
            self.known.insert(path.clone(), Known::DeferredDirectory(index));
            return Ok(Placement::Deferred { index, path });
        }
        let before = self.needed_directories(&path);
        self.known.insert(path.clone(), Known::Directory);
        Ok(Placement::At { before, path, link: None })
    }

    /// The directories above a path that were held back, outermost first; they count as made from now on.
    fn needed_directories(&mut self, path: &[u8]) -> Vec<usize> {
        let mut needed = Vec::new();
        for (end, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            if let Some(known) = self.known.get_mut(&path[..end])
                && let Known::DeferredDirectory(index) = known
            {
                needed.push(*index);
                *known = Known::Directory;
            }
        }
        needed
    }

    fn link_target(&self, package: usize, path: &[u8], target: &[u8]) -> Result<Vec<u8>, UnpackError> {
        let written = clean(target);
        let resolved = written.as_ref().and_then(|written| self.resolve(written, Follow::Parents));
        match (written, resolved) {
            (Some(written), Some(resolved)) if matches!(self.known.get(&resolved), Some(Known::File { .. })) => {
                Ok(self.with_conffile_name(package, &written, resolved))
            }
            _ => Err(UnpackError::Link {
                package: self.packages[package].name.clone(),
                path: shown(path),
                target: shown(target),
            }),
        }
    }

    fn with_conffile_name(&self, package: usize, written: &[u8], mut resolved: Vec<u8>) -> Vec<u8> {
        let conffiles = &self.packages[package].conffiles;
        if !conffiles.is_empty()
            && std::str::from_utf8(written).is_ok_and(|path| conffiles.contains(&format!("/{path}")))
        {
            resolved.extend_from_slice(NEW_CONFFILE);
        }
        resolved
    }

    /// Follows the links known so far. `None` when they never end or lead out of the tree by name.
    fn resolve(&self, path: &[u8], follow: Follow) -> Option<Vec<u8>> {
        let mut pending: Vec<Vec<u8>> = path.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec).collect();
        let mut done: Vec<u8> = Vec::new();
        let mut followed = 0;
        while let Some(name) = pending.pop() {
            match name.as_slice() {
                b"" | b"." => continue,
                b".." => {
                    done.truncate(done.iter().rposition(|byte| *byte == b'/').unwrap_or(0));
                    continue;
                }
                _ => {}
            }
            let parent = done.len();
            if !done.is_empty() {
                done.push(b'/');
            }
            done.extend_from_slice(&name);
            if done.len() > MAXIMUM_PATH {
                return None;
            }
            if pending.is_empty() && follow == Follow::Parents {
                break;
            }
            if let Some(Known::Symlink { target, .. }) = self.known.get(&done) {
                followed += 1;
                if followed > MAXIMUM_LINKS {
                    return None;
                }
                done.truncate(if target.starts_with(b"/") { 0 } else { parent });
                pending.extend(target.split(|byte| *byte == b'/').rev().map(<[u8]>::to_vec));
            }
        }
        Some(done)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Follow {
    Parents,
    Last,
}

/// A path without `./` in front and `/` behind; `None` when it has `..`, a NUL, or is too long.
fn clean(path: &[u8]) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").collect();
    let good = path.len() <= MAXIMUM_PATH
        && !path.contains(&0)
        && parts.iter().all(|part| *part != b".." && part.len() <= 255);
    good.then(|| parts.join(&b'/'))
}

fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(path).chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::{EntryKind, PathRules, Placement, UnpackError, Unpacker};
    use crate::dpkg_database::{ControlFile, PackageControl};
    use crate::lockfile::tests::package;
    use proptest::prelude::{any, prop, proptest};
    use std::collections::BTreeMap;

    fn control(name: &str, fields: &str, conffiles: &str) -> PackageControl {
        let text = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n{fields}");
        let file = |text: &str| ControlFile { executable: false, contents: text.as_bytes().to_vec() };
        let files = BTreeMap::from([("control".into(), file(&text)), ("conffiles".into(), file(conffiles))]);
        PackageControl::from_files(&package(name, "1"), files).unwrap()
    }

    fn packages() -> Vec<PackageControl> {
        vec![
            control("base-files", "", "/etc/issue\n"),
            control("one", "Replaces: two (<< 3), base-files\n", ""),
            control("two", "", "/lib/two.conf\n"),
        ]
    }

    fn at(path: &str) -> Placement {
        Placement::At { before: vec![], path: path.into(), link: None }
    }

    #[test]
    fn follows_links_to_directories_and_shares_directories() {
        let packages = packages();
        let mut unpacker = Unpacker::new(&packages, PathRules::default());
        let mut place = |package, path: &str, kind| unpacker.place(package, path.as_bytes(), kind).unwrap();
        assert_eq!(place(0, "./", EntryKind::Directory), Placement::Nowhere);
        assert_eq!(place(0, "./usr/lib/", EntryKind::Directory), at("usr/lib"));
        assert_eq!(place(0, "./lib", EntryKind::Symlink(b"usr/lib")), at("lib"));
        assert_eq!(place(0, "./loop", EntryKind::Symlink(b"/loop")), at("loop"));
        assert_eq!(place(1, "./lib/", EntryKind::Directory), Placement::Nowhere);
        assert_eq!(place(1, "./lib/x", EntryKind::File), at("usr/lib/x"));
        let second = Placement::At { before: vec![], path: "usr/lib/y".into(), link: Some("usr/lib/x".into()) };
        assert_eq!(place(1, "./lib/y", EntryKind::HardLink(b"./lib/x")), second);
        assert_eq!(place(2, "./lib/two.conf", EntryKind::File), at("usr/lib/two.conf.dpkg-new"));
        assert_eq!(place(2, "./usr/lib", EntryKind::Symlink(b"elsewhere")), Placement::Nowhere);
        assert!(matches!(unpacker.place(2, b"./loop/x", EntryKind::File), Err(UnpackError::Path { .. })));
        assert!(matches!(unpacker.place(2, b"./../x", EntryKind::File), Err(UnpackError::Path { .. })));
    }

    #[test]
    fn a_file_of_two_packages_goes_to_the_one_that_replaces() {
        let packages = packages();
        let mut unpacker = Unpacker::new(&packages, PathRules::default());
        let mut place = |package, path: &str| unpacker.place(package, path.as_bytes(), EntryKind::File);
        assert_eq!(place(0, "a").unwrap(), at("a"));
        assert_eq!(place(1, "a").unwrap(), at("a"));
        assert_eq!(place(2, "a").unwrap(), Placement::Nowhere);
        assert_eq!(place(0, "b").unwrap(), at("b"));
        let error = place(2, "b").unwrap_err().to_string();
        assert_eq!(error, "/b is in the package base-files and in two, and neither replaces the other");
    }

    #[test]
    fn documentation_stays_out_and_licences_come() {
        let packages = packages();
        let mut unpacker = Unpacker::new(&packages, PathRules::default());
        let mut place = |path: &str, kind| unpacker.place(1, path.as_bytes(), kind).unwrap();
        place("./usr/share", EntryKind::Directory);
        assert!(matches!(place("./usr/share/doc", EntryKind::Directory), Placement::Deferred { index: 0, .. }));
        assert!(matches!(place("./usr/share/doc/one", EntryKind::Directory), Placement::Deferred { index: 1, .. }));
        assert_eq!(place("./usr/share/doc/one/changelog.gz", EntryKind::File), Placement::Nowhere);
        let licence = Placement::At { before: vec![0, 1], path: "usr/share/doc/one/copyright".into(), link: None };
        assert_eq!(place("./usr/share/doc/one/copyright", EntryKind::File), licence);
        assert_eq!(place("./usr/share/documents", EntryKind::File), at("usr/share/documents"));
    }

    proptest! {
        #[test]
        fn no_entry_lands_outside_or_behind_a_link(
            entries in prop::collection::vec((any::<prop::sample::Index>(), "[ab./]{1,8}", 0_u8..4, "[ab./]{1,6}"), 0..40)
        ) {
            let packages = packages();
            let mut unpacker = Unpacker::new(&packages, PathRules::default());
            let mut links: Vec<Vec<u8>> = Vec::new();
            for (package, path, kind, target) in &entries {
                let kind = match kind {
                    0 => EntryKind::Directory,
                    1 => EntryKind::File,
                    2 => EntryKind::Symlink(target.as_bytes()),
                    _ => EntryKind::HardLink(target.as_bytes()),
                };
                if let Ok(Placement::At { path, .. }) = unpacker.place(package.index(3), path.as_bytes(), kind) {
                    assert!(!path.starts_with(b"/") && !path.split(|b| *b == b'/').any(|part| part == b".."));
                    let behind = |link: &Vec<u8>| path.starts_with(link) && path.get(link.len()) == Some(&b'/');
                    assert!(!links.iter().any(behind), "{path:?} {links:?}");
                    links.retain(|link| *link != path);
                    if matches!(kind, EntryKind::Symlink(_)) {
                        links.push(path);
                    }
                }
            }
        }
    }
}

//! dpkg's database (`/var/lib/dpkg`) as it is right after unpacking, before anything is configured.
//!
//! Unpacking many packages at once and leaving the configuring to dpkg is `dpkg --unpack` of all followed by
//! `dpkg --configure`; this module writes what the first would have written. Triggers need no more than their interests recorded:
//! dpkg runs none for a package that is only unpacked, because its configuring does their work (deb-triggers(5)).

use crate::deb822::{Deb822Error, Paragraph, paragraphs};
use crate::lockfile::LockedPackage;
use std::collections::{BTreeMap, BTreeSet};

/// Most bytes of all control files of one package; the largest in Debian trixie has about 4 MB.
pub const MAXIMUM_CONTROL: u64 = 64 * 1024 * 1024;

/// A file of a package's control archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlFile {
    /// Whether it is executable (a maintainer script).
    pub executable: bool,
    /// Its contents.
    pub contents: Vec<u8>,
}

/// What a package file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageControl {
    /// Name.
    pub name: String,
    /// Architecture.
    pub architecture: String,
    /// Whether dpkg calls it `name:architecture` in its file names.
    same_architecture: bool,
    essential: bool,
    /// Groups of alternatives in Depends and Pre-Depends, by name.
    depends: Vec<Vec<String>>,
    provides: Vec<String>,
    /// Packages whose files it may take over.
    replaces: BTreeSet<String>,
    /// Paths of its configuration files, absolute.
    pub conffiles: BTreeSet<String>,
    interests: Vec<Interest>,
    /// The fields for dpkg's status, but for the name.
    description: String,
    /// The control files, by name, `control` left out.
    files: BTreeMap<String, ControlFile>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Interest {
    trigger: String,
    waits: bool,
}

/// Why a package file's control archive cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PackageControlError {
    /// A control file is not there.
    #[error("the package has no control file")]
    NoControl,
    /// More than a package's own description.
    #[error("the package's control file describes more than one package")]
    SecondParagraph,
    /// A control file that is not UTF-8.
    #[error("the package's {file} is not UTF-8")]
    NotText {
        /// Its name.
        file: &'static str,
    },
    /// Not deb822.
    #[error("the package's control file is malformed")]
    Syntax(#[from] Deb822Error),
    /// A field is not there.
    #[error("the package's control file has no field {field}")]
    Missing {
        /// Its name.
        field: &'static str,
    },
    /// Another package than the lockfile says.
    #[error("the file is {found} and not {expected}, which the lockfile says it is")]
    OtherPackage {
        /// What the lockfile says.
        expected: String,
        /// What the file says.
        found: String,
    },
    /// A name or line that would end up elsewhere than meant.
    #[error("the package's {file} holds an unusable line: {line:?}")]
    Line {
        /// The control file.
        file: &'static str,
        /// The start of the line.
        line: String,
    },
}

impl PackageControl {
    /// Reads the files of a control archive.
    ///
    /// # Errors
    /// When they are malformed or belong to another package than `locked`.
    pub fn from_files(
        locked: &LockedPackage,
        mut files: BTreeMap<String, ControlFile>,
    ) -> Result<Self, PackageControlError> {
        let control = files.remove("control").ok_or(PackageControlError::NoControl)?;
        let control = text(&control, "control")?.to_owned();
        let mut all = paragraphs(&control);
        let paragraph = all.next().transpose()?.ok_or(PackageControlError::NoControl)?;
        if all.next().is_some() {
            return Err(PackageControlError::SecondParagraph);
        }
        let field = |field| paragraph.get(field).ok_or(PackageControlError::Missing { field });
        let (name, version, architecture) = (field("Package")?, field("Version")?, field("Architecture")?);
        if (name, version, architecture) != (&*locked.name, &*locked.version, &*locked.architecture) {
            return Err(PackageControlError::OtherPackage {
                expected: format!("{} {} {}", locked.name, locked.version, locked.architecture),
                found: format!("{name} {version} {architecture}"),
            });
        }
        if let Some(name) = files.keys().find(|name| !is_control_file_name(name)) {
            return Err(PackageControlError::Line { file: "control archive", line: name.chars().take(80).collect() });
        }
        let names = |field: &str| names_of(&paragraph, field).into_iter().flatten().collect::<Vec<String>>();
        Ok(Self {
            name: name.to_owned(),
            architecture: architecture.to_owned(),
            same_architecture: paragraph.get("Multi-Arch") == Some("same"),
            essential: paragraph.get("Essential") == Some("yes"),
            depends: [names_of(&paragraph, "Pre-Depends"), names_of(&paragraph, "Depends")].concat(),
            provides: names("Provides"),
            replaces: names("Replaces").into_iter().collect(),
            conffiles: conffiles(files.get("conffiles"))?,
            interests: interests(files.get("triggers"))?,
            description: description(&paragraph),
            files,
        })
    }

    /// Whether it may take over files of another package.
    #[must_use]
    pub fn replaces(&self, other: &str) -> bool {
        self.replaces.contains(other)
    }

    /// Whether it has a script that runs before its files are unpacked.
    #[must_use]
    pub fn has_preinst(&self) -> bool {
        self.files.contains_key("preinst")
    }

    /// Whether its files may go to other names than its archive says, so that only dpkg itself can unpack it: the script that
    /// runs before diverts files.
    #[must_use]
    pub fn diverts(&self) -> bool {
        self.files.get("preinst").is_some_and(|script| contains(&script.contents, b"dpkg-divert"))
    }

    /// The name dpkg gives its files in `/var/lib/dpkg/info`.
    #[must_use]
    pub fn info_name(&self) -> String {
        if self.same_architecture { format!("{}:{}", self.name, self.architecture) } else { self.name.clone() }
    }

    /// Its paragraph in `/var/lib/dpkg/status` once unpacked, with the empty line that ends it.
    #[must_use]
    pub fn status_paragraph(&self) -> String {
        let mut paragraph = format!("Package: {}\nStatus: install ok unpacked\n{}", self.name, self.description);
        if !self.conffiles.is_empty() {
            paragraph.push_str("Conffiles:\n");
            for path in &self.conffiles {
                paragraph.push_str(&format!(" {path} newconffile\n"));
            }
        }
        paragraph.push('\n');
        paragraph
    }

    /// The control files to be put into `/var/lib/dpkg/info`, with the names they have there.
    pub fn info_files(&self) -> impl Iterator<Item = (String, &ControlFile)> {
        let prefix = self.info_name();
        self.files.iter().map(move |(name, file)| (format!("{prefix}.{name}"), file))
    }
}

/// The paragraph of a package that stands for what the image provides itself: dpkg and apt count it as installed.
#[must_use]
pub fn provided_paragraph(provided: &[String], architecture: &str) -> String {
    if provided.is_empty() {
        return String::new();
    }
    format!(
        "Package: {PROVIDING_PACKAGE}\nStatus: install ok installed\nPriority: optional\nSection: metapackages\n\
         Maintainer: Piccolo OS\nArchitecture: {architecture}\nVersion: 1\nProvides: {}\n\
         Description: what the image provides without a package\n\n",
        provided.join(", ")
    )
}

/// Name of the package of [`provided_paragraph`].
pub const PROVIDING_PACKAGE: &str = "piccolo-image";

/// The essential packages and everything they depend on, by index: configured before all others, which may count on them
/// without saying so (Debian Policy 3.8).
#[must_use]
pub fn essential_closure(packages: &[PackageControl]) -> BTreeSet<usize> {
    let mut by_name: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, package) in packages.iter().enumerate() {
        by_name.entry(&package.name).or_default().push(index);
        for provided in &package.provides {
            by_name.entry(provided).or_default().push(index);
        }
    }
    let mut closure = BTreeSet::new();
    let mut pending: Vec<usize> = (0..packages.len()).filter(|index| packages[*index].essential).collect();
    while let Some(index) = pending.pop() {
        if closure.insert(index) {
            let names = packages[index].depends.iter().flatten();
            pending.extend(names.filter_map(|name| by_name.get(name.as_str())).flatten());
        }
    }
    closure
}

/// The files of `/var/lib/dpkg/triggers` by name: `File` holds the interests in paths, every other file one named trigger.
#[must_use]
pub fn trigger_files(packages: &[PackageControl]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::from([("File".to_owned(), String::new())]);
    for package in packages {
        for interest in &package.interests {
            let who = format!("{}{}", package.info_name(), if interest.waits { "" } else { "/noawait" });
            if interest.trigger.starts_with('/') {
                let line = format!("{} {who}\n", interest.trigger);
                files.entry("File".to_owned()).or_default().push_str(&line);
            } else {
                files.entry(interest.trigger.clone()).or_default().push_str(&format!("{who}\n"));
            }
        }
    }
    files
}

fn text<'a>(file: &'a ControlFile, name: &'static str) -> Result<&'a str, PackageControlError> {
    std::str::from_utf8(&file.contents).map_err(|_| PackageControlError::NotText { file: name })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

fn is_control_file_name(name: &str) -> bool {
    !name.is_empty()
        && name != "list"
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_+".contains(&byte))
}

/// Groups of alternative names in a relationship field; versions, architectures and profiles are left aside.
fn names_of(paragraph: &Paragraph<'_>, field: &str) -> Vec<Vec<String>> {
    let name = |alternative: &str| {
        let word = alternative.trim().split([' ', '(', '[', '<', '\n', '\t', ':']).next().unwrap_or_default();
        (!word.is_empty()).then(|| word.to_owned())
    };
    let group = |group: &str| group.split('|').filter_map(name).collect::<Vec<_>>();
    paragraph.get(field).unwrap_or_default().split(',').map(group).filter(|group| !group.is_empty()).collect()
}

fn conffiles(file: Option<&ControlFile>) -> Result<BTreeSet<String>, PackageControlError> {
    let Some(file) = file else { return Ok(BTreeSet::new()) };
    let mut paths = BTreeSet::new();
    for line in text(file, "conffiles")?.lines().map(str::trim_end).filter(|line| !line.is_empty()) {
        // `remove-on-upgrade /path` names a file that the package no longer has.
        if line.starts_with("remove-on-upgrade ") {
            continue;
        }
        let good = line.starts_with('/') && !line.contains([' ', '\t']) && line.split('/').all(|part| part != "..");
        if !good {
            return Err(PackageControlError::Line { file: "conffiles", line: line.chars().take(80).collect() });
        }
        paths.insert(line.to_owned());
    }
    Ok(paths)
}

fn interests(file: Option<&ControlFile>) -> Result<Vec<Interest>, PackageControlError> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let mut interests = Vec::new();
    for line in text(file, "triggers")?.lines() {
        let words: Vec<&str> = line.split('#').next().unwrap_or_default().split_ascii_whitespace().collect();
        let (directive, trigger) = match words.as_slice() {
            [] => continue,
            [directive, trigger] => (*directive, *trigger),
            _ => return Err(PackageControlError::Line { file: "triggers", line: line.chars().take(80).collect() }),
        };
        let waits = match directive {
            "interest" | "interest-await" => true,
            "interest-noawait" => false,
            _ => continue,
        };
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.+:".contains(&byte);
        let good =
            trigger.starts_with('/') || (trigger != "File" && !trigger.starts_with('.') && trigger.bytes().all(named));
        if !good {
            return Err(PackageControlError::Line { file: "triggers", line: line.chars().take(80).collect() });
        }
        interests.push(Interest { trigger: trigger.to_owned(), waits });
    }
    Ok(interests)
}

/// The control file as dpkg keeps it: one paragraph, without comments and without the fields that only dpkg writes.
fn description(paragraph: &Paragraph<'_>) -> String {
    let mut text = String::new();
    let kept = |name: &str| !["package", "status", "conffiles"].contains(&name.to_ascii_lowercase().as_str());
    for (name, value) in paragraph.fields().iter().filter(|(name, _)| kept(name)) {
        let mut lines = value.lines().filter(|line| !line.starts_with('#'));
        text.push_str(&format!("{name}: {}\n", lines.next().unwrap_or_default()));
        for line in lines {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{ControlFile, PackageControl, PackageControlError, essential_closure, trigger_files};
    use crate::lockfile::tests::package;
    use proptest::prelude::{any, proptest};
    use std::collections::{BTreeMap, BTreeSet};

    fn control(name: &str, fields: &str, others: &[(&str, &str)]) -> PackageControl {
        let text = format!("Package: {name}\nVersion: 1\nArchitecture: amd64\n{fields}Description: x\n y\n");
        let mut files = BTreeMap::from([("control".to_owned(), file(&text))]);
        files.extend(others.iter().map(|(name, contents)| ((*name).to_owned(), file(contents))));
        PackageControl::from_files(&package(name, "1"), files).unwrap()
    }

    fn file(contents: &str) -> ControlFile {
        ControlFile { executable: false, contents: contents.as_bytes().to_vec() }
    }

    #[test]
    fn writes_the_status_dpkg_would_write() {
        let libc =
            control("libc6", "Multi-Arch: same\n", &[("conffiles", "/etc/ld.so.conf\n/etc/a\n"), ("postinst", "#!")]);
        assert_eq!(
            libc.status_paragraph(),
            "Package: libc6\nStatus: install ok unpacked\nVersion: 1\nArchitecture: amd64\nMulti-Arch: same\nDescription: x\n y\n\
             Conffiles:\n /etc/a newconffile\n /etc/ld.so.conf newconffile\n\n"
        );
        let names: Vec<String> = libc.info_files().map(|(name, _)| name).collect();
        assert_eq!(names, ["libc6:amd64.conffiles", "libc6:amd64.postinst"]);
    }

    #[test]
    fn closes_over_what_essential_packages_depend_on() {
        let packages = [
            control(
                "base-files",
                "Essential: yes\nPre-Depends: awk\nDepends: libc6 (>= 2), none | libcrypt1:any\n",
                &[],
            ),
            control("mawk", "Provides: awk\n", &[]),
            control("libc6", "Depends: libgcc-s1\n", &[]),
            control("libgcc-s1", "", &[]),
            control("libcrypt1", "", &[]),
            control("vim", "Depends: libc6\n", &[]),
        ];
        assert_eq!(essential_closure(&packages), BTreeSet::from([0, 1, 2, 3, 4]));
    }

    #[test]
    fn records_interests_in_triggers() {
        let packages = [
            control(
                "dbus",
                "",
                &[("triggers", "# x\ninterest-noawait /usr/share/dbus-1\nactivate-noawait ldconfig\n")],
            ),
            control("libc-bin", "", &[("triggers", "interest-await ldconfig\n")]),
        ];
        let files = trigger_files(&packages);
        assert_eq!(files["File"], "/usr/share/dbus-1 dbus/noawait\n");
        assert_eq!(files["ldconfig"], "libc-bin\n");
    }

    #[test]
    fn refuses_another_package_and_names_that_lead_elsewhere() {
        let refused = |files: &[(&str, &str)]| {
            let files = files.iter().map(|(name, contents)| ((*name).to_owned(), file(contents))).collect();
            PackageControl::from_files(&package("bash", "2"), files).unwrap_err()
        };
        let good = "Package: bash\nVersion: 2\nArchitecture: amd64\n";
        let other = refused(&[("control", "Package: bash\nVersion: 1\nArchitecture: amd64\n")]);
        assert!(matches!(other, PackageControlError::OtherPackage { .. }));
        for (name, contents) in
            [("../x", ""), ("conffiles", "/etc/../x\n"), ("conffiles", "etc/x\n"), ("triggers", "interest ../x\n")]
        {
            assert!(
                matches!(refused(&[("control", good), (name, contents)]), PackageControlError::Line { .. }),
                "{name}"
            );
        }
    }

    proptest! {
        #[test]
        fn any_control_archive_is_refused_or_stays_in_its_place(
            fields in "[A-Za-z:\\n ,|()/.=-]{0,80}", conffiles in any::<String>(), triggers in "[a-z/. #\\n-]{0,60}"
        ) {
            let control = format!("Package: bash\nVersion: 2\nArchitecture: amd64\n{fields}\n");
            let contents = [("control", control), ("conffiles", conffiles), ("triggers", triggers)];
            let files = contents.iter().map(|(name, contents)| ((*name).to_owned(), file(contents))).collect();
            if let Ok(package) = PackageControl::from_files(&package("bash", "2"), files) {
                assert!(package.status_paragraph().starts_with("Package: bash\nStatus: install ok unpacked\n"));
                assert_eq!(package.status_paragraph().matches("\n\n").count(), 1);
                assert!(trigger_files(&[package]).keys().all(|name| !name.contains('/') && !name.starts_with('.')));
            }
        }
    }
}

//! A real, signed Debian archive in a temporary directory.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has to stop")]

use crate::support::{readable_directory, run};
use package_lock::digest::Sha256Digest;
use package_lock::request::{ArchiveKey, ArchiveRequest, Request};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// An archive with one suite, `stable`, and one component, `main`.
pub struct TestArchive {
    directory: TempDir,
    packages: Vec<(String, PathBuf, String)>,
}

impl TestArchive {
    /// An archive with a key of its own and no packages.
    pub fn new() -> Self {
        let directory = readable_directory();
        let archive = Self { directory, packages: Vec::new() };
        let home = archive.path("gnupg");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, Permissions::from_mode(0o700)).unwrap();
        archive.gpg(&["--passphrase", "", "--quick-generate-key", "archive@example.org", "ed25519", "sign", "never"]);
        let key = archive.key_file();
        archive.gpg(&["--output", key.to_str().unwrap(), "--export"]);
        archive
    }

    pub fn path(&self, relative: &str) -> PathBuf {
        self.directory.path().join(relative)
    }

    pub fn key_file(&self) -> PathBuf {
        self.path("key.gpg")
    }

    pub fn mirror(&self) -> String {
        format!("file:{}", self.path("mirror").display())
    }

    fn gpg(&self, arguments: &[&str]) {
        let home = self.path("gnupg");
        let mut all = vec!["--homedir", home.to_str().unwrap(), "--batch", "--yes", "--quiet"];
        all.extend(arguments);
        run("gpg", "gnupg", &all);
    }

    /// Builds a package; `fields` are more lines of its control file.
    pub fn add(&mut self, name: &str, version: &str, fields: &str) -> &mut Self {
        let tree = self.path(&format!("build/{name}_{version}"));
        let control = format!(
            "Package: {name}\nVersion: {version}\nArchitecture: all\nMaintainer: T <t@example.org>\n{fields}Description: test\n"
        );
        fs::create_dir_all(tree.join("DEBIAN")).unwrap();
        fs::create_dir_all(tree.join("usr/share/test")).unwrap();
        fs::write(tree.join("DEBIAN/control"), &control).unwrap();
        fs::write(tree.join("usr/share/test").join(name), version).unwrap();
        let relative = PathBuf::from(format!("pool/main/{name}/{name}_{version}_all.deb"));
        let file = self.path("mirror").join(&relative);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        run("dpkg-deb", "dpkg", &["--root-owner-group", "--build", tree.to_str().unwrap(), file.to_str().unwrap()]);
        self.packages.push((name.to_owned(), relative, control));
        self
    }

    /// Writes and signs the indices.
    pub fn publish(&self) {
        let mut index = String::new();
        for (_, relative, control) in &self.packages {
            let contents = fs::read(self.path("mirror").join(relative)).unwrap();
            let digest = Sha256Digest::of(&contents);
            let _ = writeln!(
                index,
                "{control}Filename: {}\nSize: {}\nSHA256: {digest}\n",
                relative.display(),
                contents.len()
            );
        }
        let suite = self.path("mirror/dists/stable");
        let binary = suite.join("main/binary-amd64");
        fs::create_dir_all(&binary).unwrap();
        fs::write(binary.join("Packages"), &index).unwrap();
        let digest = Sha256Digest::of(index.as_bytes());
        let release = format!(
            "Origin: Test\nSuite: stable\nCodename: stable\nArchitectures: amd64\nComponents: main\n\
             Date: Sat, 05 Sep 2026 09:30:00 UTC\nSHA256:\n {digest} {} main/binary-amd64/Packages\n",
            index.len()
        );
        fs::write(suite.join("Release"), release).unwrap();
        let (input, output) = (suite.join("Release"), suite.join("InRelease"));
        self.gpg(&["--clearsign", "--output", output.to_str().unwrap(), input.to_str().unwrap()]);
    }

    /// The package's file on the mirror.
    pub fn file(&self, name: &str) -> PathBuf {
        let found = self.packages.iter().rev().find(|(package, ..)| package == name).unwrap();
        self.path("mirror").join(&found.1)
    }

    pub fn request(&self, packages: &[&str]) -> Request {
        let key = ArchiveKey::File(Sha256Digest::of(&fs::read(self.key_file()).unwrap()));
        let archive = ArchiveRequest { suites: vec!["stable".into()], components: vec!["main".into()], key };
        Request {
            architecture: "amd64".into(),
            archives: BTreeMap::from([("test".to_owned(), archive)]),
            packages: packages.iter().map(|name| (*name).to_owned()).collect(),
            excluded: [].into(),
            provided: [].into(),
            recommends: false,
        }
    }

    pub fn mirrors(&self) -> BTreeMap<String, Vec<String>> {
        BTreeMap::from([("test".to_owned(), vec![self.mirror()])])
    }

    pub fn keys(&self) -> BTreeMap<String, PathBuf> {
        BTreeMap::from([("test".to_owned(), self.key_file())])
    }
}

/// Changes one byte in the middle of a file.
pub fn flip_a_byte(path: &Path) {
    let mut contents = fs::read(path).unwrap();
    let middle = contents.len() / 2;
    contents[middle] ^= 1;
    fs::write(path, contents).unwrap();
}

//! Runs Podman's generator of the tools tree on units.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    reason = "these tests compare with programs, which read files, and stop where one is missing"
)]

use quadlet::app::{App, Surroundings};
use quadlet::finding::{Finding, Severity};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// What the generator says to a set of units.
pub struct Answer {
    /// Whether it is content with all of them.
    pub accepted: bool,
    /// The services it makes, with their texts.
    pub services: BTreeMap<String, String>,
    /// What it complains about.
    pub complaints: String,
}

/// The tree that `cargo xtask test` makes.
pub fn tools_tree() -> PathBuf {
    let root = std::env::var_os("PICCOLO_TOOLS_TREE").map(PathBuf::from);
    root.expect("PICCOLO_TOOLS_TREE is not set: run through `cargo xtask test`, which makes the tools tree")
}

/// A program of the tree, run by the tree's own loader: neither root nor a sandbox is needed.
pub fn run(package: &str, program: &str, arguments: &[&str], variable: (&str, &Path)) -> Output {
    let tree = tools_tree();
    let path = tree.join(program);
    assert!(path.exists(), "{} is missing: it is in Debian trixie's {package}; make the tree anew", path.display());
    let libraries = tree.join("usr/lib/x86_64-linux-gnu");
    let mut search = libraries.clone().into_os_string();
    search.push(":");
    search.push(libraries.join("systemd"));
    let mut command = Command::new(tree.join("usr/lib64/ld-linux-x86-64.so.2"));
    command.arg("--library-path").arg(search).arg(path).args(arguments).env(variable.0, variable.1);
    command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"))
}

/// Gives files to the generator.
pub fn generate(files: &BTreeMap<String, String>) -> Answer {
    let directory = TempDir::new().expect("a temporary directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("the temporary directory can be written");
    }
    let variable = ("QUADLET_UNIT_DIRS", directory.path());
    let output = run("podman", "usr/libexec/podman/quadlet", &["--dryrun"], variable);
    let printed = String::from_utf8_lossy(&output.stdout).replace(&directory.path().display().to_string(), "/units");
    let mut services: BTreeMap<String, String> = BTreeMap::new();
    let mut current: Option<&mut String> = None;
    for line in printed.lines() {
        let name = line.strip_prefix("---").and_then(|rest| rest.strip_suffix("---"));
        match (name, &mut current) {
            (Some(name), _) => current = Some(services.entry(name.to_owned()).or_default()),
            (None, Some(text)) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    let complaints: Vec<&str> = complaints.lines().filter(|line| !line.contains("Loading source unit")).collect();
    Answer { accepted: output.status.success(), services, complaints: complaints.join("\n") }
}

/// Our own findings about files.
pub fn findings(files: &BTreeMap<String, String>) -> Vec<Finding> {
    app(files).check(&Surroundings::default())
}

/// Those that keep an app from being installed, as text.
pub fn errors(files: &BTreeMap<String, String>) -> Vec<String> {
    let errors = findings(files).into_iter().filter(|finding| finding.severity == Severity::Error);
    errors.map(|finding| finding.to_string()).collect()
}

/// The app of files.
pub fn app(files: &BTreeMap<String, String>) -> App {
    App::read(files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())))
}

/// Files by name.
pub fn files<const COUNT: usize>(files: [(&str, &str); COUNT]) -> BTreeMap<String, String> {
    files.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned())).collect()
}

//! Runs programs of the tools tree, and of the machine, on files in a temporary directory.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    clippy::panic,
    reason = "these tests compare with programs, which read and write files, and stop where one is missing"
)]

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Where the working directory is seen inside the tree.
const WORK: &str = "/tmp/work";

/// A Debian trixie tree with systemd's tools, read-only, and a working directory that both sides see.
pub struct ToolsTree {
    root: PathBuf,
    work: TempDir,
}

impl ToolsTree {
    /// The tree that `cargo xtask test` names.
    pub fn from_environment() -> Self {
        let root = std::env::var_os("PICCOLO_TOOLS_TREE").map(PathBuf::from);
        let root =
            root.expect("PICCOLO_TOOLS_TREE is not set: run through `cargo xtask test`, which makes the tools tree");
        Self { root, work: TempDir::new().expect("a temporary directory") }
    }

    /// A file of the tree.
    pub fn read(&self, path: &str) -> Vec<u8> {
        let path = self.root.join(path);
        std::fs::read(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; the tools tree is incomplete, make it anew through `cargo xtask test`", path.display())
        })
    }

    /// Puts a file into the working directory and returns its path inside the tree.
    pub fn put(&self, name: &str, content: &[u8]) -> String {
        std::fs::write(self.path(name), content).expect("the working directory can be written");
        format!("{WORK}/{name}")
    }

    /// Reads a file of the working directory.
    pub fn get(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Where a file of the working directory is on the machine.
    pub fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Runs a program of the tree in a sandbox, as root or not, and returns its standard output.
    pub fn run(&self, program: &str, arguments: &[&str]) -> String {
        let mut command = Command::new("bwrap");
        command.arg("--ro-bind").arg(&self.root).arg("/").args(["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
        command.arg("--bind").arg(self.work.path()).arg(WORK).args(["--chdir", WORK, "--clearenv"]);
        command.args(["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8", program]).args(arguments);
        output_of(command, "bubblewrap").0
    }
}

/// Runs a program of the machine in a directory and returns all it printed. `package` is the Debian package it is from.
pub fn run_on_machine(program: &str, package: &str, directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.current_dir(directory).env("LC_ALL", "C").args(arguments);
    let (output, errors) = output_of(command, package);
    output + &errors
}

/// Standard output and standard error.
fn output_of(mut command: Command, package: &str) -> (String, String) {
    let output = command.output().unwrap_or_else(|error| match error.kind() {
        ErrorKind::NotFound => panic!("{command:?} is missing: install the Debian package {package}"),
        _ => panic!("{command:?}: {error}"),
    });
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} ended with {}:\n{errors}", output.status);
    (String::from_utf8_lossy(&output.stdout).into_owned(), errors.into_owned())
}

//! What several tests need.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot be set up has to stop")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A directory that apt's own user can get into, which a temporary directory is not.
pub fn readable_directory() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    directory
}

/// Runs a program that a test needs, and says which Debian package brings it.
pub fn run(program: &str, debian_package: &str, arguments: &[&str]) -> String {
    let output = attempt(program, debian_package, arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {}\n{stderr}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a program that may say no.
#[expect(clippy::disallowed_methods, reason = "tests run the tools that make archives, which the product never does")]
pub fn attempt(program: &str, debian_package: &str, arguments: &[&str]) -> Output {
    let started = Command::new(program).args(arguments).output();
    started.unwrap_or_else(|error| panic!("{program}: {error}; apt-get install {debian_package}"))
}

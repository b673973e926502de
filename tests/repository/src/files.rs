//! The files that git tracks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The root of the repository.
#[must_use]
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("invariant: this crate lies two folders below the root").to_owned()
}

/// Runs a program in the root of the repository and gives what it prints.
///
/// # Panics
/// When it does not run or fails.
#[must_use]
pub fn output(program: &str, arguments: &[&str]) -> String {
    #[expect(
        clippy::disallowed_methods,
        reason = "a test of the repository asks git and cargo; it is no part of the product"
    )]
    let output = Command::new(program).args(arguments).current_dir(root()).output();
    let output = output.unwrap_or_else(|error| fail(&format!("{program} does not start: {error}")));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {} ended with {}: {errors}", arguments.join(" "), output.status);
    String::from_utf8(output.stdout).expect("git and cargo print UTF-8")
}

/// Every tracked file that is there, relative to the root, in order of names.
#[must_use]
pub fn tracked() -> Vec<String> {
    // The checkout may belong to another user than the one who runs the tests, which git refuses unless told.
    let directory = format!("safe.directory={}", root().display());
    let list = output("git", &["-c", &directory, "ls-files", "-z"]);
    list.split_terminator('\0').filter(|path| root().join(path).is_file()).map(str::to_owned).collect()
}

/// The tracked files whose names end so.
#[must_use]
pub fn tracked_with_ending(endings: &[&str]) -> Vec<String> {
    tracked().into_iter().filter(|path| endings.iter().any(|ending| path.ends_with(ending))).collect()
}

/// The text of a tracked file; of a binary file, whatever of it is text.
///
/// # Panics
/// When it cannot be read.
#[must_use]
pub fn text(path: &str) -> String {
    let bytes = fs::read(root().join(path));
    let bytes = bytes.unwrap_or_else(|error| fail(&format!("{path}: {error}")));
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether a path names a tracked file, or a folder with one. `.` is the root.
#[must_use]
pub fn exists(tracked: &[String], path: &str) -> bool {
    let path = path.trim_end_matches('/');
    path == "."
        || tracked.iter().any(|file| file == path || file.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
}

#[expect(clippy::panic, reason = "only tests call this crate, and a test fails by panicking")]
fn fail(message: &str) -> ! {
    panic!("{message}")
}

//! Runs the programs that judge our bytes

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Output;

/// Runs a program of this machine and gives what it printed; it must exit with 0.
///
/// `package` is the Debian package that has it, for who runs the tests without it.
pub fn run<A: AsRef<OsStr>>(package: &str, program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let output = output(package, program, arguments);
    let [printed, complaints] = texts(&output);
    assert!(output.status.success(), "{program} is not content:\n{printed}{complaints}");
    printed
}

/// Runs a program and gives its exit status and everything it said.
pub fn attempt<A: AsRef<OsStr>>(
    package: &str,
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> (Option<i32>, String) {
    let output = output(package, program, arguments);
    (output.status.code(), texts(&output).concat())
}

#[expect(clippy::panic, reason = "a missing oracle fails the test")]
fn output<A: AsRef<OsStr>>(package: &str, program: &str, arguments: impl IntoIterator<Item = A>) -> Output {
    #[expect(clippy::disallowed_methods, reason = "an oracle is no part of the product")]
    let result = std::process::Command::new(program)
        .args(arguments)
        // Programs for disks live in sbin, which ordinary users do not have in their path.
        .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output();
    result.unwrap_or_else(|error| panic!("{program} cannot be run ({error}); apt-get install {package}"))
}

fn texts(output: &Output) -> [String; 2] {
    [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream).into_owned())
}

/// A program of the trixie tools tree with the arguments that make its own loader run it: it works without root and without
/// entering the tree.
#[expect(clippy::panic, reason = "a missing oracle fails the test")]
pub fn from_tools_tree(program: &str) -> (String, Vec<String>) {
    let tree = std::env::var_os("PICCOLO_TOOLS_TREE").map(PathBuf::from).unwrap_or_else(|| {
        panic!("PICCOLO_TOOLS_TREE is not set: {program} of Debian trixie is needed; run through `cargo xtask test`")
    });
    let path = |inside: &str| tree.join(inside).display().to_string();
    let program = path(program);
    assert!(Path::new(&program).exists(), "{program} is missing; run through `cargo xtask test`, which makes the tree");
    let libraries = format!("{}:{}", path("usr/lib/x86_64-linux-gnu"), path("usr/lib/x86_64-linux-gnu/systemd"));
    (path("usr/lib64/ld-linux-x86-64.so.2"), vec!["--library-path".to_owned(), libraries, program])
}

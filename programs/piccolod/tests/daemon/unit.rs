//! The unit and the account the daemon runs under, judged by systemd's own tools of the release the device has.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::support::repository;

/// systemd counts from 0 (nothing is exposed) to 10; anything that opens a port for the network gets almost 1.
const MAX_EXPOSURE: f64 = 1.5;

/// A root directory with the unit, the account and the daemon, as in the image.
fn root() -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in ["usr/lib/systemd/system/piccolod.service", "usr/lib/sysusers.d/piccolo.conf"] {
        let target = root.path().join(file);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::copy(repository().join("os/tree").join(file), target).unwrap();
    }
    let program = root.path().join("usr/lib/piccolo/piccolod");
    std::fs::create_dir_all(program.parent().unwrap()).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_piccolod"), program).unwrap();
    root
}

/// Runs a program of the tools tree, with `root` at `/mnt`.
#[expect(clippy::disallowed_methods, reason = "an oracle of this test, not a program the product runs")]
fn run_in_tools_tree(root: &Path, command: &[&str]) -> Output {
    let tree: OsString = std::env::var_os("PICCOLO_TOOLS_TREE").expect(
        "PICCOLO_TOOLS_TREE does not name the tree with systemd's tools: run the tests through `cargo xtask test`",
    );
    assert!(
        PathBuf::from(&tree).join("usr/bin/systemd-analyze").exists(),
        "{} has no systemd-analyze: `cargo xtask test` makes it",
        tree.display()
    );
    std::process::Command::new("bwrap")
        .arg("--ro-bind")
        .arg(tree)
        .arg("/")
        .arg("--bind")
        .arg(root)
        .args(["/mnt", "--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--tmpfs", "/run", "--"])
        .args(command)
        .output()
        .expect("bwrap cannot be run: install the Debian package bubblewrap")
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn the_sandbox_leaves_almost_nothing_exposed() {
    let output = run_in_tools_tree(
        root().path(),
        &["systemd-analyze", "security", "--offline=true", "--root=/mnt", "--no-pager", "piccolod.service"],
    );
    let report = text(&output);
    let exposure: f64 = report
        .split("Overall exposure level for piccolod.service: ")
        .nth(1)
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_else(|| panic!("systemd-analyze said: {report}"));
    let open: Vec<&str> = report.lines().filter(|line| line.starts_with('✗')).collect();
    assert!(
        exposure <= MAX_EXPOSURE,
        "piccolod.service is exposed at {exposure}, more than {MAX_EXPOSURE}. What is open:\n{}",
        open.join("\n")
    );
}

#[test]
fn systemd_understands_every_line_of_the_unit() {
    let root = root();
    std::fs::create_dir_all(root.path().join("etc")).unwrap();
    let output = run_in_tools_tree(
        root.path(),
        &["systemd-analyze", "verify", "--root=/mnt", "--man=no", "--recursive-errors=no", "piccolod.service"],
    );
    assert!(output.status.success() && text(&output).is_empty(), "{}", text(&output));
}

#[test]
fn the_account_of_the_unit_is_made_and_cannot_log_in() {
    let root = root();
    let made = run_in_tools_tree(root.path(), &["systemd-sysusers", "--root=/mnt"]);
    assert!(made.status.success(), "{}", text(&made));
    let accounts = std::fs::read_to_string(root.path().join("etc/passwd")).unwrap();
    let account = accounts.lines().find(|line| line.starts_with("piccolod:")).unwrap();
    assert!(account.ends_with(":/:/usr/sbin/nologin"), "{account}");
    let unit = std::fs::read_to_string(root.path().join("usr/lib/systemd/system/piccolod.service")).unwrap();
    assert!(unit.contains("\nUser=piccolod\n"));
}

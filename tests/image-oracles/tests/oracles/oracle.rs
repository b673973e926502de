//! Runs the programs that judge the image.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where the working directory of [`in_tools_tree`] is seen inside the tree.
pub const WORK: &str = "/tmp/work";
/// Where the directory with the image is seen inside the tree.
pub const IMAGE: &str = "/tmp/image";

/// A program of this machine, in English and in UTC.
#[expect(clippy::disallowed_methods, reason = "an oracle is no part of the product")]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    // Programs for disks live in sbin, which ordinary users do not have in their path.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    command.env("PATH", path).env("LC_ALL", "C").env("TZ", "UTC");
    command
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program that needs root: through sudo for everybody else.
pub fn root_command(program: impl AsRef<OsStr>) -> Command {
    if is_root() {
        return command(program);
    }
    let mut sudo = command("sudo");
    sudo.arg("--non-interactive").arg(program);
    sudo
}

/// Runs a program of this machine, which must exit with 0, and gives everything it printed. `package` is the Debian package
/// it is from.
#[track_caller]
pub fn run<A: AsRef<OsStr>>(package: &str, program: &str, arguments: impl IntoIterator<Item = A>) -> String {
    let mut command = command(program);
    command.args(arguments);
    content(package, &mut command)
}

/// Runs a prepared program, which must exit with 0, and gives everything it printed: standard output, then the complaints.
#[track_caller]
pub fn content(package: &str, command: &mut Command) -> String {
    let output = output(package, command);
    let text = text_of(&output);
    assert!(output.status.success(), "{command:?} is not content, it ended with {}:\n{text}", output.status);
    text
}

/// Runs a prepared program to its end, however that is.
#[track_caller]
pub fn output(package: &str, command: &mut Command) -> Output {
    command.output().unwrap_or_else(|error| match error.kind() {
        // Denied where a directory of PATH is, and no other has the program.
        ErrorKind::NotFound | ErrorKind::PermissionDenied => {
            panic!("{command:?} is missing: install the Debian package {package} ({error})")
        }
        _ => panic!("{command:?}: {error}"),
    })
}

/// Standard output, then standard error.
pub fn text_of(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|stream| String::from_utf8_lossy(stream)).concat()
}

/// The tree of Debian trixie with the tools that the building machine's Debian may lack.
#[track_caller]
pub fn tools_tree() -> PathBuf {
    let tree = std::env::var_os("PICCOLO_TOOLS_TREE").map(PathBuf::from);
    tree.expect("PICCOLO_TOOLS_TREE is not set: run through `cargo xtask test`, which makes the tools tree")
}

/// Runs a program inside the tools tree, in a sandbox that sees `work` as [`WORK`] and `image` as [`IMAGE`]; gives its
/// standard output.
#[track_caller]
pub fn in_tools_tree<A: AsRef<OsStr>>(
    work: &Path,
    image: &Path,
    program: &str,
    arguments: impl IntoIterator<Item = A>,
) -> String {
    let mut command = command("bwrap");
    command.arg("--ro-bind").arg(tools_tree()).arg("/").args(["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]);
    command.arg("--bind").arg(work).arg(WORK).arg("--ro-bind").arg(image).arg(IMAGE).args(["--chdir", WORK]);
    command.args(["--clearenv", "--setenv", "PATH", "/usr/bin:/bin", "--setenv", "LANG", "C.UTF-8", program]);
    let output = output("bubblewrap", command.args(arguments));
    assert!(output.status.success(), "{program} is not content:\n{}", text_of(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A program of the tools tree, run by the tree's own loader on files of this machine, with root's powers.
///
/// It sees this machine's devices, and can make loop devices and files of any owner, as it could not inside a sandbox.
#[track_caller]
pub fn of_tools_tree(program: &str, as_root: bool) -> Command {
    let tree = tools_tree();
    let path = |inside: &str| tree.join(inside).display().to_string();
    let program = path(program);
    assert!(Path::new(&program).exists(), "{program} is missing; run through `cargo xtask test`, which makes the tree");
    let loader = path("usr/lib64/ld-linux-x86-64.so.2");
    let mut command = if as_root { root_command(loader) } else { command(loader) };
    let libraries = ["usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/systemd"].map(path).join(":");
    command.args(["--library-path", &libraries, &program]);
    command
}

//! What an operator of devices has: keys, a repository behind a web server, and releases of their own.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use file_server::FileServer;
use serde_json::Value;
use tempfile::TempDir;
use test_bench::{TestMachine, test_image};

/// Where a guest finds the host's loopback.
const HOST: &str = "10.0.2.2";
/// A whole update takes this long on a slow, emulated machine.
const PATIENCE: Duration = Duration::from_mins(20);

/// Keys, a repository and a web server.
pub struct Operator {
    directory: TempDir,
    server: FileServer,
}

/// A release that was built.
pub struct BuiltRelease {
    /// Where the build is.
    directory: PathBuf,
}

impl BuiltRelease {
    /// The disk image.
    pub fn image(&self) -> PathBuf {
        self.directory.join("piccolo.raw")
    }
}

impl Operator {
    /// Makes keys and an empty repository, and serves it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let operator_place = directory.path();
        piccolo(operator_place, ["release", "init", "--stream", "testing"]);
        let any = "127.0.0.1:0".parse().unwrap();
        let server = FileServer::start(&operator_place.join("repository"), any).unwrap();
        Self { directory, server }
    }

    /// Where the keys and the repository are.
    pub fn place(&self) -> &Path {
        self.directory.path()
    }

    /// Builds a release whose image trusts the repository and looks there every quarter of an hour, and has `more` in its recipe.
    pub fn build(&self, version: &str, more: &str) -> BuiltRelease {
        let place = self.directory.path();
        let layer = place.join(format!("release-{version}.yaml"));
        let settings = format!(
            "check_interval_minutes = 15\n[source]\nurl = \"http://{HOST}:{}/\"\n",
            self.server.address().port()
        );
        fs::write(place.join("source.toml"), settings).unwrap();
        let text = format!(
            "version: {version}\nfiles:\n  - path: /usr/lib/piccolo/updates/root.json\n    source: keys/root.json\n  \
             - path: /usr/lib/piccolo/updates.d/50-source.toml\n    source: source.toml\n{more}"
        );
        fs::write(&layer, text).unwrap();
        let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../os/recipes");
        let layers = format!("{0}/vm.yaml:{0}/test.yaml:{1}", recipes.display(), layer.display());
        let directory = place.join(format!("build-{version}"));
        let lockfile = test_image().parent().expect("an image has a directory").with_extension("lock.json");
        let output = directory.as_os_str();
        let arguments: [&OsStr; 7] = [
            "build".as_ref(),
            "--locked".as_ref(),
            "--lockfile".as_ref(),
            lockfile.as_os_str(),
            "--output".as_ref(),
            output,
            layers.as_ref(),
        ];
        piccolo(place, arguments);
        BuiltRelease { directory }
    }

    /// Publishes a release for everybody at once, with patches from this many older ones.
    pub fn publish(&self, release: &BuiltRelease, patches: usize) {
        let directory = release.directory.as_os_str();
        let patches = patches.to_string();
        let arguments: [&OsStr; 11] = [
            "release".as_ref(),
            "publish".as_ref(),
            directory,
            "--stream".as_ref(),
            "testing".as_ref(),
            "--level".as_ref(),
            "1".as_ref(),
            "--share".as_ref(),
            "100%".as_ref(),
            "--patches".as_ref(),
            patches.as_ref(),
        ];
        piccolo(self.directory.path(), arguments);
    }
}

/// Runs the operator's tool in a directory; it must succeed.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a test runs the program that it is about")]
pub fn piccolo<A: AsRef<OsStr>>(directory: &Path, arguments: impl IntoIterator<Item = A>) {
    let tool = std::env::var_os("PICCOLO_BIN").expect("PICCOLO_BIN is not set: run through `cargo xtask test`");
    let output = Command::new(tool).args(arguments).current_dir(directory).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
}

/// Waits until the guest's updates are as `wanted` says, and gives what the guest said then. The guest may restart meanwhile.
#[track_caller]
pub fn wait_for_updates(machine: &mut TestMachine, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let deadline = Instant::now() + PATIENCE;
    let mut last = String::new();
    loop {
        if let Ok(output) = machine.try_run("piccolo device update status --json") {
            let said = serde_json::from_str::<Value>(&output.stdout).unwrap_or_default();
            if wanted(&said) {
                return said;
            }
            last = format!("{said}\n{}", output.stderr);
        }
        assert!(
            Instant::now() < deadline,
            "the updates of the guest are not {what}: {last}\n{}",
            machine.run("journalctl -b -u piccolo-updater --no-pager | tail -50").stdout
        );
        thread::sleep(Duration::from_secs(1));
    }
}

//! What an operator of devices has: keys, a repository behind a web server, and releases of their own.
//!
//! Each test has a repository and a server of its own. What takes long and is the same in many tests, plain releases and
//! repositories that hold nothing else, is made once in a run: see [`crate::workshop`].

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use file_server::FileServer;
use serde_json::Value;
use tempfile::TempDir;
use test_bench::{TestMachine, TestOptions, test_image};
use virtual_machine::http;

use crate::line::Line;
use crate::workshop::{self, workshop};

/// Where a guest finds the host's loopback.
pub const HOST: &str = "10.0.2.2";
/// A whole update takes this long on a slow, emulated machine.
const PATIENCE: Duration = Duration::from_mins(20);
/// How long one answer about updates may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How often updates are asked about.
const INTERVAL: Duration = Duration::from_millis(500);
/// The document about updates in a device's API.
const UPDATES_PATH: &str = "/api/v1/updates";

/// Keys, a repository and a web server.
pub struct Operator {
    directory: TempDir,
    _server: FileServer,
    /// Between the guest and the server.
    line: Line,
    /// Which plain releases were published, and how, if nothing else was done to the repository.
    plain: Option<String>,
}

/// A release that was built.
#[derive(Clone, Debug)]
pub struct BuiltRelease {
    directory: PathBuf,
    /// Names a plain release, which is the same in all tests.
    plain: Option<String>,
    /// Keeps the directory, where it is the release's own.
    _kept: Option<Arc<TempDir>>,
}

impl BuiltRelease {
    /// The disk image.
    pub fn image(&self) -> PathBuf {
        self.directory.join("piccolo.raw")
    }
}

impl Operator {
    /// Has the keys that every release of the run trusts, and an empty repository, and serves it.
    pub fn new() -> Self {
        let directory = tempfile::tempdir_in(workshop().place()).unwrap();
        workshop::copy(&workshop().keys(), &directory.path().join("keys"));
        workshop::copy(&workshop().empty_repository(), &directory.path().join("repository"));
        Self::serving(directory, Some(String::new()))
    }

    /// Somebody whom no release of the run trusts.
    pub fn with_other_keys() -> Self {
        let directory = tempfile::tempdir_in(workshop().place()).unwrap();
        piccolo(directory.path(), ["release", "init", "--stream", "testing"]);
        Self::serving(directory, None)
    }

    fn serving(directory: TempDir, plain: Option<String>) -> Self {
        let place = directory.path();
        fs::create_dir(place.join("files")).unwrap();
        let any = "127.0.0.1:0".parse().unwrap();
        let server = FileServer::start(&place.join("repository"), any).unwrap();
        let line = Line::to(server.address());
        Self { directory, _server: server, line, plain }
    }

    /// Where the keys and the repository are.
    pub fn place(&self) -> &Path {
        self.directory.path()
    }

    /// The line between guests and the repository.
    pub fn line(&self) -> &Line {
        &self.line
    }

    /// Where a guest finds the repository.
    pub fn url(&self) -> String {
        format!("http://{HOST}:{}/", self.line.port())
    }

    /// A release whose image trusts the repository and looks every quarter of an hour, and has `more` in its recipe.
    pub fn build(&self, version: &str, more: &str) -> BuiltRelease {
        if more.is_empty() {
            let directory =
                workshop().build(version, |output| build_release(&output.join("recipe"), output, version, ""));
            return BuiltRelease { directory, plain: Some(version.to_owned()), _kept: None };
        }
        self.build_here(version, more)
    }

    /// As [`Self::build`] without more in the recipe, for a test that wants many: the build goes when the value does.
    pub fn build_once(&self, version: &str) -> BuiltRelease {
        self.build_here(version, "")
    }

    fn build_here(&self, version: &str, more: &str) -> BuiltRelease {
        let own = tempfile::tempdir_in(self.place()).unwrap();
        let directory = own.path().join("build");
        workshop::copy(&self.files(), &own.path().join("files"));
        build_release(own.path(), &directory, version, more);
        BuiltRelease { directory, plain: None, _kept: Some(Arc::new(own)) }
    }

    /// Files for recipes, below `files/` there.
    pub fn files(&self) -> PathBuf {
        self.place().join("files")
    }

    /// What a recipe needs so that its image looks into this repository without being told on the device.
    pub fn source_in_the_image(&self) -> String {
        format!(
            "  - path: /usr/lib/piccolo/updates.d/60-source.toml\n    content: |\n      [source]\n      url = \"{}\"\n",
            self.url()
        )
    }

    /// Publishes a release for everybody at once, whole and with patches from this many older ones.
    pub fn publish(&mut self, release: &BuiltRelease, patches: usize) {
        self.publish_ways(release, &format!("--no-chunks --patches {patches}"));
    }

    /// Publishes a release for everybody at once, whole and in chunks, with patches from this many older ones.
    pub fn publish_with_chunks(&mut self, release: &BuiltRelease, patches: usize) {
        self.publish_ways(release, &format!("--patches {patches}"));
    }

    fn publish_ways(&mut self, release: &BuiltRelease, ways: &str) {
        let state = self.plain.take().zip(release.plain.as_ref());
        let state = state.map(|(before, version)| format!("{before},{version}{}", ways.replace(' ', "")));
        match &state {
            Some(state) => {
                let made = workshop().repository(state, |copy| {
                    self.publish_now(release, ways);
                    workshop::bring(&self.place().join("repository"), copy);
                });
                workshop::bring(&made, &self.place().join("repository"));
            }
            None => self.publish_now(release, ways),
        }
        self.plain = state;
    }

    fn publish_now(&self, release: &BuiltRelease, ways: &str) {
        let always: [&OsStr; 9] = [
            "release".as_ref(),
            "publish".as_ref(),
            release.directory.as_os_str(),
            "--stream".as_ref(),
            "testing".as_ref(),
            "--level".as_ref(),
            "1".as_ref(),
            "--share".as_ref(),
            "100%".as_ref(),
        ];
        piccolo(self.place(), always.into_iter().chain(ways.split(' ').map(OsStr::new)));
    }

    /// Starts a machine from a release, and tells it where the repository is. It looks there at once.
    pub fn start(&self, release: &BuiltRelease, options: TestOptions) -> TestMachine {
        let mut machine = TestMachine::start(&release.image(), options);
        tell_source(&mut machine, &self.url());
        machine
    }
}

/// A machine for tests of updates, in which nothing depends on a TPM.
pub fn update_machine() -> TestOptions {
    TestOptions { tpm: false, ..TestOptions::default() }
}

/// Has a device look for releases here, as its operator would.
pub fn tell_source(machine: &mut TestMachine, url: &str) {
    set(machine, "50-source", &format!("[source]\nurl = \"{url}\"\n"));
}

/// Has a device take other settings of updates, as its operator would.
pub fn set(machine: &mut TestMachine, name: &str, text: &str) {
    machine.succeed(&format!(
        "mkdir -p /etc/piccolo/updates.d && cat > /etc/piccolo/updates.d/{name}.toml <<'END' && sync -f /etc \
         && systemctl restart piccolo-updater\n{text}\nEND"
    ));
}

/// Builds a release of the tests' recipe.
fn build_release(place: &Path, output: &Path, version: &str, more: &str) {
    fs::create_dir_all(place).unwrap();
    workshop::copy(&workshop().keys(), &place.join("keys"));
    let layer = place.join("release.yaml");
    let text = format!(
        "version: {version}\nfiles:\n  - path: /usr/lib/piccolo/updates/root.json\n    source: keys/root.json\n  \
         - path: /usr/lib/piccolo/updates.d/50-interval.toml\n    content: |\n      check_interval_minutes = 15\n{more}"
    );
    fs::write(&layer, text).unwrap();
    let recipes = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../os/recipes");
    let layers = format!("{0}/vm.yaml:{0}/test.yaml:{1}", recipes.display(), layer.display());
    let lockfile = test_image().parent().expect("an image has a directory").with_extension("lock.json");
    let arguments: [&OsStr; 7] = [
        "build".as_ref(),
        "--locked".as_ref(),
        "--lockfile".as_ref(),
        lockfile.as_os_str(),
        "--output".as_ref(),
        output.as_os_str(),
        layers.as_ref(),
    ];
    piccolo(place, arguments);
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
    let mut last = Value::Null;
    loop {
        if let Some(said) = updates(machine) {
            if wanted(&said) {
                return said;
            }
            last = said;
        }
        assert!(
            Instant::now() < deadline,
            "the updates of the guest are not {what}: {last}\n{}",
            machine.run("journalctl -b -u piccolo-updater --no-pager | tail -50").stdout
        );
        thread::sleep(INTERVAL);
    }
}

/// What the guest says about its updates, if it can just now.
pub fn updates(machine: &TestMachine) -> Option<Value> {
    let response = http::get(machine.machine().port(), UPDATES_PATH, ANSWER_TIMEOUT).ok()?;
    serde_json::from_slice(&response.body).ok().filter(|_| response.status == 200)
}

/// What happened to the guest's updates, newest first.
#[track_caller]
pub fn history(machine: &mut TestMachine) -> Value {
    let text = machine.succeed("piccolo device update history --json");
    serde_json::from_str::<Value>(&text).unwrap()["entries"].clone()
}

//! Copies of what an image is built from, and builds in them that have no network.

use package_archive::package_cache::PackageCache;
use package_lock::lockfile::Lockfile;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Output;
use tempfile::TempDir;

use crate::image::{Image, piccolo};
use crate::oracle;

/// The layers of the test image, below `os/recipes`.
const LAYERS: [&str; 2] = ["vm.yaml", "test.yaml"];

/// A directory for checkouts that every user may enter, with a copy of `piccolo` that everybody may run.
pub struct Workshop {
    directory: TempDir,
}

impl Workshop {
    pub fn new() -> Self {
        let everybody = Permissions::from_mode(0o755);
        let directory = tempfile::Builder::new().permissions(everybody.clone()).tempdir().unwrap();
        let tool = directory.path().join("piccolo");
        fs::copy(piccolo(), &tool).unwrap();
        fs::set_permissions(tool, everybody).unwrap();
        Self { directory }
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// A copy of `os/`, of the device's programs and of the test image's lockfile, laid out as in the repository.
pub struct Checkout {
    pub root: PathBuf,
    tool: PathBuf,
    umask: &'static str,
}

impl Checkout {
    /// Copies into a new directory of the workshop. The umask decides the modes of what is copied, and of what builds write.
    pub fn new(workshop: &Workshop, place: &str, umask: &'static str) -> Self {
        let root = workshop.path().join(place);
        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let programs = ["piccolod", "piccolo-updater", "piccolo-initrd", "piccolo"]
            .map(|name| repository.join("target/release").join(name));
        let missing = programs.iter().find(|program| !program.is_file());
        assert_eq!(missing, None, "not built: run through `cargo xtask test`, which builds the device's programs");
        let script = "umask $0; mkdir -p \"$1/target/release\" && cp -r \"$2\" \"$1/os\" && \
                      cp \"$3\" \"$4\" \"$5\" \"$6\" \"$1/target/release/\" && cp \"$7\" \"$1/lock.json\"";
        let mut copy = oracle::command("sh");
        copy.args(["-c", script, umask]).arg(&root).arg(repository.join("os")).args(programs).arg(lockfile());
        oracle::content("coreutils", &mut copy);
        Self { root, tool: workshop.path().join("piccolo"), umask }
    }

    /// Makes a cache with the lockfile's packages and nothing else.
    pub fn cold_cache(&self) -> PathBuf {
        let cache = self.root.join("cache");
        let [from, to] =
            [developers_cache(), cache.clone()].map(|path| PackageCache::open(path.join("packages")).unwrap());
        for package in self.lockfile().packages {
            let [source, target] = [&from, &to].map(|cache| cache.path_of(&package.sha256));
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::copy(&source, target).unwrap_or_else(|error| {
                let name = package.name;
                panic!(
                    "{name} is not in the cache ({}: {error}): `cargo xtask test` builds the test image with it",
                    source.display()
                )
            });
        }
        cache
    }

    pub fn lockfile(&self) -> Lockfile {
        Lockfile::parse(&fs::read_to_string(self.root.join("lock.json")).unwrap()).unwrap()
    }

    /// Gives everything to a user.
    pub fn belongs_to(&self, user: &str) {
        // A directory above the checkout may have been made for it too.
        oracle::run("coreutils", "chown", ["-R".as_ref(), format!("{user}:").as_ref(), self.root.as_os_str()]);
    }

    /// What a build of this checkout is told.
    pub fn build(&self) -> Build<'_> {
        let recipes = self.root.join("os/recipes");
        Build {
            checkout: self,
            user: None,
            host_name: "builder",
            environment: Vec::new(),
            working_directory: self.root.clone(),
            layers: LAYERS.map(|layer| recipes.join(layer).display().to_string()).join(":"),
            cache: developers_cache(),
            lockfile: self.root.join("lock.json"),
            output: self.root.join("out"),
            more: Vec::new(),
        }
    }
}

/// A build, or a plan of one.
pub struct Build<'c> {
    /// Where.
    pub checkout: &'c Checkout,
    /// Who builds, if not the one who tests. Only root can choose.
    pub user: Option<&'c str>,
    /// What the building machine is called. Only root can choose.
    pub host_name: &'c str,
    /// Changes of the environment: with a value, or without this variable.
    pub environment: Vec<(&'c str, Option<String>)>,
    pub working_directory: PathBuf,
    /// Layers as on the command line.
    pub layers: String,
    pub cache: PathBuf,
    pub lockfile: PathBuf,
    pub output: PathBuf,
    pub more: Vec<&'c str>,
}

impl Build<'_> {
    /// Runs `piccolo build --locked` without a network, however it ends.
    #[track_caller]
    pub fn attempt(&self) -> Output {
        let mut words: Vec<&str> = Vec::new();
        if oracle::is_root() {
            // No network interface is up in there, and the host has another name. An ordinary user's namespaces would
            // change who builds.
            words.extend(["unshare", "--net", "--uts", "sh", "-c", "hostname $0; exec \"$@\"", self.host_name]);
        }
        if let Some(user) = self.user {
            words.extend(["runuser", "-u", user, "--"]);
        }
        words.extend(["sh", "-c", "umask $0; exec \"$@\"", self.checkout.umask]);
        let mut command = oracle::command(words[0]);
        command.args(&words[1..]).arg(&self.checkout.tool).args(["build", "--locked", "--json"]).args(&self.more);
        command.arg("--cache").arg(&self.cache).arg("--lockfile").arg(&self.lockfile).arg("--output").arg(&self.output);
        command.arg(&self.layers).current_dir(&self.working_directory);
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        oracle::output("util-linux", &mut command)
    }

    /// Builds, or plans, and gives the JSON that comes of it.
    #[track_caller]
    pub fn succeed(&self) -> serde_json::Value {
        let output = self.attempt();
        assert!(output.status.success(), "the build ended with {}:\n{}", output.status, oracle::text_of(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The image in the output directory.
    pub fn image(&self) -> Image {
        Image { disk: self.output.join("piccolo.raw") }
    }
}

/// The lockfile of the image under test lies beside its directory.
fn lockfile() -> PathBuf {
    let path = Image::under_test().directory().with_extension("lock.json");
    assert!(
        path.is_file(),
        "{} is missing: run through `cargo xtask test`, which builds the test image",
        path.display()
    );
    path
}

/// The cache from which the image under test was built, found as `piccolo` finds it (XDG Base Directory Specification).
pub fn developers_cache() -> PathBuf {
    let directory = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    directory("PICCOLO_CACHE")
        .or_else(|| directory("XDG_CACHE_HOME").map(|path| path.join("piccolo")))
        .or_else(|| directory("HOME").map(|path| path.join(".cache/piccolo")))
        .expect("HOME, XDG_CACHE_HOME or PICCOLO_CACHE names where the cache is")
}

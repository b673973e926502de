//! Root trees of real Debian packages, from the mirror that this machine's apt uses.
#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has to stop")]

mod support;

use file_tree::content::BlobId;
use file_tree::import::tree_from_tar;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Kind};
use host::cancel::Cancel;
use package_archive::fetch::fetch;
use package_archive::mirrors::{Mirrors, of_this_machine};
use package_archive::package_cache::PackageCache;
use package_archive::progress::{Progress, ignore};
use package_archive::resolve::{Sources, resolve};
use package_archive::tree::{TreeError, TreeOptions, TreeScript, install, post_process};
use package_lock::lockfile::Lockfile;
use package_lock::request::{ArchiveKey, ArchiveRequest, Request};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::{Mutex, OnceLock};
use std::thread;
use support::{attempt, readable_directory, run};

/// Tells this test binary, started again as another user, where to work.
const CHILD: &str = "PICCOLO_TEST_TREE_DIRECTORY";
/// The ordinary user that the tests make.
const USER: &str = "piccolo-test";

/// Essential packages, one with diversions (e2fsprogs' library), one with users, one with file capabilities set by a script.
fn request() -> Request {
    let archive = |suites: &[&str]| ArchiveRequest {
        suites: suites.iter().map(|suite| (*suite).to_owned()).collect(),
        components: vec!["main".into()],
        key: ArchiveKey::DebianArchive,
    };
    Request {
        architecture: "amd64".into(),
        archives: BTreeMap::from([
            ("debian".to_owned(), archive(&["trixie", "trixie-updates"])),
            ("debian-security".to_owned(), archive(&["trixie-security"])),
        ]),
        packages: ["e2fsprogs", "dbus", "libcap2-bin", "mount"].map(str::to_owned).into(),
        excluded: [].into(),
        provided: ["linux-initramfs-tool".to_owned()].into(),
        recommends: false,
    }
}

/// A lockfile whose packages are in the cache. Made once per run; the packages stay for the next.
fn packages() -> &'static Lockfile {
    static FETCHED: OnceLock<Lockfile> = OnceLock::new();
    FETCHED.get_or_init(|| {
        let debian = of_this_machine().unwrap();
        let mirrors =
            Mirrors::from([("debian".to_owned(), debian.main), ("debian-security".to_owned(), debian.security)]);
        let sources = Sources { mirrors: &mirrors, keys: &BTreeMap::new() };
        let lockfile = resolve(&request(), sources, &ignore, &Cancel::new()).unwrap();
        fetch(&lockfile, &mirrors, &cache(), &ignore, &Cancel::new()).unwrap();
        lockfile
    })
}

fn cache() -> PackageCache {
    PackageCache::open(Path::new(env!("CARGO_TARGET_TMPDIR")).join("packages")).unwrap()
}

fn build(lockfile: &Lockfile, cache: &PackageCache, out: &Path) {
    let out = File::create(out).unwrap();
    install(lockfile, cache, &TreeOptions::default(), out, &ignore, &Cancel::new()).unwrap();
}

/// The packages' tree, made once per run.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let directory = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (unfinished, out) =
            (directory.join(format!("tree-{}.tar", std::process::id())), directory.join("tree.tar"));
        build(packages(), &cache(), &unfinished);
        fs::rename(unfinished, &out).unwrap();
        out
    })
}

fn imported(tar: &Path) -> FileTree {
    tree_from_tar(File::open(tar).unwrap(), BlobId(0)).unwrap()
}

fn path(text: &str) -> TreePath {
    TreePath::parse(text).unwrap()
}

fn has(tree: &FileTree, text: &str) -> bool {
    tree.lookup(&path(text)).is_some()
}

#[test]
fn a_tree_is_complete_and_holds_nothing_of_this_run() {
    let tree = imported(built());
    let inode = |text: &str| tree.inode(tree.resolve(&path(text)).unwrap().1);
    assert!(matches!(&inode("/bin/sh").kind, Kind::File(_)));
    assert!(
        matches!(&tree.inode(tree.lookup(&path("/lib")).unwrap()).kind, Kind::Symlink(target) if target == b"usr/lib")
    );
    // Configuration files have their names, scripts have run, users have been made, triggers too.
    for there in [
        "/etc/debian_version",
        "/etc/passwd",
        "/etc/ld.so.cache",
        "/usr/share/doc/dash/copyright",
        "/usr/sbin/mkfs.ext4",
    ] {
        assert!(has(&tree, there), "{there} is missing");
    }
    for gone in [
        "/.piccolo",
        "/usr/sbin/policy-rc.d",
        "/etc/machine-id",
        "/var/log/dpkg.log",
        "/usr/share/man/man1",
        "/usr/share/doc/dash/changelog.gz",
        "/dev/null",
        "/proc/version",
    ] {
        assert!(!has(&tree, gone), "{gone} is there");
    }
    for (name, _) in tree.walk() {
        assert!(!name.to_string().ends_with(".dpkg-new"), "{name} was not configured");
    }
    let epoch = packages().source_date_epoch();
    let newest = tree.walk().map(|(_, id)| tree.inode(id).metadata.mtime.seconds).max().unwrap();
    assert!(newest <= epoch, "a file is from {newest}, after {epoch}");
    // dbus-daemon-launch-helper belongs to a group that dbus makes when it is configured.
    let helper = inode("/usr/lib/dbus-1.0/dbus-daemon-launch-helper").metadata;
    assert_eq!((helper.mode, helper.uid), (0o4754, 0));
    assert_ne!(helper.gid, 0);
}

#[test]
fn dpkg_finds_nothing_wrong_with_its_database() {
    let scripts =
        [script("audit", "#!/bin/sh\nset -e\ndpkg --verify >/report\ndpkg --audit >>/report\ndpkg-query -W >/list\n")];
    let out = tempfile::tempdir().unwrap();
    let tar = out.path().join("tree.tar");
    processed(&scripts, &tar).unwrap();
    let report = run("tar", "tar", &["-xOf", tar.to_str().unwrap(), "./report"]);
    // dpkg tells of every file that is left out; nothing else may differ.
    let unexpected: Vec<&str> =
        report.lines().filter(|line| !line.contains("/usr/share/") && !line.trim().is_empty()).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    let list = run("tar", "tar", &["-xOf", tar.to_str().unwrap(), "./list"]);
    assert_eq!(list.lines().count(), packages().packages.len() + 1, "{list}");
}

fn script(name: &str, text: &str) -> TreeScript {
    TreeScript { name: name.to_owned(), contents: text.as_bytes().to_vec() }
}

fn processed(scripts: &[TreeScript], out: &Path) -> Result<(), TreeError> {
    let tree = File::open(built()).unwrap();
    let epoch = packages().source_date_epoch();
    post_process(tree, scripts, epoch, File::create(out).unwrap(), &ignore, &Cancel::new())
}

#[test]
fn scripts_run_in_the_tree_without_network_or_power_over_the_machine() {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out.tar");
    let text = "#!/bin/sh\nset -e\nsed -n 's/^ *\\([a-z0-9]*\\):.*/\\1/p' /proc/net/dev >/interfaces\n\
        if mknod /node b 8 0 2>/dev/null; then echo 'made a device' >&2; exit 1; fi\n\
        if mount -t tmpfs none /mnt 2>/dev/null; then echo 'mounted' >&2; exit 1; fi\n\
        if (echo x >/proc/sys/kernel/core_pattern) 2>/dev/null; then echo 'changed the kernel' >&2; exit 1; fi\n\
        cp /bin/true /capable\nsetcap cap_net_raw+ep /capable\nchown 1000:65534 /capable\nsetcap cap_net_raw+ep /capable\n";
    processed(&[script("probe", text), script("second", "#!/bin/sh\ntest -e /interfaces && touch /second\n")], &out)
        .unwrap();
    assert_eq!(run("tar", "tar", &["-xOf", out.to_str().unwrap(), "./interfaces"]), "lo\n");
    let tree = imported(&out);
    let capable = tree.inode(tree.lookup(&path("/capable")).unwrap());
    assert_eq!((capable.metadata.uid, capable.metadata.gid), (1000, 65534));
    assert!(capable.xattrs.contains_key(b"security.capability".as_slice()));
    assert!(has(&tree, "/second") && !has(&tree, "/.piccolo"));
}

#[test]
fn a_failing_script_is_named_with_what_it_said() {
    let directory = tempfile::tempdir().unwrap();
    let scripts = [script("tidy.sh", "#!/bin/sh\necho 'no such thing' >&2\nexit 3\n")];
    let text = processed(&scripts, &directory.path().join("out.tar")).unwrap_err().to_string();
    for part in ["post-processing", "no such thing", "tidy.sh ended with status 3"] {
        assert!(text.contains(part), "{part:?} is missing from: {text}");
    }
}

#[test]
fn cancelling_ends_the_installation() {
    let cancel = Cancel::new();
    let stop = cancel.clone();
    let seen = Mutex::new(Vec::new());
    let report = move |progress| {
        seen.lock().unwrap().push(progress);
        if matches!(progress, Progress::Configuring { .. }) {
            stop.cancel();
        }
    };
    let out = tempfile::tempfile().unwrap();
    let error = install(packages(), &cache(), &TreeOptions::default(), out, &report, &cancel).unwrap_err();
    assert!(matches!(error, TreeError::Cancelled), "{error}");
}

#[test]
fn a_package_that_was_not_fetched_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let cache = PackageCache::open(empty.path()).unwrap();
    let out = tempfile::tempfile().unwrap();
    let error = install(packages(), &cache, &TreeOptions::default(), out, &ignore, &Cancel::new()).unwrap_err();
    assert!(error.to_string().starts_with("the package adduser 3"), "{error}");
}

/// Not a test by itself: the test below runs it as another user, and says where.
#[test]
fn child_makes_a_tree_where_it_is_told() {
    if let Some(directory) = std::env::var_os(CHILD) {
        let directory = Path::new(&directory);
        let lockfile = Lockfile::parse(&fs::read_to_string(directory.join("image.lock.json")).unwrap()).unwrap();
        let cache = PackageCache::open(directory.join("cache")).unwrap();
        build(&lockfile, &cache, &directory.join("tree.tar"));
    }
}

/// Removes the ordinary user at the end.
struct OrdinaryUser;

impl OrdinaryUser {
    fn make() -> Self {
        let known = fs::read_to_string("/etc/passwd").unwrap();
        if !known.lines().any(|line| line.starts_with(&format!("{USER}:"))) {
            run("useradd", "passwd", &["--no-create-home", "--user-group", USER]);
            run("usermod", "passwd", &["--add-subuids", "700000-765535", "--add-subgids", "700000-765535", USER]);
        }
        Self
    }
}

impl Drop for OrdinaryUser {
    fn drop(&mut self) {
        if !thread::panicking() {
            run("usermod", "passwd", &["--del-subuids", "700000-765535", "--del-subgids", "700000-765535", USER]);
            run("userdel", "passwd", &[USER]);
        }
    }
}

/// Makes the tree as another user, by this test binary started again in a directory that this user can get into: the build directory
/// may be where the user cannot look.
fn build_as(user: &str, directory: &Path) -> Output {
    assert!(rustix::process::geteuid().is_root(), "this test needs another user: run it as root");
    fs::write(directory.join("image.lock.json"), packages().to_text()).unwrap();
    let theirs = PackageCache::open(directory.join("cache")).unwrap();
    for package in &packages().packages {
        let to = theirs.path_of(&package.sha256);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(cache().path_of(&package.sha256), to).unwrap();
    }
    let program = directory.join("test");
    fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    run("chown", "coreutils", &["-R", user, directory.to_str().unwrap()]);
    let told = format!("{CHILD}={}", directory.display());
    let as_user = ["--reuid", user, "--regid", user, "--clear-groups", "--inh-caps=-all", "env", &told];
    let child = [program.to_str().unwrap(), "--exact", "child_makes_a_tree_where_it_is_told", "--nocapture"];
    attempt("setpriv", "util-linux", &[&as_user[..], &child[..]].concat())
}

#[test]
fn root_and_an_ordinary_user_make_the_same_bytes() {
    let user = OrdinaryUser::make();
    let directory = readable_directory();
    let output = build_as(USER, directory.path());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    run("cmp", "diffutils", &[built().to_str().unwrap(), directory.path().join("tree.tar").to_str().unwrap()]);
    drop(user);
}

#[test]
fn a_user_without_subordinate_ids_learns_what_is_missing() {
    let directory = readable_directory();
    let output = build_as("64242", directory.path());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("NoSubordinateIds { user: \"64242\" }"), "{said}");
}

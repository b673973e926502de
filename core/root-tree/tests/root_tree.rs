//! From an installed tree to the immutable one.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use file_tree::content::{Content, NoBlobs};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata};
use root_tree::identity::Release;
use root_tree::{RootTreeError, identity, kernel, prune, skeleton, state};

fn tree_of(files: &[&str]) -> FileTree {
    let mut tree = FileTree::new();
    for path in files {
        let content = Content::from_bytes(path.as_bytes().to_vec());
        tree.insert(&TreePath::parse(path).unwrap(), Inode::new(Metadata::root_owned(0o640), Kind::File(content)))
            .unwrap();
    }
    tree
}

fn paths(tree: &FileTree) -> Vec<String> {
    tree.walk().map(|(path, _)| path.to_string()).collect()
}

fn text(tree: &FileTree, path: &str) -> String {
    let (_, id) = tree.resolve(&TreePath::parse(path).unwrap()).unwrap();
    let Kind::File(content) = &tree.inode(id).kind else { panic!("{path} is no file") };
    String::from_utf8(content.read_all(&NoBlobs, 1 << 20).unwrap()).unwrap()
}

#[test]
fn what_differs_between_builds_or_serves_nobody_is_gone() {
    let mut tree = tree_of(&[
        "/usr/share/doc/x/copyright",
        "/usr/share/doc/x/README.gz",
        "/usr/share/locale/de/x.mo",
        "/usr/share/locale/locale.alias",
        "/var/cache/ldconfig/aux-cache",
        "/var/lib/dpkg/status",
        "/etc/machine-id",
        "/etc/passwd-",
        "/etc/passwd",
        "/usr/lib/python3/__pycache__/a.pyc",
        "/dev/console",
    ]);
    prune::prune(&mut tree).unwrap();
    let left: Vec<String> = tree
        .walk()
        .filter(|(_, id)| matches!(tree.inode(*id).kind, Kind::File(_)))
        .map(|(path, _)| path.to_string())
        .collect();
    assert_eq!(left, ["/etc/passwd", "/usr/share/doc/x/copyright", "/usr/share/locale/locale.alias"]);
}

#[test]
fn the_kernel_moves_next_to_its_modules() {
    let mut tree =
        tree_of(&["/boot/vmlinuz-6.12-cloud", "/boot/config-6.12-cloud", "/usr/lib/modules/6.12-cloud/modules.dep"]);
    assert_eq!(kernel::settle(&mut tree).unwrap(), "6.12-cloud");
    assert_eq!(text(&tree, "/usr/lib/modules/6.12-cloud/vmlinuz"), "/boot/vmlinuz-6.12-cloud");
    assert!(!paths(&tree).contains(&"/boot/config-6.12-cloud".to_owned()));
}

#[test]
fn no_kernel_and_two_kernels_are_errors() {
    assert!(matches!(kernel::settle(&mut tree_of(&[])), Err(RootTreeError::NoKernel)));
    let mut two = tree_of(&["/boot/vmlinuz-1", "/boot/vmlinuz-2"]);
    let error = kernel::settle(&mut two).unwrap_err();
    assert!(error.to_string().contains("(1, 2)"), "{error}");
}

#[test]
fn state_becomes_tmpfiles_lines_and_factory_files() {
    let mut tree = tree_of(&["/var/lib/app/seed file", "/root/.profile", "/opt/vendor/x", "/var/opt/y", "/usr/bin/x"]);
    let link = Inode::new(Metadata::root_owned(0o777), Kind::Symlink(b"/run".to_vec()));
    tree.insert(&TreePath::parse("/var/run").unwrap(), link).unwrap();
    state::separate(&mut tree).unwrap();
    skeleton::lay(&mut tree).unwrap();
    assert!(state::is_separate(&tree).unwrap());
    let lines = text(&tree, "/usr/lib/tmpfiles.d/piccolo-var.conf");
    for line in [
        "d /var/lib/app 0755 0 0 -",
        "C \"/var/lib/app/seed file\" 0640 0 0 -",
        "C /var/roothome/.profile 0640 0 0 -",
        "L /var/run - - - - /run",
        "C /var/opt/vendor/x 0640 0 0 -",
        "C /var/opt/y 0640 0 0 -",
        "d /var/home 0755 0 0 -",
    ] {
        assert!(lines.lines().any(|have| have == line), "{line} is missing from:\n{lines}");
    }
    assert_eq!(text(&tree, "/usr/share/factory/var/lib/app/seed file"), "/var/lib/app/seed file");
    let root = tree.lookup(&TreePath::parse("/root").unwrap()).unwrap();
    assert_eq!(tree.inode(root).kind, Kind::Symlink(b"var/roothome".to_vec()));
}

#[test]
fn a_name_that_tmpfiles_cannot_say_is_refused() {
    let mut tree = tree_of(&["/var/a\nb"]);
    assert!(matches!(state::separate(&mut tree), Err(RootTreeError::Unspeakable { .. })));
}

#[test]
fn the_tree_says_what_it_is_and_has_no_identity_of_its_own() {
    let mut tree = tree_of(&["/etc/hostname", "/etc/issue"]);
    let release = Release { name: "vm", version: "1.2.3", stream: "stable", architecture: "x86-64" };
    identity::write(&mut tree, &release).unwrap();
    assert!(text(&tree, "/etc/os-release").contains("IMAGE_VERSION=1.2.3\n"));
    assert_eq!(text(&tree, "/etc/machine-id"), "");
    assert_eq!(text(&tree, "/etc/hostname"), "/etc/hostname", "the recipe's own file stays");
}

//! Every program of an initrd starts in it, and the loader finds every library.

use crate::support::{link, put, run_in, tools_as_tree, unpack};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Kind, Timestamp};
use initrd_image::cut::{InitrdError, cut};
use initrd_image::report::Cause;
use initrd_image::request::InitrdRequest;
use tempfile::TempDir;

const PROGRAMS: [&str; 8] = [
    "/usr/lib/systemd/systemd",
    "/usr/lib/systemd/systemd-executor",
    "/usr/bin/systemctl",
    "/usr/bin/systemd-repart",
    "/usr/bin/kmod",
    "/usr/bin/bash",
    "/usr/bin/mount",
    "/usr/bin/ldd",
];

fn request() -> InitrdRequest {
    InitrdRequest {
        programs: PROGRAMS.iter().map(|path| (*path).into()).chain(["?/usr/bin/no-such-program".into()]).collect(),
        units: vec!["initrd.target".into(), "systemd-journald.service".into()],
        dlopen_features: vec!["cryptsetup".to_owned(), "tpm".to_owned()],
        directories: vec!["/proc".to_owned(), "/dev".to_owned(), "/tmp".to_owned()],
        ..InitrdRequest::default()
    }
}

#[test]
fn every_program_starts_and_every_library_is_found() {
    let work = TempDir::new().unwrap();
    let (tools, blobs) = tools_as_tree(&work);
    let initrd = cut(&tools, &blobs, &request()).unwrap();
    assert_eq!(initrd.report.missing_optional, ["program /usr/bin/no-such-program"]);
    let mut archive = Vec::new();
    initrd.write_cpio(&blobs, Timestamp::default(), &mut archive).unwrap();
    let root = TempDir::new().unwrap();
    unpack(&archive, root.path());

    for program in PROGRAMS {
        let (fine, text) = run_in(root.path(), work.path(), &[program, "--version"]);
        assert!(fine, "{program} --version: {text}");
    }
    let loader = "/lib64/ld-linux-x86-64.so.2";
    let mut checked = 0;
    for file in initrd.report.files.iter().filter(|file| is_elf(&initrd.tree, &file.path, &blobs)) {
        let (_, text) = run_in(root.path(), work.path(), &[loader, "--list", &file.path]);
        // A library that its program loads another for (libsystemd-core and libsystemd-shared) names it without a path.
        let allowed = |line: &str| file.path.contains(".so") && line.contains("libsystemd-shared");
        let missing: Vec<_> = text.lines().filter(|line| line.contains("not found") && !allowed(line)).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", file.path);
        checked += 1;
    }
    assert!(checked > 30, "only {checked} binaries");
    let loaded_by_name = |name: &str| {
        let mut files = initrd.report.files.iter();
        files.any(|file| file.path.contains(name) && file.reason.cause == Cause::LoadedByName)
    };
    assert!(loaded_by_name("libkmod.so"), "recommended by libsystemd-shared");
    assert!(loaded_by_name("libtss2-esys.so"), "suggested, and asked for");
}

#[test]
fn units_bring_what_they_start_and_nothing_that_merely_wants_them() {
    let work = TempDir::new().unwrap();
    let (tools, blobs) = tools_as_tree(&work);
    let initrd = cut(&tools, &blobs, &request()).unwrap();
    let has = |path: &str| initrd.tree.lookup(&TreePath::parse(path).unwrap()).is_some();
    assert!(has("/usr/lib/systemd/systemd-journald"));
    assert!(has("/usr/lib/systemd/system/systemd-journald.socket"));
    assert!(has("/usr/lib/systemd/system/sysinit.target.wants/systemd-journald.service"));
    assert!(!has("/usr/lib/systemd/system/sysinit.target.wants/systemd-sysusers.service"));
    assert!(!has("/usr/lib/systemd/system/multi-user.target"));
}

#[test]
fn a_library_that_is_missing_is_named_with_who_needs_it() {
    let work = TempDir::new().unwrap();
    let (mut tools, blobs) = tools_as_tree(&work);
    for directory in ["x86_64-linux-gnu", "aarch64-linux-gnu"] {
        tools.remove(&TreePath::parse(format!("/usr/lib/{directory}/libtinfo.so.6")).unwrap());
    }
    let error = cut(&tools, &blobs, &request()).unwrap_err();
    let InitrdError::MissingLibrary { library, needed_by } = &error else { panic!("{error}") };
    assert_eq!((library.as_str(), needed_by.as_str()), ("libtinfo.so.6", "/usr/bin/bash"));
}

#[test]
fn libraries_beside_the_program_and_in_configured_directories_are_found_as_the_loader_does() {
    let work = TempDir::new().unwrap();
    let (mut tools, blobs) = tools_as_tree(&work);
    let library = |name: &str, needs: &[(&str, &[u8])], path: &[&str]| {
        let soname = format!("-Wl,-soname,{name}");
        link("", needs, &[&["-shared", soname.as_str()], path].concat())
    };
    let configured = library("libconfigured.so", &[], &[]);
    let inner = library("libinner.so", &[], &[]);
    // The RPATH of the program is good for the libraries of its libraries too; a RUNPATH would not be.
    let outer = library(
        "libouter.so",
        &[("libinner.so", &inner), ("libconfigured.so", &configured)],
        &["-Wl,--allow-shlib-undefined"],
    );
    let origin =
        ["-Wl,--disable-new-dtags", "-Wl,-rpath,$ORIGIN/../lib/own", "-Wl,-e,start", "-Wl,--allow-shlib-undefined"];
    let program = link("void start(void) {}", &[("libouter.so", &outer)], &origin);
    put(&mut tools, "/usr/lib/configured/libconfigured.so", configured);
    put(&mut tools, "/usr/lib/own/libinner.so", inner);
    put(&mut tools, "/usr/lib/own/libouter.so", outer);
    put(&mut tools, "/usr/bin/own", program);
    put(&mut tools, "/etc/ld.so.conf.d/own.conf", "# ours\n/usr/lib/configured\n");

    let request = InitrdRequest {
        programs: vec!["/usr/bin/own".into()],
        directories: vec!["/proc".to_owned(), "/dev".to_owned(), "/tmp".to_owned()],
        ..InitrdRequest::default()
    };
    let initrd = cut(&tools, &blobs, &request).unwrap();
    let mut archive = Vec::new();
    initrd.write_cpio(&blobs, Timestamp::default(), &mut archive).unwrap();
    let root = TempDir::new().unwrap();
    unpack(&archive, root.path());
    let (fine, text) = run_in(root.path(), work.path(), &["/lib64/ld-linux-x86-64.so.2", "--list", "/usr/bin/own"]);
    assert!(fine, "{text}");
    for library in ["libouter.so", "libinner.so", "libconfigured.so"] {
        assert!(text.lines().any(|line| line.contains(library) && line.contains("=> /")), "{library}: {text}");
    }
}

#[test]
fn files_of_the_initrd_alone_win_and_bring_what_they_start() {
    let work = TempDir::new().unwrap();
    let (tools, blobs) = tools_as_tree(&work);
    let mut extra = FileTree::new();
    put(&mut extra, "/etc/initrd-release", "ID=test\n");
    put(&mut extra, "/usr/lib/systemd/system/own.service", "[Service]\nExecStart=/usr/bin/own\n");
    put(&mut extra, "/usr/bin/own", "#!/usr/bin/env dash\n");
    let initrd = cut(&tools, &blobs, &InitrdRequest { extra, ..InitrdRequest::default() }).unwrap();
    for path in ["/etc/initrd-release", "/usr/bin/own", "/usr/bin/env", "/usr/bin/dash"] {
        assert!(initrd.tree.lookup(&TreePath::parse(path).unwrap()).is_some(), "{path}");
    }
}

fn is_elf(tree: &FileTree, path: &str, blobs: &dyn file_tree::content::ReadBlob) -> bool {
    let id = tree.lookup(&TreePath::parse(path).unwrap()).unwrap();
    let mut start = [0; 4];
    match &tree.inode(id).kind {
        Kind::File(content) => content.read_exact_at(blobs, 0, &mut start).is_ok() && start == *b"\x7fELF",
        _ => false,
    }
}

//! The indexes are those that depmod writes for the same modules, byte for byte.

use crate::support::{get, put, read, run_in, tools_tree, write_files};
use crate::synthetic_kernel::{DIRECTORY, VERSION, kernel};
use file_tree::content::NoBlobs;
use file_tree::path::TreePath;
use file_tree::tree::FileTree;
use initrd_image::cut::{InitrdError, cut};
use initrd_image::modules::{KernelDirectory, ModulesError, decompress, index};
use initrd_image::request::InitrdRequest;
use std::io::Write;
use tempfile::TempDir;

#[test]
fn the_indexes_of_a_kernel_are_those_of_depmod() {
    let mut tree = kernel();
    let directory = KernelDirectory::find(&tree, None).unwrap();
    let names = index::index(&mut tree, &NoBlobs, &directory).unwrap();
    assert_eq!(names.len(), 11);
    compare(&tree, &names);
}

#[test]
fn the_indexes_of_an_initrd_are_those_of_depmod() {
    let request = InitrdRequest { modules: vec!["top_most".into(), "?absent".into()], ..InitrdRequest::default() };
    let initrd = cut(&kernel(), &NoBlobs, &request).unwrap();
    let names = ["modules.dep", "modules.dep.bin", "modules.alias.bin", "modules.softdep", "modules.symbols.bin"];
    compare(&initrd.tree, &names);
    let has = |path: &str| initrd.tree.lookup(&TreePath::parse(path).unwrap()).is_some();
    for module in ["lib/leaf-one", "lib/leaf_two", "drivers/md/middle", "drivers/md/top-most", "sound/side"] {
        assert!(has(&format!("{DIRECTORY}/kernel/{module}.ko")), "{module}");
    }
    for module in ["sound/codec", "fs/plain"] {
        assert!(!has(&format!("{DIRECTORY}/kernel/{module}.ko")), "{module}");
    }
    assert!(has("/usr/lib/firmware/vendor/top.bin"));
    assert_eq!(initrd.report.missing_optional, ["kernel module absent"]);
    let missing: Vec<_> = initrd.report.missing_firmware.iter().map(|missing| missing.name.as_str()).collect();
    assert_eq!(missing, ["vendor/absent.bin"]);
    let missing: Vec<_> = initrd.report.missing_modules.iter().map(|missing| missing.name.as_str()).collect();
    assert_eq!(missing, ["nowhere"]);
}

#[test]
fn modprobe_finds_through_our_indexes_what_it_must_load() {
    let mut tree = kernel();
    let directory = KernelDirectory::find(&tree, None).unwrap();
    index::index(&mut tree, &NoBlobs, &directory).unwrap();
    let work = on_disk(&tree);
    let arguments = ["modprobe", "-d", "/tmp/usr", "-S", VERSION, "--show-depends", "char-major-10-236"];
    let (fine, text) = run_in(&tools_tree(), work.path(), &arguments);
    assert!(fine, "{text}");
    let loaded: Vec<_> = text.lines().map(|line| line.trim().rsplit('/').next().unwrap()).collect();
    assert_eq!(loaded, ["leaf_two.ko", "leaf-one.ko", "middle.ko"], "{text}");
}

#[test]
fn compressed_modules_are_refused_until_they_are_decompressed() {
    let plain = kernel();
    let mut tree = plain.clone();
    type Compress = fn(&[u8]) -> Vec<u8>;
    let compressions: [(&str, &str, Compress); 3] = [
        ("lib/leaf-one.ko", "xz", |bytes| {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }),
        ("lib/leaf_two.ko", "zst", |bytes| zstd::encode_all(bytes, 1).unwrap()),
        ("sound/side.ko", "gz", |bytes| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        }),
    ];
    for (name, suffix, compress) in compressions {
        let path = format!("{DIRECTORY}/kernel/{name}");
        let bytes = get(&tree, &NoBlobs, &path);
        tree.remove(&TreePath::parse(&path).unwrap());
        put(&mut tree, &format!("{path}.{suffix}"), compress(&bytes));
    }
    let request = InitrdRequest { modules: vec!["plain".into()], ..InitrdRequest::default() };
    let refused = cut(&tree, &NoBlobs, &request).unwrap_err();
    assert!(matches!(refused, InitrdError::Modules(ModulesError::Compressed { .. })), "{refused}");

    let directory = KernelDirectory::find(&tree, Some(VERSION)).unwrap();
    assert_eq!(decompress::decompress(&mut tree, &NoBlobs, &directory).unwrap().modules, 3);
    for (path, id) in plain.walk() {
        let same = tree.lookup(&path).unwrap_or_else(|| panic!("{path} is gone"));
        if matches!(plain.inode(id).kind, file_tree::tree::Kind::File(_)) {
            assert_eq!(plain.inode(id), tree.inode(same), "{path}");
        }
    }
}

fn on_disk(tree: &FileTree) -> TempDir {
    let work = TempDir::new().unwrap();
    write_files(tree, &NoBlobs, work.path());
    work
}

/// Runs depmod on the tree's modules and compares the named files.
fn compare(tree: &FileTree, names: &[&str]) {
    let work = on_disk(tree);
    for name in names {
        std::fs::remove_file(work.path().join(format!("usr/lib/modules/{VERSION}/{name}"))).unwrap();
    }
    let (fine, text) = run_in(&tools_tree(), work.path(), &["depmod", "-b", "/tmp/usr", VERSION]);
    assert!(fine, "depmod: {text}; the tools tree needs the package kmod");
    for name in names {
        let ours = get(tree, &NoBlobs, &format!("{DIRECTORY}/{name}"));
        let depmods = read(&work.path().join(format!("usr/lib/modules/{VERSION}/{name}")));
        if *name == "modules.symbols" {
            // depmod writes the lines in the order of its hash table; nothing reads this file.
            let lines = |bytes: &[u8]| {
                let mut lines: Vec<_> = String::from_utf8_lossy(bytes).lines().map(str::to_owned).collect();
                lines.sort();
                lines
            };
            assert_eq!(lines(&ours), lines(&depmods));
        } else if ours != depmods {
            panic!("{name}\nours:   {}\ndepmod: {}", ours.escape_ascii(), depmods.escape_ascii());
        }
    }
}

//! The unified kernel image, as ukify, bootctl, systemd-measure, objcopy and cpio see it.

use crate::image::{Image, inspect, number, text};
use crate::oracle::{self, IMAGE, WORK};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;

const MEASURE: &str = "/usr/lib/systemd/systemd-measure";
/// Most bytes of an uncompressed initrd: firmware has to load it.
const LARGEST_INITRD: u64 = 40_000_000;
/// Those of our sections that the stub measures (systemd-stub(7)).
const MEASURED: [&str; 6] = [".linux", ".osrel", ".cmdline", ".initrd", ".uname", ".sbat"];

#[test]
fn ukify_and_bootctl_recognise_it_and_see_what_is_described() {
    let image = Image::under_test();
    let manifest = image.manifest();
    let file = fs::read(image.uki()).unwrap();
    assert_eq!(file.len() as u64, number(&manifest, "/uki/size"));
    assert_eq!(hex::encode(Sha256::digest(&file)), text(&manifest, "/uki/sha256"));

    let scratch = tempfile::tempdir().unwrap();
    let uki = format!("{IMAGE}/{}", text(&manifest, "/uki/file"));
    let tool = |program: &str, arguments: &[&str]| {
        oracle::in_tools_tree(scratch.path(), image.directory(), program, arguments)
    };
    assert_eq!(tool("bootctl", &["kernel-identify", &uki]).trim(), "uki");
    let seen: Value = serde_json::from_str(&tool("ukify", &["--json=short", "--all", "inspect", &uki])).unwrap();

    let inspected = inspect(&image.uki(), &[]);
    let ours: BTreeMap<&str, (u64, &str)> = sections(&inspected)
        .map(|section| (text(section, "/name"), (number(section, "/size"), text(section, "/sha256"))))
        .collect();
    let theirs: BTreeMap<&str, (u64, &str)> = seen
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, section)| (name.as_str(), (number(section, "/size"), text(section, "/sha256"))))
        .collect();
    assert_eq!(ours, theirs);
    assert_eq!(text(&seen, "/.cmdline/text"), text(&manifest, "/command_line"));
    assert_eq!(text(&seen, "/.uname/text"), text(&manifest, "/kernel"));
    let release = text(&seen, "/.osrel/text");
    let version = format!("IMAGE_VERSION={}", text(&manifest, "/version"));
    assert!(release.lines().any(|line| line.replace('"', "") == version), "{release}");
    let hash = format!("roothash={}", text(&manifest, "/root/hash"));
    assert!(text(&seen, "/.cmdline/text").split(' ').any(|word| word == hash), "the root is found by its hash");
}

#[test]
fn systemd_measure_calculates_the_described_measurements_of_every_phase() {
    let image = Image::under_test();
    let scratch = tempfile::tempdir().unwrap();
    dump_sections(&image.uki(), scratch.path(), &MEASURED);
    let mut arguments = vec!["calculate".to_owned(), "--bank=sha256".to_owned(), "--json=short".to_owned()];
    arguments.extend(MEASURED.map(|name| format!("-{}={WORK}/{name}", name.replace('.', "-"))));
    // Without --phase, systemd-measure takes those of a boot: nothing of ours decides what is compared.
    let json = oracle::in_tools_tree(scratch.path(), image.directory(), MEASURE, arguments);
    let theirs: Value = serde_json::from_str(&json).unwrap();
    let theirs: Vec<_> = theirs["sha256"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| (number(value, "/pcr"), text(value, "/phase"), text(value, "/hash")))
        .collect();

    let manifest = image.manifest();
    let measurements = &manifest["measurements"];
    assert_eq!(measurements["profiles"].as_array().unwrap().len(), 1);
    let ours: Vec<_> = measurements["profiles"][0]["phases"]
        .as_array()
        .unwrap()
        .iter()
        .map(|value| (number(measurements, "/pcr"), text(value, "/phase"), text(value, "/digests/sha256")))
        .collect();
    assert_eq!(ours, theirs);
    assert!(ours.len() >= 4, "{ours:?}");
}

#[test]
fn every_other_section_of_the_image_is_known_not_to_be_measured() {
    let inspected = inspect(&Image::under_test().uki(), &[]);
    // The stub's own code is measured by the firmware, into PCR 4.
    let stub = [".text", ".rodata", ".data", ".sdmagic", ".reloc"];
    let unknown: Vec<&str> = sections(&inspected)
        .map(|section| text(section, "/name"))
        .filter(|name| !MEASURED.contains(name) && !stub.contains(name))
        .collect();
    assert_eq!(unknown, [""; 0], "a new section: is it measured, and does the test above know?");
}

#[test]
fn the_initrd_is_one_uncompressed_cpio_archive_below_40_megabytes() {
    let image = Image::under_test();
    let scratch = tempfile::tempdir().unwrap();
    dump_sections(&image.uki(), scratch.path(), &[".initrd"]);
    let path = scratch.path().join(".initrd");
    let size = fs::metadata(&path).unwrap().len();
    println!("initrd: {:.1} MB", size as f64 / 1e6);
    assert!(size <= LARGEST_INITRD, "the initrd has {size} bytes");
    assert_eq!(size, number(&image.manifest(), "/initrd_size"));

    let mut cpio = oracle::command("cpio");
    cpio.args(["--list", "--quiet"]).stdin(File::open(&path).unwrap());
    let names = oracle::content("cpio", &mut cpio);
    let inspected = inspect(&image.uki(), &[]);
    let ours = number(&inspected, "/initrd/files") + number(&inspected, "/initrd/others");
    assert_eq!(names.lines().count() as u64, ours, "{names}");
    for name in ["init", "usr/lib/systemd/systemd", "usr/lib/piccolo/piccolo-initrd"] {
        assert!(names.lines().any(|line| line == name), "no {name} in {names}");
    }
}

fn sections(inspected: &Value) -> impl Iterator<Item = &Value> {
    inspected["sections"].as_array().expect("a list of sections").iter()
}

/// Has binutils take sections out of a PE image, into files of their names.
fn dump_sections(uki: &Path, directory: &Path, names: &[&str]) {
    let mut objcopy = oracle::command("objcopy");
    for name in names {
        objcopy.arg("--dump-section").arg(format!("{name}={}", directory.join(name).display()));
    }
    // What it would write itself is of no interest, but it must not be the image.
    oracle::content("binutils", objcopy.arg(uki).arg(directory.join("copy.efi")));
}

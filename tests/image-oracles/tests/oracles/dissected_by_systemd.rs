//! The disk image, as systemd-dissect sees it.

use crate::image::{Image, text};
use crate::oracle;
use serde_json::Value;

#[test]
fn systemd_dissect_sees_a_bootable_system_with_a_root_on_verity() {
    let image = Image::under_test();
    let manifest = image.manifest();
    let hash = text(&manifest, "/root/hash");
    // It attaches a loop device.
    let mut dissect = oracle::of_tools_tree("usr/bin/systemd-dissect", true);
    dissect.args(["--json=short", &format!("--root-hash={hash}")]).arg(&image.disk);
    let output = oracle::output("sudo", &mut dissect);
    assert!(output.status.success(), "{dissect:?}, which needs root and loop devices: {}", oracle::text_of(&output));
    let seen: Value = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(seen["architecture"], "x86-64");
    assert_eq!(seen["useBootableUefi"], true);
    let release: Vec<&str> = seen["osRelease"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    let version = format!("IMAGE_VERSION={}", text(&manifest, "/version"));
    assert!(release.contains(&"ID=piccolo") && release.contains(&version.as_str()), "{release:?}");

    let found = |designator: &str| {
        let mounts = seen["mounts"].as_array().unwrap();
        mounts
            .iter()
            .find(|mount| mount["designator"] == designator)
            .unwrap_or_else(|| panic!("no {designator}: {seen}"))
    };
    let root = found("root");
    assert_eq!((text(root, "/fstype"), text(root, "/architecture")), ("erofs", "x86-64"));
    // "signed" from the day there is a signature partition.
    assert_eq!((text(root, "/verity"), text(root, "/rw")), ("yes", "ro"));
    assert_eq!(text(root, "/partition_label"), "root-a");
    assert_eq!(text(found("root-verity"), "/fstype"), "DM_verity_hash");
    assert_eq!(text(found("esp"), "/fstype"), "vfat");
    assert_eq!(seen["mounts"].as_array().unwrap().len(), 3, "nothing else: {seen}");
}

#[test]
fn systemd_dissect_holds_the_image_against_a_policy_that_wants_verity() {
    let image = Image::under_test();
    let attempt = |policy: &str| {
        let mut dissect = oracle::of_tools_tree("usr/bin/systemd-dissect", true);
        dissect.arg("--validate").arg(format!("--image-policy={policy}")).arg(&image.disk);
        oracle::output("sudo", &mut dissect)
    };
    let accepted = attempt("root=verity:root-verity=unprotected:esp=unprotected");
    assert!(accepted.status.success(), "{}", oracle::text_of(&accepted));
    let refused = attempt("root=signed:root-verity=unprotected:esp=unprotected");
    assert!(!refused.status.success(), "nothing is signed yet: {}", oracle::text_of(&refused));
}

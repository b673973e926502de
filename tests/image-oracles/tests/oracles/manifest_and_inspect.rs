//! The description that the build wrote, and what `piccolo inspect` finds in the image: one truth.

use crate::image::{Image, inspect, number, text};
use serde_json::Value;
use std::fs;

#[test]
fn inspect_finds_in_the_image_what_the_build_described() {
    let image = Image::under_test();
    let manifest = image.manifest();
    let inspected = inspect(&image.disk, &["--verify"]);
    assert_eq!(inspected["notes"], serde_json::json!([]));
    assert_eq!(fs::metadata(&image.disk).unwrap().len(), number(&manifest, "/disk/size"));

    let same = [
        ("/disk/size", "/size"),
        ("/name", "/slots/0/root/os_release/IMAGE_ID"),
        ("/version", "/slots/0/root/version"),
        ("/stream", "/slots/0/root/os_release/PICCOLO_STREAM"),
        ("/architecture", "/slots/0/root/os_release/PICCOLO_ARCHITECTURE"),
        ("/timestamp", "/slots/0/root/build_time"),
        ("/packages", "/slots/0/root/packages/count"),
        ("/root/size", "/slots/0/root/file_system_size"),
        ("/root/files", "/slots/0/root/names"),
        ("/root/hash", "/slots/0/root_hash"),
        ("/root/hash", "/slots/0/verity/root_hash"),
        ("/root/verity_size", "/slots/0/verity/hash_size"),
        ("/uki/size", "/esp/unified_kernel_images/0/size"),
        ("/version", "/esp/unified_kernel_images/0/version"),
        ("/version", "/esp/unified_kernel_images/0/boot_entry/version"),
        ("/kernel", "/esp/unified_kernel_images/0/uname"),
        ("/command_line", "/esp/unified_kernel_images/0/command_line"),
        ("/root/hash", "/esp/unified_kernel_images/0/root_hash"),
        ("/initrd_size", "/esp/unified_kernel_images/0/initrd/size"),
        ("/measurements", "/esp/unified_kernel_images/0/measurements"),
    ];
    let different: Vec<String> = same
        .into_iter()
        .filter_map(|(described, found)| {
            let pair = (manifest.pointer(described), inspected.pointer(found));
            (pair.0.is_none() || pair.0 != pair.1).then(|| format!("{described} {:?}, {found} {:?}", pair.0, pair.1))
        })
        .collect();
    assert!(different.is_empty(), "{}", different.join("\n"));
    assert_eq!(inspected["slots"][0]["uuids_match"], true);
    assert_ne!(inspected["slots"][0]["verification"], Value::Null);

    // The file beside the disk is the one in the ESP.
    let of_file = inspect(&image.uki(), &[]);
    for fact in ["sections", "command_line", "measurements", "initrd", "os_release"] {
        assert_eq!(of_file[fact], inspected["esp"]["unified_kernel_images"][0][fact], "{fact}");
    }
    assert_eq!(text(&of_file, "/uname"), text(&manifest, "/kernel"));
}

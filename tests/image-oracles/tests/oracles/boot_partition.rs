//! The EFI system partition, as fsck.vfat and mtools see it.

use crate::image::{Image, text};
use crate::oracle;
use disk_layout::slot::PartitionRole;
use std::fs;

#[test]
fn fsck_finds_the_esp_clean_and_mtools_finds_the_uki_with_three_tries() {
    let image = Image::under_test();
    let scratch = tempfile::tempdir().unwrap();
    let esp = scratch.path().join("esp.img");
    image.extract(PartitionRole::Esp, None, &esp);
    let verdict = oracle::run("dosfstools", "fsck.vfat", ["-n".as_ref(), esp.as_os_str()]);
    let faults = ["wrong", "Dirty bit", "differences", "orphan", "Reclaimed", "corrupt"];
    assert!(!faults.iter().any(|fault| verdict.contains(fault)), "{verdict}");

    let listed = oracle::run("mtools", "mdir", ["-b".as_ref(), "-i".as_ref(), esp.as_os_str(), "::EFI/Linux".as_ref()]);
    let expected = format!("::/EFI/Linux/piccolo_{}+3-0.efi", text(&image.manifest(), "/version"));
    assert_eq!(listed.trim(), expected, "one UKI, which systemd-boot may try three times");

    let copy = scratch.path().join("copy.efi");
    oracle::run("mtools", "mcopy", ["-i".as_ref(), esp.as_os_str(), expected.as_ref(), copy.as_os_str()]);
    oracle::run("diffutils", "cmp", [copy.as_os_str(), image.uki().as_os_str()]);

    // Firmware without a boot entry of its own starts the fallback; both are systemd-boot.
    let loaders = ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi"].map(|path| {
        let copy = scratch.path().join("loader.efi");
        let source = format!("::/{path}");
        oracle::run(
            "mtools",
            "mcopy",
            ["-n".as_ref(), "-o".as_ref(), "-i".as_ref(), esp.as_os_str(), source.as_ref(), copy.as_os_str()],
        );
        fs::read(copy).unwrap()
    });
    assert_eq!(loaders[0], loaders[1]);
    let (tree, blobs) = image.root_tree();
    let path = file_tree::path::TreePath::parse("/usr/lib/systemd/boot/efi/systemd-bootx64.efi").unwrap();
    let inode = tree.inode(tree.lookup(&path).expect("the loader is in the root"));
    let file_tree::tree::Kind::File(content) = &inode.kind else { panic!("the loader is a {}", inode.kind.name()) };
    assert_eq!(loaders[0], content.read_all(&blobs, 1 << 24).unwrap(), "the loader of the root file system");
}

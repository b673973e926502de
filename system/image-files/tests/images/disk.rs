//! Disk images as sfdisk and sgdisk see them

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use disk_layout::gpt::SectorSize;
use disk_layout::partition_type::Architecture;
use disk_layout::plan::{
    DiskPlan, PartitionSizes, ShippedDisk, derived_guid, derived_volume_id, plan_shipped_disk, verity_bytes,
};
use disk_layout::root_hash::RootHash;
use disk_layout::slot::{PartitionRole, SlotName};
use image_files::disk::{Durability, ExistingDisk, NewDisk};
use image_files::esp::{self, EspImage, EspNode};
use image_files::sparse::Watch;
use serde_json::Value;

use crate::oracle;

const MIB: u64 = 1 << 20;
const ROOT: PartitionRole = PartitionRole::Root(SlotName::A);
const VERITY: PartitionRole = PartitionRole::Verity(SlotName::A);

fn root_hash() -> RootHash {
    "00112233445566778899aabbccddeeff0123456789abcdeffedcba9876543210".parse().expect("64 digits")
}

fn plan(sizes: &PartitionSizes) -> DiskPlan {
    let disk =
        ShippedDisk { architecture: Architecture::X86_64, sizes, sector_size: SectorSize::Bytes512, seed: &[42; 32] };
    plan_shipped_disk(&disk).expect("the sizes are aligned")
}

/// A shipped image with empty partitions.
pub fn make(path: &Path, sizes: &PartitionSizes) {
    let disk = NewDisk::create(path, plan(sizes)).expect("a new image");
    disk.finish(&root_hash(), Durability::Cached).expect("a finished image");
}

/// The partitions as sfdisk lists them, with everything it says about each except the name of the file.
pub fn partitions(image: &Path) -> Vec<Value> {
    let output = oracle::run("fdisk", "sfdisk", ["--json".as_ref(), image.as_os_str()]);
    let mut table: Value = serde_json::from_str(&output).expect("sfdisk prints JSON");
    let mut partitions = table["partitiontable"]["partitions"].take();
    let list = partitions.as_array_mut().expect("a list of partitions");
    list.iter_mut().for_each(|partition| {
        partition.as_object_mut().expect("an object").remove("node");
    });
    std::mem::take(list)
}

#[test]
fn partitioning_tools_accept_the_shipped_image() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("piccolo.raw");
    make(&image, &PartitionSizes::default());

    let verdict = oracle::run("fdisk", "sfdisk", ["--verify".as_ref(), image.as_os_str()]);
    assert!(verdict.contains("No errors detected"), "{verdict}");
    let verdict = oracle::run("gdisk", "sgdisk", ["--verify".as_ref(), image.as_os_str()]);
    assert!(verdict.contains("No problems found"), "{verdict}");
    assert_eq!(
        partitions(&image),
        [
            serde_json::json!({
                "start": 2048, "size": 2_097_152, "type": "C12A7328-F81F-11D2-BA4B-00A0C93EC93B",
                "uuid": derived_guid(&[42; 32], "esp").to_string().to_uppercase(), "name": "esp",
            }),
            serde_json::json!({
                "start": 2_099_200, "size": 6_291_456, "type": "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
                "uuid": "00112233-4455-6677-8899-AABBCCDDEEFF", "name": "root-a", "attrs": "GUID:60",
            }),
            serde_json::json!({
                "start": 8_390_656, "size": 51_200, "type": "2C7357ED-EBD2-46D9-AEC1-23D437EC2BF5",
                "uuid": "01234567-89AB-CDEF-FEDC-BA9876543210", "name": "verity-a", "attrs": "GUID:60",
            }),
        ]
    );
    // Two tables, and nothing else.
    assert!(fs::metadata(&image).unwrap().blocks() * 512 < MIB);
}

#[test]
fn partitions_hold_what_was_put_into_them_and_nothing_leaks() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("piccolo.raw");
    let sizes = PartitionSizes { esp: 2 * MIB, root: 4 * MIB, verity: Some(MIB), var_minimum: MIB };
    let part = directory.path().join("root.erofs");
    fs::write(&part, vec![5; 3 * MIB as usize]).unwrap();

    let disk = NewDisk::create(&image, plan(&sizes)).unwrap();
    let esp = disk.window(PartitionRole::Esp).unwrap();
    esp.write_all_sparse_at(&[1; 512], 2 * MIB - 512).unwrap();
    let refused = esp.write_all_at(&[1; 512], 2 * MIB - 511).unwrap_err();
    assert_eq!(refused.to_string(), "512 bytes at offset 2096641 do not fit into partition esp of 2097152 bytes");
    let never = AtomicBool::new(false);
    let mut watch = Watch { progress: &mut |_, _| {}, cancelled: &never };
    disk.copy_part(ROOT, &part, &mut watch).unwrap();
    let refused = disk.copy_part(VERITY, &part, &mut watch).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the content of partition verity-a is 3 MiB but the partition has only 1 MiB; \
         raise image.sizes.verity in the recipe to at least 3 MiB"
    );
    assert!(!image.exists(), "the image appears only when it is whole");
    disk.finish(&root_hash(), Durability::Synced).unwrap();

    let opened = ExistingDisk::open(&image, None).unwrap();
    assert_eq!(opened.reading().notes, []);
    let mut bytes = [0; 512];
    opened.window_of_role(PartitionRole::Esp).unwrap().read_exact_at(&mut bytes, 2 * MIB - 512).unwrap();
    assert_eq!(bytes, [1; 512]);
    let root = opened.window_of_role(ROOT).unwrap();
    root.read_exact_at(&mut bytes, 3 * MIB - 512).unwrap();
    assert_eq!(bytes, [5; 512]);
    root.read_exact_at(&mut bytes, 3 * MIB).unwrap();
    assert_eq!(bytes, [0; 512]);
    assert!(root.read_exact_at(&mut bytes, 4 * MIB - 511).is_err());
    assert!(opened.window_of_role(PartitionRole::Var).is_none());
    let left: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "no temporary files stay: {left:?}");
}

#[test]
fn an_esp_is_made_in_place_and_read_from_the_finished_image() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("piccolo.raw");
    let sizes = PartitionSizes { esp: 300 * MIB, root: MIB, verity: Some(MIB), var_minimum: MIB };
    let disk = NewDisk::create(&image, plan(&sizes)).unwrap();
    let mut esp = disk.window(PartitionRole::Esp).unwrap();
    let nodes = BTreeMap::from([("EFI/Linux/piccolo_1.0.0+3-0.efi".to_owned(), EspNode::Bytes(vec![8; 70_000]))]);
    let contents = EspImage {
        size: esp.length(),
        sector_size: SectorSize::Bytes512,
        volume_id: derived_volume_id(&[42; 32]),
        timestamp: 0,
        nodes: &nodes,
    };
    let mut watch = Watch { progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) };
    esp::make(&mut esp, &contents, &mut watch).unwrap();
    disk.finish(&root_hash(), Durability::Cached).unwrap();

    assert!(fs::metadata(&image).unwrap().blocks() * 512 < 4 * MIB);
    let mut window = ExistingDisk::open(&image, None).unwrap().window_of_role(PartitionRole::Esp).unwrap();
    let listed: Vec<_> = esp::list(&mut window).unwrap().into_iter().map(|entry| entry.path).collect();
    assert_eq!(listed, ["EFI", "EFI/Linux", "EFI/Linux/piccolo_1.0.0+3-0.efi"]);
    assert_eq!(esp::read_file(&mut window, &listed[2], MIB).unwrap(), vec![8; 70_000]);
    // mtools finds the file system where the table says it is.
    let place = format!("{}@@1M", image.display());
    let listed = oracle::run("mtools", "mdir", ["-b", "-i", &place, "::EFI/Linux"]);
    assert_eq!(listed.trim(), "::/EFI/Linux/piccolo_1.0.0+3-0.efi");
}

#[test]
fn automatic_verity_partitions_are_as_large_as_veritysetup_needs() {
    let directory = tempfile::tempdir().unwrap();
    let [data, hash] = ["data", "hash"].map(|name| directory.path().join(name));
    for blocks in [2, 128, 129, 128 * 128, 128 * 128 + 1] {
        fs::File::create(&data).unwrap().set_len(blocks * 4096).unwrap();
        let arguments = ["format".as_ref(), data.as_os_str(), hash.as_os_str()];
        let _ = fs::remove_file(&hash);
        oracle::run("cryptsetup-bin", "veritysetup", arguments);
        assert_eq!(fs::metadata(&hash).unwrap().len(), verity_bytes(blocks * 4096), "{blocks} blocks");
    }
}

#[test]
fn an_unfinished_image_leaves_nothing_and_keeps_the_old_one() {
    let directory = tempfile::tempdir().unwrap();
    let image = directory.path().join("piccolo.raw");
    fs::write(&image, "the previous build").unwrap();
    drop(NewDisk::create(&image, plan(&PartitionSizes::default())).unwrap());
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 1);
    assert_eq!(fs::read_to_string(&image).unwrap(), "the previous build");
}

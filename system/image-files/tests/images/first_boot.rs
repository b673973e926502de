//! What systemd-repart makes of a shipped image on the device's first boot

use std::fs;
use std::path::PathBuf;

use disk_layout::partition_type::Architecture;
use disk_layout::plan::PartitionSizes;
use disk_layout::repart::definitions;
use disk_layout::root_hash::RootHash;
use disk_layout::slot::PartitionRole;
use image_files::disk::ExistingDisk;
use serde_json::Value;

use crate::disk::{make, partitions};
use crate::oracle;

const MIB: u64 = 1 << 20;

/// A shipped image, and the definitions for its device.
struct Device {
    directory: tempfile::TempDir,
}

impl Device {
    fn new(sizes: &PartitionSizes) -> Self {
        let device = Self { directory: tempfile::tempdir().expect("a temporary directory") };
        make(&device.image(), sizes);
        fs::create_dir(device.definitions()).expect("a directory");
        for definition in definitions(Architecture::X86_64, sizes) {
            fs::write(device.definitions().join(definition.file_name), definition.text).expect("a file");
        }
        device
    }

    fn image(&self) -> PathBuf {
        self.directory.path().join("piccolo.raw")
    }

    fn definitions(&self) -> PathBuf {
        self.directory.path().join("repart.d")
    }

    /// The disk of the device is larger than the image that was written to it.
    fn grow(&self, bytes: u64) {
        let image = fs::File::options().write(true).open(self.image()).expect("the image");
        image.set_len(bytes).expect("a larger image");
    }

    /// Runs systemd-repart as the device does on every boot; its exit status and what it said.
    fn repart(&self) -> (Option<i32>, String) {
        let (loader, mut arguments) = oracle::from_tools_tree("usr/bin/systemd-repart");
        arguments.extend(["--dry-run=no", "--offline=yes", "--no-pager"].map(str::to_owned));
        arguments.push(format!("--definitions={}", self.definitions().display()));
        arguments.push(self.image().display().to_string());
        // repart runs mkfs.ext4.
        oracle::attempt("e2fsprogs", &loader, arguments)
    }

    fn boot(&self) {
        let (status, output) = self.repart();
        assert_eq!(status, Some(0), "{output}");
    }
}

fn names(partitions: &[Value]) -> Vec<&str> {
    partitions.iter().map(|partition| partition["name"].as_str().unwrap_or_default()).collect()
}

#[test]
fn first_boot_adds_slot_b_and_var_and_touches_nothing_else() {
    let device = Device::new(&PartitionSizes::default());
    let shipped = partitions(&device.image());
    device.grow(12 << 30);
    device.boot();

    let first = partitions(&device.image());
    assert_eq!(names(&first), ["esp", "root-a", "verity-a", "root-b", "verity-b", "var"]);
    assert_eq!(first[..3], shipped, "what the image brought stays as it was");
    for (a, b) in [(1, 3), (2, 4)] {
        for same in ["size", "type", "attrs"] {
            assert_eq!(first[a][same], first[b][same], "{same} of {} and {}", first[a]["name"], first[b]["name"]);
        }
    }
    assert_eq!(first[5]["type"], "4D21B016-B534-45C2-A9FB-5C16E091FD2D");
    assert_eq!(first[5]["attrs"], "GUID:59");
    let size = |partition: &Value| partition["size"].as_u64().unwrap() * 512;
    let used: u64 = first[..5].iter().map(size).sum();
    assert!(size(&first[5]) > (12 << 30) - used - 4 * MIB, "var takes the rest: {}", first[5]);
    oracle::run("fdisk", "sfdisk", ["--verify".as_ref(), device.image().as_os_str()]);

    let disk = ExistingDisk::open(&device.image(), None).unwrap();
    assert_eq!(disk.reading().notes, []);
    let mut magic = [0; 2];
    disk.window_of_role(PartitionRole::Var).unwrap().read_exact_at(&mut magic, 1024 + 56).unwrap();
    assert_eq!(u16::from_le_bytes(magic), 0xef53, "ext4 has its magic number here");

    // Every later boot runs repart too.
    device.boot();
    assert_eq!(partitions(&device.image()), first);
}

#[test]
fn a_disk_too_small_for_the_device_is_refused_by_repart_and_stays_as_it_was() {
    let sizes = PartitionSizes { esp: 64 * MIB, root: 64 * MIB, verity: None, var_minimum: 64 * MIB };
    let device = Device::new(&sizes);
    let shipped = partitions(&device.image());
    device.grow(sizes.smallest_disk() - MIB);
    let (status, output) = device.repart();
    assert_ne!(status, Some(0), "{output}");
    assert_eq!(partitions(&device.image()), shipped);

    device.grow(sizes.smallest_disk());
    device.boot();
    assert_eq!(partitions(&device.image()).len(), 6);
}

#[test]
fn a_slot_that_an_update_renamed_keeps_its_new_uuids() {
    let sizes = PartitionSizes { esp: 64 * MIB, root: 64 * MIB, verity: None, var_minimum: 64 * MIB };
    let device = Device::new(&sizes);
    device.grow(1 << 30);
    device.boot();
    // What an update does when slot B is filled.
    for (number, uuid) in [("4", "aaaaaaaa-0000-0000-0000-000000000001"), ("5", "bbbbbbbb-0000-0000-0000-000000000002")]
    {
        let arguments = ["--part-uuid".into(), device.image().into_os_string(), number.into(), uuid.into()];
        oracle::run("fdisk", "sfdisk", arguments);
    }
    let updated = partitions(&device.image());
    assert_eq!(updated[3]["uuid"], "AAAAAAAA-0000-0000-0000-000000000001");
    device.boot();
    assert_eq!(partitions(&device.image()), updated);
}

/// repart makes a verity pair itself and names the partitions after its root hash: the judge of our derivation.
#[test]
fn partition_uuids_follow_from_the_root_hash_as_systemd_derives_them() {
    let device = Device::new(&PartitionSizes::default());
    fs::remove_dir_all(device.definitions()).unwrap();
    fs::create_dir(device.definitions()).unwrap();
    let content = device.directory.path().join("content");
    fs::write(&content, vec![7; MIB as usize]).unwrap();
    let pair = "VerityMatchKey=root";
    let root = format!("[Partition]\nType=root-x86-64\nCopyBlocks={}\nVerity=data\n{pair}\n", content.display());
    let hash = format!("[Partition]\nType=root-x86-64-verity\nVerity=hash\n{pair}\nSizeMinBytes=1M\n");
    fs::write(device.definitions().join("1-root.conf"), root).unwrap();
    fs::write(device.definitions().join("2-hash.conf"), hash).unwrap();
    let image = device.directory.path().join("systemd.raw");

    let (loader, mut arguments) = oracle::from_tools_tree("usr/bin/systemd-repart");
    arguments
        .extend(["--dry-run=no", "--offline=yes", "--no-pager", "--empty=create", "--size=auto"].map(str::to_owned));
    arguments.extend(["--json=short".to_owned(), format!("--definitions={}", device.definitions().display())]);
    arguments.push(image.display().to_string());
    let output = oracle::run("e2fsprogs", &loader, arguments);
    let report: Value = serde_json::from_str(&output).unwrap();
    let root_hash: RootHash = report[0]["roothash"].as_str().unwrap().parse().unwrap();
    let made = ExistingDisk::open(&image, None).unwrap();
    let partitions = &made.reading().table.partitions;
    assert_eq!(partitions[0].unique_guid, root_hash.root_partition_uuid());
    assert_eq!(partitions[1].unique_guid, root_hash.verity_partition_uuid());
}

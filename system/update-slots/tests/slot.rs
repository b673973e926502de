//! An image written into a slot, sealed and named, on a disk in a file.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use disk_layout::gpt::{self, SectorSize};
use disk_layout::partition_type::Architecture;
use disk_layout::plan::{PartitionSizes, ShippedDisk, plan_shipped_disk};
use disk_layout::root_hash::RootHash;
use disk_layout::slot::SlotName;
use release_metadata::digest::{Sha256Digest, VeritySalt};
use release_metadata::release::{RootImage, Verity};
use tempfile::TempDir;
use update_slots::image::{ImageError, ImageWriter};
use update_slots::seal::{SealError, seal};
use update_slots::table::{TableError, name_slot, slot_root_hash};
use verity_tree::digest::Salt;
use verity_tree::superblock::Superblock;
use verity_tree::tree::HashTree;
use verity_tree::verify::verify;

const SALT: [u8; 32] = [7; 32];

struct Slot {
    _directory: TempDir,
    root: PathBuf,
    verity: PathBuf,
    data: Vec<u8>,
    image: RootImage,
}

fn slot() -> Slot {
    let directory = tempfile::tempdir().unwrap();
    let [root, verity] = ["root", "verity"].map(|name| directory.path().join(name));
    let data: Vec<u8> = (0..300 * 4096_u32).map(|index| (index / 5) as u8).collect();
    File::create(&root).unwrap().set_len(400 * 4096).unwrap();
    File::create(&verity).unwrap().set_len(1 << 20).unwrap();
    let uuid = uuid::Uuid::from_u128(5);
    let superblock = Superblock { uuid: *uuid.as_bytes(), data_blocks: 300, salt: Salt::new(SALT).unwrap() };
    let tree = HashTree::of_data(&superblock, &data).unwrap();
    let image = RootImage {
        root_hash: tree.root_hash(),
        size: data.len() as u64,
        sha256: Sha256Digest([0; 32]),
        verity: Verity { size: tree.bytes().len() as u64, salt: VeritySalt::new(SALT.to_vec()).unwrap(), uuid },
    };
    Slot { _directory: directory, root, verity, data, image }
}

fn sealed(slot: &Slot) -> Result<(), SealError> {
    seal(&slot.root, &slot.verity, &slot.image, &mut |_, _| {}, &AtomicBool::new(false))
}

#[test]
fn an_image_that_was_written_in_pieces_and_gone_on_with_is_sealed() {
    let slot = slot();
    let mut writer = ImageWriter::open(&slot.root, slot.image.size, 0).unwrap();
    writer.write(&slot.data[..5000]).unwrap();
    writer.write(&slot.data[5000..40_960]).unwrap();
    let durable = writer.flush().unwrap();
    // What came after the last flush may be anything after a power cut.
    writer.write(&[0xff; 100]).unwrap();
    drop(writer);
    let mut again = ImageWriter::open(&slot.root, slot.image.size, durable).unwrap();
    again.write(&slot.data[durable as usize..]).unwrap();
    let mut back = [0; 10];
    again.read_back(4990, &mut back).unwrap();
    assert_eq!(back, slot.data[4990..5000]);
    again.finish().unwrap();

    sealed(&slot).unwrap();
    let tree = fs::read(&slot.verity).unwrap();
    verify(&mut slot.data.as_slice(), &tree, slot.image.root_hash, 1).unwrap();
}

#[test]
fn an_image_that_is_not_the_releases_is_not_sealed() {
    let slot = slot();
    let mut writer = ImageWriter::open(&slot.root, slot.image.size, 0).unwrap();
    writer.write(&slot.data).unwrap();
    writer.finish().unwrap();
    File::options().write(true).open(&slot.root).unwrap().write_all_at(b"!", 70_000).unwrap();
    assert!(matches!(sealed(&slot), Err(SealError::OtherImage { .. })));
    assert!(fs::read(&slot.verity).unwrap().iter().all(|byte| *byte == 0), "no tree for a wrong image");
}

#[test]
fn images_that_are_too_long_or_too_short_are_refused() {
    let slot = slot();
    assert!(matches!(
        ImageWriter::open(&slot.root, 1 << 30, 0),
        Err(ImageError::TooSmall { available: 1_638_400, .. })
    ));
    let mut writer = ImageWriter::open(&slot.root, 4096, 0).unwrap();
    assert!(matches!(writer.write(&[0; 4097]), Err(ImageError::TooLong { size: 4096 })));
    writer.write(&[0; 4000]).unwrap();
    assert!(matches!(writer.read_back(3999, &mut [0; 2]), Err(ImageError::TooShort { .. })));
    assert!(matches!(writer.finish(), Err(ImageError::TooShort { written: 4000, size: 4096 })));
}

#[test]
fn a_slots_partitions_are_named_after_the_root_hash_and_nothing_else_changes() {
    let directory = tempfile::tempdir().unwrap();
    let disk = directory.path().join("disk");
    make_disk(&disk);
    let hash = RootHash(std::array::from_fn(|index| index as u8));
    let before = gpt::read(&mut File::open(&disk).unwrap(), None).unwrap().table;
    name_slot(&disk, SlotName::A, &hash).unwrap();
    name_slot(&disk, SlotName::A, &hash).unwrap();
    let after = gpt::read(&mut File::open(&disk).unwrap(), None).unwrap();
    assert_eq!(after.notes, []);
    assert_eq!(slot_root_hash(&disk, SlotName::A).unwrap(), hash);
    assert_eq!(after.table.partitions[0], before.partitions[0]);
    assert_eq!(after.table.partitions[1].unique_guid.to_string(), "00010203-0405-0607-0809-0a0b0c0d0e0f");
    assert!(matches!(name_slot(&disk, SlotName::B, &hash), Err(TableError::NoPartition { .. })));
}

fn make_disk(path: &Path) {
    let sizes = PartitionSizes { esp: 1 << 20, root: 1 << 20, verity: None, var_minimum: 1 << 20 };
    let plan = plan_shipped_disk(&ShippedDisk {
        architecture: Architecture::X86_64,
        sizes: &sizes,
        sector_size: SectorSize::Bytes512,
        seed: &[1; 32],
    });
    let table = plan.unwrap().table(&RootHash([9; 32]));
    let encoded = table.encode().unwrap();
    let file = File::create(path).unwrap();
    file.set_len(table.disk_sectors * 512).unwrap();
    file.write_all_at(&encoded.primary, 0).unwrap();
    file.write_all_at(&encoded.backup, encoded.backup_offset).unwrap();
}

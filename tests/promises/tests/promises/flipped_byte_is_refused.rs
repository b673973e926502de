//! Nothing modified mounts or runs: one changed byte of the root partition is enough.

use erofs_image::read::{ImagePlace, read_tree};
use file_tree::content::{BlobId, Extent, ReadBlob};
use file_tree::path::TreePath;
use file_tree::tree::Kind;
use image_files::disk::{ExistingDisk, Window};
use std::io;
use std::path::Path;
use test_bench::{TestMachine, TestOptions, test_image};

/// What the kernel says when a block does not match its hash.
const CORRUPTED: &str = "is corrupted";

#[test]
fn one_flipped_byte_in_the_superblock_stops_the_boot_and_says_so() {
    let mut machine = TestMachine::power_on(&test_image(), TestOptions::default());
    machine.cut_power();
    let disk = machine.disk();
    // The superblock of EROFS lies 1 KiB into the partition.
    disk.flip_byte(disk.partition("root-a").start + 1024 + 32);
    machine.power_on_again();
    machine.wait_for_console(CORRUPTED);
    let console = machine.wait_for_console("Piccolo OS could not start");
    assert!(!console.contains("Switching root"), "the modified root was used");
}

#[test]
fn one_flipped_byte_in_the_first_program_of_the_root_stops_the_boot() {
    let image = test_image();
    let within = offset_of_file(&image, "/usr/lib/systemd/systemd");
    let mut machine = TestMachine::power_on(&image, TestOptions::default());
    machine.cut_power();
    let disk = machine.disk();
    disk.flip_byte(disk.partition("root-a").start + within);
    machine.power_on_again();
    let console = machine.wait_for_console(CORRUPTED);
    assert!(!console.contains("Reached target multi-user.target"), "the modified program ran");
}

/// Where the first byte of a file's data lies in slot A's root partition.
pub fn offset_of_file(image: &Path, path: &str) -> u64 {
    let disk = ExistingDisk::open(image, None).unwrap();
    let partition = disk.reading().table.by_label("root-a").unwrap().clone();
    let window = PartitionBlob(disk.window(&partition));
    let place = ImagePlace { blob: BlobId(0), offset: 0, length: window.0.length() };
    let tree = read_tree(&place, &window).unwrap();
    let (_, id) = tree.resolve(&TreePath::parse(path).unwrap()).unwrap();
    let Kind::File(content) = &tree.inode(id).kind else { panic!("{path} is no file") };
    match content.extents().first() {
        Some(Extent::Blob { offset, .. }) => *offset,
        other => panic!("{path} starts with {other:?}"),
    }
}

struct PartitionBlob(Window);

impl ReadBlob for PartitionBlob {
    fn read_exact_at(&self, _blob: BlobId, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        self.0.read_exact_at(buffer, offset)
    }
}

//! The image under test and its parts.

use disk_layout::slot::PartitionRole;
use disk_layout::slot::SlotName;
use erofs_image::read::{ImagePlace, read_tree};
use file_tree::content::BlobId;
use file_tree::tree::FileTree;
use image_files::content::BlobFiles;
use image_files::disk::ExistingDisk;
use image_files::sparse::{self, CopyRange, Watch};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use test_bench::image::test_image;

use crate::oracle;

/// The root partition of the slot that the image fills.
pub const ROOT: PartitionRole = PartitionRole::Root(SlotName::A);
/// Its verity partition.
pub const VERITY: PartitionRole = PartitionRole::Verity(SlotName::A);

/// A built image: a directory with a disk image, a UKI and a description.
pub struct Image {
    /// The disk image; the others lie beside it.
    pub disk: PathBuf,
}

impl Image {
    /// The one that the tests are about.
    #[track_caller]
    pub fn under_test() -> Self {
        Self { disk: test_image() }
    }

    /// The directory it is in.
    pub fn directory(&self) -> &Path {
        self.disk.parent().expect("a file has a directory")
    }

    /// The unified kernel image.
    pub fn uki(&self) -> PathBuf {
        self.disk.with_extension("efi")
    }

    /// The description.
    pub fn manifest(&self) -> Value {
        let path = self.disk.with_extension("json");
        let text = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_slice(&text).unwrap()
    }

    /// The partitions.
    pub fn open(&self) -> ExistingDisk {
        ExistingDisk::open(&self.disk, None).unwrap()
    }

    /// Copies a partition, or its first `length` bytes, into a file of its own: holes stay holes.
    pub fn extract(&self, role: PartitionRole, length: Option<u64>, target: &Path) {
        let disk = self.open();
        let table = &disk.reading().table;
        let partition = table.by_label(role.label()).unwrap_or_else(|| panic!("no partition {}", role.label()));
        let length = length.unwrap_or(partition.size(table.sector_size));
        let range = CopyRange { source_offset: partition.offset(table.sector_size), target_offset: 0, length };
        let target = File::options().write(true).create_new(true).open(target).unwrap();
        target.set_len(length).unwrap();
        let never = AtomicBool::new(false);
        let mut watch = Watch { progress: &mut |_, _| {}, cancelled: &never };
        sparse::copy(&File::open(&self.disk).unwrap(), &target, range, &mut watch).unwrap();
    }

    /// The root file system as our own reader sees it, with what its contents are read from.
    pub fn root_tree(&self) -> (FileTree, BlobFiles) {
        let disk = self.open();
        let table = &disk.reading().table;
        let root = table.by_label(ROOT.label()).expect("a root partition");
        let (offset, length) = (root.offset(table.sector_size), root.size(table.sector_size));
        let mut blobs = BlobFiles::default();
        let blob: BlobId = blobs.add(&self.disk).unwrap();
        let tree = read_tree(&ImagePlace { blob, offset, length }, &blobs).unwrap();
        (tree, blobs)
    }
}

/// The operator's tool that built the image.
#[track_caller]
pub fn piccolo() -> PathBuf {
    let path = std::env::var_os("PICCOLO_BIN").map(PathBuf::from);
    path.expect("PICCOLO_BIN is not set: run through `cargo xtask test`, which builds piccolo and sets it")
}

/// What `piccolo inspect --json` says about a file.
#[track_caller]
pub fn inspect(path: &Path, more: &[&str]) -> Value {
    let mut command = oracle::command(piccolo());
    let output = oracle::output("piccolo", command.args(["inspect", "--json"]).args(more).arg(path));
    assert!(output.status.success(), "{command:?}: {}", oracle::text_of(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The text at a place of a JSON document, such as `/root/hash`.
#[track_caller]
pub fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.unwrap_or_else(|| panic!("no text at {pointer} of {value}"))
}

/// The number at a place of a JSON document.
#[track_caller]
pub fn number(value: &Value, pointer: &str) -> u64 {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.unwrap_or_else(|| panic!("no number at {pointer} of {value}"))
}

//! EROFS images and their hash trees, written in one pass into files and partitions

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use disk_layout::gpt::SectorSize;
use disk_layout::partition_type::Architecture;
use disk_layout::plan::{PartitionSizes, ShippedDisk, plan_shipped_disk};
use disk_layout::slot::{PartitionRole, SlotName};
use erofs_image::plan::{Options, Plan, plan};
use file_tree::content::{BlobId, Content, NoBlobs, ReadBlob};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp};
use image_files::content::BlobFiles;
use image_files::disk::NewDisk;
use image_files::erofs::{write_erofs, write_erofs_with_verity};
use image_files::sparse::{CopyError, Watch};
use image_files::verity::{VerityError, VeritySettings, hash_file, hash_partition, verify, write_tree};
use verity_tree::digest::Salt;
use verity_tree::stream::StreamHasher;

/// Files of many sizes, some MiB together, from one blob.
fn tree(directory: &Path) -> (FileTree, BlobFiles) {
    let contents = directory.join("contents");
    let bytes: Vec<u8> = (0..6_000_000_u64).map(|index| ((index * index) >> 7) as u8).collect();
    fs::write(&contents, &bytes).unwrap();
    let mut blobs = BlobFiles::default();
    let blob = blobs.add(&contents).unwrap();
    let mut tree = FileTree::new();
    let lengths = (0..400_u64).map(|index| index * index % 20_011);
    let mut offset = 0;
    for (index, length) in lengths.chain([1_500_000]).enumerate() {
        let kind = Kind::File(Content::from_blob(blob, offset, length));
        let path = TreePath::parse(format!("d{}/f{index}", index % 9)).unwrap();
        tree.insert(&path, Inode::new(Metadata::root_owned(0o644), kind)).unwrap();
        offset += length;
    }
    (tree, blobs)
}

fn planned(tree: &FileTree) -> Plan<'_> {
    let options =
        Options { uuid: [1; 16], label: "root".to_owned(), build_time: Timestamp::default(), last: Vec::new() };
    plan(tree, &options).unwrap()
}

fn settings(threads: usize) -> VeritySettings {
    VeritySettings { salt: Salt::new([3; 32]).unwrap(), uuid: [2; 16], threads }
}

/// A watch that sees nothing and ends nothing.
macro_rules! unwatched {
    () => {
        &mut Watch { progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) }
    };
}

#[test]
fn any_number_of_threads_writes_the_streamed_image_and_its_tree() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, blobs) = tree(directory.path());
    let plan = planned(&tree);
    let mut streamed = Vec::new();
    plan.write(&blobs, &mut streamed).unwrap();
    let mut hasher = StreamHasher::new(settings(1).salt, 1);
    hasher.update(&streamed);
    let expected = hasher.finish([2; 16]).unwrap();
    for threads in [1, 2, 5] {
        let path = directory.path().join(format!("image{threads}"));
        let image = File::create_new(&path).unwrap();
        image.set_len(plan.length()).unwrap();
        let found = write_erofs_with_verity(&plan, &blobs, &image, &settings(threads), unwatched!()).unwrap();
        assert!(fs::read(&path).unwrap() == streamed, "{threads} threads wrote another image");
        assert_eq!(found, expected);
        let again = hash_file(&File::open(&path).unwrap(), plan.length(), &settings(threads), unwatched!()).unwrap();
        assert_eq!(again, expected);
        verify(File::open(&path).unwrap(), found.bytes(), found.root_hash(), threads).unwrap();
    }
    let plain = directory.path().join("plain");
    write_erofs(&plan, &blobs, &File::create_new(&plain).unwrap(), 2, unwatched!()).unwrap();
    assert!(fs::read(&plain).unwrap() == streamed[..fs::metadata(&plain).unwrap().len() as usize]);
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a real program judges the result")]
fn veritysetup_accepts_image_and_tree() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, blobs) = tree(directory.path());
    let plan = planned(&tree);
    let [image, hashes] = ["image", "hashes"].map(|name| directory.path().join(name));
    let file = File::create_new(&image).unwrap();
    file.set_len(plan.length()).unwrap();
    let hash_tree = write_erofs_with_verity(&plan, &blobs, &file, &settings(2), unwatched!()).unwrap();
    write_tree(&hash_tree, &File::create_new(&hashes).unwrap()).unwrap();
    let root_hash = hash_tree.root_hash().to_string();
    for (program, package, arguments) in [
        (
            "veritysetup",
            "cryptsetup-bin",
            vec!["verify".as_ref(), image.as_os_str(), hashes.as_os_str(), root_hash.as_ref()],
        ),
        ("fsck.erofs", "erofs-utils", vec![image.as_os_str()]),
    ] {
        let output = Command::new(program)
            .args(arguments)
            .output()
            .unwrap_or_else(|error| panic!("{program}: {error}; install the Debian package {package}"));
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn partitions_of_a_new_disk_are_written_in_place() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, blobs) = tree(directory.path());
    let plan = planned(&tree);
    let sizes = PartitionSizes::default();
    let disk = ShippedDisk {
        architecture: Architecture::X86_64,
        sizes: &sizes,
        sector_size: SectorSize::Bytes512,
        seed: &[4; 32],
    };
    let disk = NewDisk::create(&directory.path().join("disk"), plan_shipped_disk(&disk).unwrap()).unwrap();
    let root = disk.window(PartitionRole::Root(SlotName::A)).unwrap();
    let hash_tree = write_erofs_with_verity(&plan, &blobs, &root, &settings(2), unwatched!()).unwrap();
    let hashes = disk.window(PartitionRole::Verity(SlotName::A)).unwrap();
    write_tree(&hash_tree, &hashes).unwrap();
    let mut partition = vec![0; hash_tree.bytes().len()];
    hashes.read_exact_at(&mut partition, 0).unwrap();
    verify(root.clone(), &partition, hash_tree.root_hash(), 2).unwrap();
    assert_eq!(hash_partition(&root, plan.length(), &settings(2), unwatched!()).unwrap(), hash_tree);
}

#[test]
fn progress_reaches_the_end_and_zeros_stay_holes() {
    let directory = tempfile::tempdir().unwrap();
    let mut tree = FileTree::new();
    let zeros = Kind::File(Content::from_bytes(vec![0; 8 << 20]));
    tree.insert(&TreePath::parse("zeros").unwrap(), Inode::new(Metadata::root_owned(0o644), zeros)).unwrap();
    let plan = planned(&tree);
    let path = directory.path().join("image");
    let image = File::create_new(&path).unwrap();
    image.set_len(plan.length()).unwrap();
    let mut calls = Vec::new();
    let mut watch =
        Watch { progress: &mut |done, total| calls.push((done, total)), cancelled: &AtomicBool::new(false) };
    write_erofs(&plan, &NoBlobs, &image, 2, &mut watch).unwrap();
    assert_eq!(calls.first(), Some(&(0, plan.length())));
    assert_eq!(calls.last(), Some(&(plan.length(), plan.length())));
    assert!(calls.is_sorted());
    assert!(image.metadata().unwrap().blocks() * 512 < 1 << 20, "zeros were written");
}

#[test]
fn cancelling_ends_the_pass() {
    let directory = tempfile::tempdir().unwrap();
    let (tree, blobs) = tree(directory.path());
    let image = File::create_new(directory.path().join("image")).unwrap();
    let cancelled = AtomicBool::new(false);
    let mut progress = |done, _| cancelled.store(done > 0, Ordering::Relaxed);
    let mut watch = Watch { progress: &mut progress, cancelled: &cancelled };
    let result = write_erofs_with_verity(&planned(&tree), &blobs, &image, &settings(2), &mut watch);
    assert!(matches!(result, Err(VerityError::Data(CopyError::Cancelled(_)))));
}

#[test]
fn what_cannot_be_read_is_an_error() {
    struct Broken;
    impl ReadBlob for Broken {
        fn read_exact_at(&self, _blob: BlobId, _offset: u64, _buffer: &mut [u8]) -> io::Result<()> {
            Err(io::Error::other("the disk is gone"))
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let (tree, _) = tree(directory.path());
    let image = File::create_new(directory.path().join("image")).unwrap();
    let result = write_erofs(&planned(&tree), &Broken, &image, 2, unwatched!());
    assert!(matches!(result, Err(CopyError::Read { .. })));
    assert!(matches!(hash_file(&image, 4097, &settings(1), unwatched!()), Err(VerityError::Length { length: 4097 })));
    assert!(matches!(hash_file(&image, 0, &settings(1), unwatched!()), Err(VerityError::Length { length: 0 })));
}

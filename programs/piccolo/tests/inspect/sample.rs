//! A small disk image with everything that a real one has. Equal on every run.

use disk_layout::boot_entry::BootEntry;
use disk_layout::gpt::SectorSize;
use disk_layout::partition_type::Architecture;
use disk_layout::plan::{DiskPlan, PartitionSizes, ShippedDisk, plan_shipped_disk};
use disk_layout::slot::{PartitionRole, SlotName};
use erofs_image::plan::Options;
use file_tree::content::{Content, NoBlobs};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp};
use image_files::disk::{Durability, NewDisk};
use image_files::esp::{self, EspImage, EspNode};
use image_files::sparse::Watch;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;
use unified_kernel_image::UnifiedKernelImage;
use verity_tree::digest::Salt;
use verity_tree::superblock::Superblock;
use verity_tree::tree::HashTree;

const MIB: u64 = 1 << 20;
const OS_RELEASE: &str =
    "ID=piccolo\nPRETTY_NAME=\"Piccolo OS 1.4.0 (dev)\"\nVERSION_ID=1.4.0\nIMAGE_ID=vm\nIMAGE_VERSION=1.4.0\n";
const PACKAGES: &str = r#"[{"name":"bash","version":"5.2.37-2","architecture":"amd64"},{"name":"tzdata","version":"2025b-4","architecture":"all"}]"#;
const BUILD_TIME: i64 = 1_788_600_600;

/// The parts of the image, and a directory that it is in.
pub struct Sample {
    directory: TempDir,
    pub root: Vec<u8>,
    pub verity: Vec<u8>,
    pub unified_image: Vec<u8>,
    pub initrd: Vec<u8>,
    pub root_hash: String,
    plan: DiskPlan,
}

impl Sample {
    /// Makes the parts and `disk.raw` out of them.
    pub fn new() -> Self {
        Self::of_sectors(SectorSize::Bytes512)
    }

    /// The same on a disk with sectors of this size.
    pub fn of_sectors(sector_size: SectorSize) -> Self {
        let root = root_image();
        let superblock = Superblock {
            uuid: [9; 16],
            data_blocks: root.len() as u64 / 4096,
            salt: Salt::new([5; 32]).expect("32 bytes fit"),
        };
        let tree = HashTree::of_data(&superblock, &root).expect("whole blocks");
        let initrd = initrd();
        let root_hash = tree.root_hash();
        let unified_image = unified_image(&initrd, &root_hash.to_string());
        // FAT32 needs 65,525 clusters, and a cluster is at least a sector.
        let esp = if sector_size == SectorSize::Bytes512 { 34 * MIB } else { 264 * MIB };
        let sizes = PartitionSizes { esp, root: 2 * MIB, verity: None, var_minimum: MIB };
        let shipped = ShippedDisk { architecture: Architecture::X86_64, sizes: &sizes, sector_size, seed: &[42; 32] };
        let plan = plan_shipped_disk(&shipped).expect("the sizes are aligned");
        let sample = Self {
            directory: TempDir::new().expect("a temporary directory"),
            root,
            verity: tree.bytes().to_vec(),
            unified_image,
            initrd,
            root_hash: root_hash.to_string(),
            plan,
        };
        sample.write_disk();
        sample
    }

    /// The disk image.
    pub fn disk(&self) -> PathBuf {
        self.path("disk.raw")
    }

    /// A path in the sample's directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The directory itself.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into the sample's directory.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("the temporary directory can be written");
        path
    }

    /// A copy of the disk image with changed bytes.
    pub fn changed_disk(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) -> PathBuf {
        let mut bytes = std::fs::read(self.disk()).expect("the disk image");
        change(&mut bytes);
        self.put(name, &bytes)
    }

    /// Where a partition of slot A starts on the disk, in bytes.
    pub fn offset(&self, role: PartitionRole) -> usize {
        self.plan.partition(role).expect("the plan has all parts of slot A").offset as usize
    }

    fn write_disk(&self) {
        let disk = NewDisk::create(&self.disk(), self.plan.clone()).expect("a new image");
        let write = |role, bytes: &[u8]| {
            let window = disk.window(role).expect("the plan has all parts of slot A");
            window.write_all_sparse_at(bytes, 0).expect("the part fits");
        };
        write(PartitionRole::Root(SlotName::A), &self.root);
        write(PartitionRole::Verity(SlotName::A), &self.verity);
        let entry = BootEntry::fresh("1.4.0", 3).expect("a version");
        let nodes = BTreeMap::from([
            ("EFI/BOOT/BOOTX64.EFI".to_owned(), EspNode::Bytes(small_stub(8))),
            (format!("EFI/Linux/{entry}"), EspNode::Bytes(self.unified_image.clone())),
            ("loader/loader.conf".to_owned(), EspNode::Bytes(b"timeout 0\n".to_vec())),
        ]);
        let image = EspImage {
            size: self.plan.partition(PartitionRole::Esp).expect("the plan has an ESP").size,
            sector_size: self.plan.sector_size(),
            volume_id: 7,
            timestamp: BUILD_TIME,
            nodes: &nodes,
        };
        let mut esp = disk.window(PartitionRole::Esp).expect("the plan has an ESP");
        let (mut progress, cancelled) = (|_, _| {}, AtomicBool::new(false));
        let mut watch = Watch { progress: &mut progress, cancelled: &cancelled };
        esp::make(&mut esp, &image, &mut watch).expect("the files fit");
        disk.finish(&self.root_hash.parse().expect("a root hash"), Durability::Cached).expect("a finished image");
    }
}

fn tree_of(files: &[(&str, &[u8])]) -> FileTree {
    let mut tree = FileTree::new();
    for (path, bytes) in files {
        let inode = Inode::new(Metadata::root_owned(0o644), Kind::File(Content::from_bytes(bytes.to_vec())));
        tree.insert(&TreePath::parse(path).expect("an absolute path"), inode).expect("new names");
    }
    tree
}

/// A root file system of more blocks than one hash block covers.
fn root_image() -> Vec<u8> {
    let tree = tree_of(&[
        ("/usr/lib/os-release", OS_RELEASE.as_bytes()),
        ("/usr/lib/piccolo/packages.json", PACKAGES.as_bytes()),
        ("/usr/bin/large", &[0xa5; 700 << 10]),
    ]);
    let options = Options {
        uuid: [3; 16],
        label: "piccolo".to_owned(),
        build_time: Timestamp { seconds: BUILD_TIME, nanoseconds: 0 },
        last: Vec::new(),
    };
    let plan = erofs_image::plan::plan(&tree, &options).expect("a plain tree");
    let mut image = Vec::new();
    plan.write(&NoBlobs, &mut image).expect("contents in memory");
    image
}

fn initrd() -> Vec<u8> {
    let mut tree = tree_of(&[("/init", b"#!/bin/sh\n"), ("/etc/initrd-release", OS_RELEASE.as_bytes())]);
    let link = Inode::new(Metadata::root_owned(0o777), Kind::Symlink(b"usr/lib".to_vec()));
    tree.insert(&TreePath::parse("/lib").expect("an absolute path"), link).expect("a new name");
    let mut archive = Vec::new();
    let latest = Timestamp { seconds: BUILD_TIME, nanoseconds: 0 };
    initrd_image::cpio::write(&tree, &NoBlobs, latest, &mut archive).expect("contents in memory");
    archive
}

fn unified_image(initrd: &[u8], root_hash: &str) -> Vec<u8> {
    let image = UnifiedKernelImage {
        stub: &small_stub(16),
        os_release: OS_RELEASE.as_bytes(),
        command_line: &format!("quiet root=/dev/mapper/root roothash={root_hash}"),
        device_tree: None,
        uname: Some("6.12.0-test"),
        splash: None,
        pcr_public_key: None,
        linux: b"a kernel",
        initrd: Some(initrd),
        microcode: None,
        sbat: vec!["piccolo,1,Piccolo OS,vm,1.4.0,"],
        pcr_signature: None,
        profiles: Vec::new(),
    };
    image.assemble().expect("a whole image").to_vec()
}

/// A PE32+ file with the sections `.text` and `.sbat` and headers that hold `capacity` sections: the least that a UKI can be made
/// on. It stands in for systemd-stub, whose bytes change with every Debian update.
fn small_stub(capacity: usize) -> Vec<u8> {
    const SECTION_TABLE: usize = 0x40 + 24 + 240;
    let size_of_headers = (SECTION_TABLE + capacity * 40).next_multiple_of(512);
    let mut file = vec![0; size_of_headers + 1024];
    let mut put = |offset: usize, bytes: &[u8]| file[offset..offset + bytes.len()].copy_from_slice(bytes);
    put(0, b"MZ");
    put(0x3c, &0x40_u32.to_le_bytes());
    put(0x40, b"PE\0\0\x64\x86\x02\0");
    put(0x40 + 20, &240_u16.to_le_bytes());
    let optional = 0x40 + 24;
    put(optional, &0x20b_u16.to_le_bytes());
    put(optional + 32, &4096_u32.to_le_bytes());
    put(optional + 36, &512_u32.to_le_bytes());
    put(optional + 60, &(size_of_headers as u32).to_le_bytes());
    put(optional + 70, &0x160_u16.to_le_bytes());
    put(optional + 108, &16_u32.to_le_bytes());
    let sbat = b"sbat,1,a,b,c,d\nstub,1,a,b,c,d\n";
    for (index, (name, size)) in [(b".text", 512), (b".sbat", sbat.len())].into_iter().enumerate() {
        let header = SECTION_TABLE + index * 40;
        put(header, name);
        put(header + 8, &(size as u32).to_le_bytes());
        put(header + 12, &((index as u32 + 1) * 4096).to_le_bytes());
        put(header + 16, &512_u32.to_le_bytes());
        put(header + 20, &((size_of_headers + index * 512) as u32).to_le_bytes());
    }
    put(size_of_headers + 512, sbat);
    file
}

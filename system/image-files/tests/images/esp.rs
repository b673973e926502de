//! The EFI system partition as fsck.vfat and mtools see it

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Cursor, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use disk_layout::gpt::SectorSize;
use image_files::esp::{EspEntry, EspError, EspImage, EspNode, EspReadError, list, make, read_file};
use image_files::sparse::Watch;
use proptest::prelude::any;
use proptest::{prop_assert, proptest};

use crate::oracle;

const MIB: u64 = 1 << 20;
const UKI: &str = "EFI/Linux/piccolo_1.4.0~dev.2+3-0.efi";
/// 2023-11-14 22:13:20 UTC.
const TIMESTAMP: i64 = 1_700_000_000;

fn made<T: Read + Write + Seek>(target: &mut T, size: u64, nodes: &BTreeMap<String, EspNode>) -> Result<(), EspError> {
    let image =
        EspImage { size, sector_size: SectorSize::Bytes512, volume_id: 0x1234_abcd, timestamp: TIMESTAMP, nodes };
    make(target, &image, &mut Watch { progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) })
}

fn file_of(path: &Path, size: u64) -> File {
    let file = File::options().read(true).write(true).create_new(true).open(path).expect("a new file");
    file.set_len(size).expect("a sparse file");
    file
}

/// What a real ESP holds, with a UKI of 100 MB.
fn nodes(uki: &Path) -> BTreeMap<String, EspNode> {
    let bytes: Vec<u8> = (0..100_000_000_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    fs::write(uki, bytes).expect("a file to copy");
    BTreeMap::from([
        ("EFI/BOOT/BOOTX64.EFI".to_owned(), EspNode::Bytes(vec![0x4d; 123_457])),
        ("EFI/systemd/systemd-bootx64.efi".to_owned(), EspNode::Bytes(vec![0x5a; 123_457])),
        (UKI.to_owned(), EspNode::File(uki.to_owned())),
        ("loader/loader.conf".to_owned(), EspNode::Bytes(b"timeout 3\n".to_vec())),
        ("loader/entries.srel".to_owned(), EspNode::Bytes(b"type1\n".to_vec())),
        ("loader/empty".to_owned(), EspNode::Bytes(Vec::new())),
        ("loader/keys/auto".to_owned(), EspNode::Directory),
    ])
}

#[test]
fn a_real_esp_is_clean_sparse_quick_and_the_same_every_time() {
    let directory = tempfile::tempdir().unwrap();
    let nodes = nodes(&directory.path().join("uki.efi"));
    let images = ["one.img", "two.img"].map(|name| directory.path().join(name));
    let mut quickest = f64::INFINITY;
    for image in &images {
        let mut file = file_of(image, 1024 * MIB);
        let start = Instant::now();
        made(&mut file, 1024 * MIB, &nodes).unwrap();
        quickest = quickest.min(start.elapsed().as_secs_f64());
    }
    println!("ESP of 1 GiB with 100 MB in {quickest:.3} s");
    assert!(quickest < 5.0, "about 0.3 s on an idle machine, took {quickest} s");
    let image = &images[0];

    let verdict = oracle::run("dosfstools", "fsck.vfat", ["-n".as_ref(), image.as_os_str()]);
    assert!(verdict.contains("13 files"), "{verdict}");
    assert!(!verdict.contains("Free cluster summary wrong") && !verdict.contains("Dirty bit"), "{verdict}");
    oracle::run("diffutils", "cmp", &images);
    let occupied = fs::metadata(image).unwrap().blocks() * 512;
    assert!(occupied < 100_000_000 + 8 * MIB, "the image occupies {occupied} bytes");

    let listed = oracle::run("mtools", "mdir", ["-i".as_ref(), image.as_os_str(), "::EFI/Linux".as_ref()]);
    assert!(listed.contains("2023-11-14  22:13") && listed.contains("piccolo_1.4.0~dev.2+3-0.efi"), "{listed}");
    assert!(listed.contains("Volume Serial Number is 1234-ABCD"), "{listed}");
    let directories = listed.lines().filter(|line| line.contains("<DIR>"));
    assert!(
        directories.clone().count() == 2 && directories.clone().all(|line| line.contains("2023-11-14")),
        "{listed}"
    );
    let copy = directory.path().join("copy.efi");
    oracle::run("mtools", "mcopy", ["-i".as_ref(), image.as_os_str(), format!("::{UKI}").as_ref(), copy.as_os_str()]);
    oracle::run("diffutils", "cmp", [&copy, &directory.path().join("uki.efi")]);
    let typed = oracle::run("mtools", "mtype", ["-i".as_ref(), image.as_os_str(), "::loader/loader.conf".as_ref()]);
    assert_eq!(typed, "timeout 3\n");
}

#[test]
fn disks_with_large_sectors_get_a_clean_file_system_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("esp.img");
    let nodes = BTreeMap::from([(UKI.to_owned(), EspNode::Bytes(vec![1; 5_000_000]))]);
    let image = EspImage {
        size: 1024 * MIB,
        sector_size: SectorSize::Bytes4096,
        volume_id: 1,
        timestamp: TIMESTAMP,
        nodes: &nodes,
    };
    let mut file = file_of(&path, 1024 * MIB);
    make(&mut file, &image, &mut Watch { progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) }).unwrap();
    oracle::run("dosfstools", "fsck.vfat", ["-n".as_ref(), path.as_os_str()]);
    assert_eq!(read_file(&mut file, UKI, 10_000_000).unwrap(), vec![1; 5_000_000]);
}

#[test]
fn content_that_does_not_fit_says_what_to_raise() {
    let mut target = Cursor::new(vec![0; 40 * MIB as usize]);
    for bytes in [39 * MIB + 600_000, 41 * MIB] {
        let nodes = BTreeMap::from([("a".to_owned(), EspNode::Bytes(vec![0; bytes as usize]))]);
        let error = made(&mut target, 40 * MIB, &nodes).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{bytes} bytes do not fit into an EFI system partition of 41943040 bytes; raise image.sizes.esp in the recipe"
            )
        );
    }
}

#[test]
fn paths_that_fat_cannot_hold_are_refused() {
    let mut target = Cursor::new(vec![0; 40 * MIB as usize]);
    for path in ["", "/EFI", "EFI//a", "EFI/../a", "EFI/.", "EFI/"] {
        let nodes = BTreeMap::from([(path.to_owned(), EspNode::Directory)]);
        assert!(matches!(made(&mut target, 40 * MIB, &nodes), Err(EspError::Path(_))), "{path}");
    }
    for path in ["a:b".to_owned(), "a*".to_owned(), "a\u{0}".to_owned(), "long".repeat(65)] {
        let nodes = BTreeMap::from([(path.clone(), EspNode::Bytes(vec![1]))]);
        assert!(matches!(made(&mut target, 40 * MIB, &nodes), Err(EspError::Write { .. })), "{path:?}");
    }
}

#[test]
fn a_missing_source_is_named() {
    let nodes = BTreeMap::from([("a".to_owned(), EspNode::File("/nowhere/uki.efi".into()))]);
    let error = made(&mut Cursor::new(vec![0; 40 * MIB as usize]), 40 * MIB, &nodes).unwrap_err();
    assert_eq!(error.to_string(), "/nowhere/uki.efi could not be read for the EFI system partition");
}

/// A small ESP, made once.
fn small() -> &'static [u8] {
    static IMAGE: OnceLock<Vec<u8>> = OnceLock::new();
    IMAGE.get_or_init(|| {
        let nodes = BTreeMap::from([
            ("EFI/BOOT/BOOTX64.EFI".to_owned(), EspNode::Bytes(vec![3; 20_000])),
            (UKI.to_owned(), EspNode::Bytes(vec![3; 9000])),
        ]);
        let mut image = Cursor::new(vec![0; 40 * MIB as usize]);
        made(&mut image, 40 * MIB, &nodes).expect("it fits");
        image.into_inner()
    })
}

#[test]
fn reads_back_what_was_made() {
    let mut image = Cursor::new(small());
    let entry = |path: &str, size| EspEntry { path: path.to_owned(), is_directory: size == 0, size };
    assert_eq!(
        list(&mut image).unwrap(),
        [
            entry("EFI", 0),
            entry("EFI/BOOT", 0),
            entry("EFI/BOOT/BOOTX64.EFI", 20_000),
            entry("EFI/Linux", 0),
            entry(UKI, 9000),
        ]
    );
    assert_eq!(read_file(&mut image, UKI, 9000).unwrap(), vec![3; 9000]);
    assert!(matches!(read_file(&mut image, UKI, 8999), Err(EspReadError::TooLarge { size: 9000, .. })));
    assert!(matches!(read_file(&mut image, "EFI/nothing", 1), Err(EspReadError::Entry { .. })));
    assert!(matches!(list(&mut Cursor::new(vec![0; 4096])), Err(EspReadError::Volume(_))));
}

/// A disk that differs from the small ESP in a few bytes, without a copy of all of it.
struct Damaged<'d> {
    image: Cursor<&'static [u8]>,
    damage: &'d [(u64, u8)],
}

impl Read for Damaged<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let start = self.image.position();
        let length = self.image.read(buffer)?;
        for (place, value) in self.damage {
            if let Some(index) = place.checked_sub(start).filter(|index| *index < length as u64) {
                buffer[index as usize] = *value;
            }
        }
        Ok(length)
    }
}

impl Seek for Damaged<'_> {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        self.image.seek(to)
    }
}

/// The bytes that are not zero, outside of file contents: boot sectors, tables and directories.
fn structures() -> &'static [u64] {
    static PLACES: OnceLock<Vec<u64>> = OnceLock::new();
    PLACES.get_or_init(|| {
        // The files are full of threes.
        let places = small().iter().enumerate().filter(|(_, byte)| !matches!(**byte, 0 | 3));
        places.map(|(place, _)| place as u64).collect()
    })
}

proptest! {
    #[test]
    fn damage_is_survived(damage in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..8)) {
        let damage: Vec<(u64, u8)> = damage.iter().map(|(place, value)| (*place.get(structures()), *value)).collect();
        let mut disk = Damaged { image: Cursor::new(small()), damage: &damage };
        let listed = list(&mut disk);
        if let Ok(entries) = &listed {
            for entry in entries {
                if let Ok(bytes) = read_file(&mut disk, &entry.path, 1 << 20) {
                    prop_assert!(bytes.len() as u64 <= entry.size);
                }
            }
        }
    }
}

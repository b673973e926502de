//! Promise: the same inputs give the same bytes, whoever builds, where and when.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::time::Instant;

use crate::checkout::{Build, Checkout, Workshop};
use crate::image::{Image, inspect, number};
use crate::{listing, oracle, ordinary_user};

#[test]
fn root_and_an_ordinary_user_build_the_same_bytes_from_one_lockfile() {
    let workshop = Workshop::new();
    let homes = ["home-of-one", "home-of-the-other"].map(|name| workshop.path().join(name));
    homes.iter().for_each(|home| fs::create_dir(home).unwrap());
    let checkouts =
        [Checkout::new(&workshop, "one", "077"), Checkout::new(&workshop, "the/other/is/deeper/down", "022")];
    let caches = checkouts.each_ref().map(Checkout::cold_cache);
    let user = oracle::is_root().then(ordinary_user::ensure);
    match user {
        Some(user) => {
            checkouts[1].belongs_to(user);
            oracle::run("coreutils", "chown", [user.as_ref(), homes[1].as_os_str()]);
        }
        None => println!("the half that root builds was not possible: both builds are those of the same ordinary user"),
    }
    let one = Build {
        environment: vec![
            ("HOME", Some(homes[0].display().to_string())),
            ("SOURCE_DATE_EPOCH", None),
            ("TZ", Some("Pacific/Kiritimati".to_owned())),
        ],
        cache: caches[0].clone(),
        working_directory: checkouts[0].root.clone(),
        layers: "os/recipes/vm.yaml:os/recipes/test.yaml".to_owned(),
        ..checkouts[0].build()
    };
    let other = Build {
        user,
        host_name: "another-machine",
        environment: vec![
            ("HOME", Some(homes[1].display().to_string())),
            ("SOURCE_DATE_EPOCH", Some("12345".to_owned())),
            ("LC_ALL", Some("C.UTF-8".to_owned())),
            ("TMPDIR", Some("/tmp".to_owned())),
        ],
        cache: caches[1].clone(),
        working_directory: "/".into(),
        ..checkouts[1].build()
    };
    for (build, who) in [(&one, "whoever tests"), (&other, user.unwrap_or("the same user"))] {
        let start = Instant::now();
        build.succeed();
        println!("built by {who} in {:.1} s", start.elapsed().as_secs_f64());
    }

    let images = [one.image(), other.image()];
    let times = images.each_ref().map(|image| fs::metadata(&image.disk).unwrap().mtime());
    assert_ne!(times[0], times[1], "the builds were to end at different times");
    if user.is_some() {
        assert_ne!(fs::metadata(&images[0].disk).unwrap().uid(), fs::metadata(&images[1].disk).unwrap().uid());
    }
    for suffix in ["json", "efi", "raw"] {
        let [file, file_other] = images.each_ref().map(|image| image.disk.with_extension(suffix));
        if let Some(at) = first_different_byte(&file, &file_other) {
            let why = explanation(&images[0], &images[1]);
            panic!("{} and {} differ from byte {at} on: {why}", file.display(), file_other.display());
        }
    }
}

/// As cmp(1) finds it; holes, which are most of a disk image, are not read where both files have them.
fn first_different_byte(one: &Path, other: &Path) -> Option<u64> {
    const CHUNK: u64 = 1 << 20;
    let files = [one, other].map(|path| File::open(path).unwrap());
    let lengths = files.each_ref().map(|file| file.metadata().unwrap().len());
    let mut offset = 0;
    while let Some(data) = files.iter().filter_map(|file| next_data(file, offset)).min() {
        let [bytes, bytes_other] = files.each_ref().map(|file| bytes_of(file, data, CHUNK));
        if let Some(at) = bytes.iter().zip(&bytes_other).position(|(byte, byte_other)| byte != byte_other) {
            return Some(data + at as u64);
        }
        offset = data + CHUNK;
    }
    (lengths[0] != lengths[1]).then(|| lengths[0].min(lengths[1]))
}

/// Where the first data at or after an offset starts.
fn next_data(file: &File, offset: u64) -> Option<u64> {
    match rustix::fs::seek(file, rustix::fs::SeekFrom::Data(offset)) {
        Ok(found) => Some(found),
        Err(rustix::io::Errno::NXIO) => None,
        Err(error) => panic!("looking for data: {error}"),
    }
}

/// Up to `length` bytes.
fn bytes_of(file: &File, offset: u64, length: u64) -> Vec<u8> {
    let mut file = file;
    file.seek(SeekFrom::Start(offset)).unwrap();
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).unwrap();
    bytes
}

/// Where two images differ: the first file, or else the parts.
fn explanation(one: &Image, other: &Image) -> String {
    let [listed, listed_other] = [one, other].map(|image| {
        let (tree, blobs) = image.root_tree();
        listing::of_tree(&tree, &blobs)
    });
    if let Some(difference) = listing::difference(&listed, &listed_other) {
        return format!("the first file of the root that differs: {difference}");
    }
    let [seen, seen_other] = [one, other].map(|image| inspect(&image.disk, &[]));
    let image = |seen: &serde_json::Value, fact: &str| seen["esp"]["unified_kernel_images"][0][fact].clone();
    let facts = ["sections", "initrd", "command_line"].map(|fact| (fact, image(&seen, fact), image(&seen_other, fact)));
    let mut text = "the same root tree;".to_owned();
    for (fact, value, value_other) in facts.iter().filter(|(_, value, value_other)| value != value_other) {
        text += &format!("\n{fact} of the UKI:\n  one:   {value}\n  other: {value_other}");
    }
    if let Some(at) = first_different_byte(&one.disk, &other.disk) {
        let mut partitions = seen["partitions"].as_array().unwrap().iter();
        let before = partitions.rfind(|partition| number(partition, "/offset") <= at);
        text += &format!(
            "\nthe disks differ from byte {at} on: {}",
            before.map_or("the table", |it| it["label"].as_str().unwrap())
        );
    }
    text
}

#[test]
fn a_difference_is_found_behind_holes_and_at_the_end() {
    let scratch = tempfile::tempdir().unwrap();
    let make = |name: &str, length: u64, writes: &[(u64, &[u8])]| {
        let path = scratch.path().join(name);
        let file = File::create(&path).unwrap();
        file.set_len(length).unwrap();
        for (offset, bytes) in writes {
            file.write_all_at(bytes, *offset).unwrap();
        }
        path
    };
    let one = make("one", 1 << 30, &[(5 << 20, b"data"), (900 << 20, b"more")]);
    let same = make("same", 1 << 30, &[(5 << 20, b"data"), (900 << 20, b"more"), (600 << 20, &[0; 4096])]);
    assert_eq!(first_different_byte(&one, &same), None);
    let changed = make("changed", 1 << 30, &[(5 << 20, b"data"), (900 << 20, b"mohe")]);
    assert_eq!(first_different_byte(&one, &changed), Some((900 << 20) + 2));
    let only_one = make("only one", 1 << 30, &[(900 << 20, b"more")]);
    assert_eq!(first_different_byte(&one, &only_one), Some(5 << 20));
    let longer = make("longer", (1 << 30) + 1, &[(5 << 20, b"data"), (900 << 20, b"more")]);
    assert_eq!(first_different_byte(&one, &longer), Some(1 << 30));
}

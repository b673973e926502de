//! Promise: the same inputs give the same bytes, whoever builds, where and when.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
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
        let files = images.each_ref().map(|image| image.disk.with_extension(suffix));
        let verdict = oracle::output("diffutils", oracle::command("cmp").args(&files));
        assert!(verdict.status.success(), "{}{}", oracle::text_of(&verdict), explanation(&images[0], &images[1]));
    }
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
    for partition in seen["partitions"].as_array().unwrap() {
        let (offset, size) = (number(partition, "/offset"), number(partition, "/size"));
        let [content, content_other] = [one, other].map(|image| bytes_of(image, offset, size.min(1 << 29)));
        if let Some(at) = content.iter().zip(&content_other).position(|(byte, byte_other)| byte != byte_other) {
            text += &format!("\nbyte {at} of partition {}", partition["label"]);
        }
    }
    text
}

fn bytes_of(image: &Image, offset: u64, length: u64) -> Vec<u8> {
    let mut file = File::open(&image.disk).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).unwrap();
    bytes
}

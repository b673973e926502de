//! The ways to an image, with a real repository and slots in files.

mod bench;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use update_engine::event::WriteProblem;
use update_engine::offer::Way;

use bench::{IMAGE, TestDevice, publisher};

const RELEASE: &str = "targets/stable/releases/1.1.0/x86-64";

/// Changes one byte of a file, somewhere in its middle.
fn damage(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 0x10;
    fs::write(file, bytes).unwrap();
}

#[test]
fn each_way_makes_the_images_exactly() {
    let mirror = publisher().mirror();
    let mut downloads = Vec::new();
    for way in [Way::Patch, Way::Chunks, Way::Full] {
        let device = TestDevice::new(mirror.path());
        let done = device.write(way);
        assert_eq!((done.result, done.damaged_places), (Ok(()), 0), "{way}");
        assert!(device.has_the_new_images(), "{way}");
        assert_eq!(done.progress.image, IMAGE as u64, "{way}");
        downloads.push(done.progress.downloaded);
    }
    assert!(downloads.is_sorted_by(|less, more| less < more), "{downloads:?}");
}

#[test]
fn what_is_offered_is_what_is_downloaded() {
    let mirror = publisher().mirror();
    for way in [Way::Patch, Way::Chunks, Way::Full] {
        if way == Way::Chunks {
            // Then there is no patch, and the index tells how much is missing.
            fs::remove_file(mirror.path().join(RELEASE).join("from-1.0.0.patch")).unwrap();
        }
        let mut device = TestDevice::new(mirror.path());
        if way != Way::Patch {
            device.worker.device.root_hash.0[0] ^= 1;
        }
        let offered = device.offered();
        let announced = offered.iter().find(|offered| offered.way == way).unwrap().download_bytes;
        let index = fs::metadata(mirror.path().join(RELEASE).join("chunks.idx")).unwrap().len();
        let downloaded = device.write(way).progress.downloaded;
        // Looking for the cheapest way has fetched the index already.
        let fetched = if way == Way::Chunks { index } else { 0 };
        assert_eq!(announced, downloaded + fetched, "{way}");
    }
}

#[test]
fn the_cheapest_way_is_offered_first() {
    let mirror = publisher().mirror();
    let mut device = TestDevice::new(mirror.path());
    let ways = |device: &TestDevice| device.offered().iter().map(|offered| offered.way).collect::<Vec<_>>();
    assert_eq!(ways(&device), [Way::Patch, Way::Chunks, Way::Full]);
    // Another release runs.
    device.worker.device.root_hash.0[0] ^= 1;
    assert_eq!(ways(&device), [Way::Chunks, Way::Full]);
    // And its slot has nothing in common with the new one.
    fs::write(device.worker.paths.slots.active_root(), vec![0; IMAGE]).unwrap();
    let offered = device.offered();
    let smallest = offered.iter().min_by_key(|offered| offered.download_bytes);
    assert_eq!(offered.first(), smallest);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn an_image_that_was_cut_anywhere_goes_on_there_in_any_way(
        way in prop::sample::select(vec![Way::Patch, Way::Chunks, Way::Full]),
        position in 0..=IMAGE,
    ) {
        let mirror = publisher().mirror();
        let whole = TestDevice::new(mirror.path()).write(way).progress.downloaded;
        let device = TestDevice::new(mirror.path());
        device.was_cut_at(position);
        let done = device.write(way);
        prop_assert_eq!(done.result, Ok(()));
        prop_assert!(device.has_the_new_images());
        // A seek table is what it may take more.
        prop_assert!(done.progress.downloaded <= whole + 200, "{} of {whole}", done.progress.downloaded);
        if way == Way::Full && position >= 2 << 20 {
            prop_assert!(done.progress.downloaded < whole * 9 / 10, "{} of {whole}", done.progress.downloaded);
        }
    }
}

#[test]
fn a_damaged_active_slot_costs_only_the_chunks_of_the_damage() {
    let mirror = publisher().mirror();
    let whole = TestDevice::new(mirror.path()).write(Way::Full).progress.downloaded;
    for way in [Way::Patch, Way::Chunks] {
        let device = TestDevice::new(mirror.path());
        device.keep_running_index();
        damage(device.worker.paths.slots.active_root(), 2_500_000);
        let done = device.write(way);
        assert_eq!((done.result, done.damaged_places), (Ok(()), 1), "{way}");
        assert!(device.has_the_new_images(), "{way}");
        assert!(done.progress.downloaded < whole / 4, "{way}: {} of {whole}", done.progress.downloaded);
    }
}

#[test]
fn a_damaged_patch_is_made_up_for_by_chunks_and_the_slot_is_not_blamed() {
    let mirror = publisher().mirror();
    let patch = mirror.path().join(RELEASE).join("from-1.0.0.patch");
    let root_size = publisher().release.patches[0].root_size as usize;
    damage(&patch, root_size - 10);
    let device = TestDevice::new(mirror.path());
    let done = device.write(Way::Patch);
    assert_eq!((done.result, done.damaged_places), (Ok(()), 0));
    assert!(device.has_the_new_images());
}

#[test]
fn a_damaged_header_of_the_patch_asks_for_another_way() {
    let mirror = publisher().mirror();
    damage(&mirror.path().join(RELEASE).join("from-1.0.0.patch"), 20);
    let device = TestDevice::new(mirror.path());
    assert!(matches!(device.write(Way::Patch).result, Err(WriteProblem::Way(_))));
    assert_eq!(device.write(Way::Chunks).result, Ok(()));
    assert!(device.has_the_new_images());
}

#[test]
fn the_uki_comes_from_the_root_image_and_whole_where_that_does_not_work() {
    let full = &publisher().release.full;
    let [root, whole, from_root] = [full.root.size, full.uki.size, full.uki_from_root.as_ref().unwrap().file.size];
    assert!(from_root < whole, "{from_root} {whole}");
    let mirror = publisher().mirror();
    let device = TestDevice::new(mirror.path());
    assert_eq!(device.write(Way::Full).progress.downloaded, root + from_root);

    damage(&mirror.path().join(RELEASE).join("uki-from-root.patch"), 20);
    for way in [Way::Chunks, Way::Full] {
        let device = TestDevice::new(mirror.path());
        assert_eq!(device.write(way).result, Ok(()), "{way}");
        assert!(device.has_the_new_images(), "{way}");
    }
    let device = TestDevice::new(mirror.path());
    assert_eq!(device.write(Way::Full).progress.downloaded, root + whole);
}

#[test]
fn a_damaged_pack_asks_for_another_way_which_goes_on_where_it_was() {
    let mirror = publisher().mirror();
    let pack = mirror.path().join(RELEASE).join("chunks/0000.pack");
    let middle = fs::metadata(&pack).unwrap().len() as usize / 2;
    damage(&pack, middle);
    let device = TestDevice::new(mirror.path());
    // Nothing to take from: every chunk is downloaded.
    fs::write(device.worker.paths.slots.active_root(), vec![0; IMAGE]).unwrap();
    let done = device.write(Way::Chunks);
    assert!(matches!(done.result, Err(WriteProblem::Way(_))), "{:?}", done.result);
    assert_eq!(device.write(Way::Full).result, Ok(()));
    assert!(device.has_the_new_images());
}

#[test]
fn the_index_comes_as_a_difference_to_that_of_the_running_release() {
    let mirror = publisher().mirror();
    let whole_index = TestDevice::new(mirror.path()).write(Way::Chunks).progress.downloaded;
    let device = TestDevice::new(mirror.path());
    device.keep_running_index();
    let difference = device.write(Way::Chunks).progress.downloaded;
    let size = |name: &str| fs::metadata(mirror.path().join(RELEASE).join(name)).unwrap().len();
    assert_eq!(whole_index - difference, size("chunks.idx") - size("chunks-from-1.0.0.idx"));
    assert!(device.has_the_new_images());

    // A difference that does not lead there costs the index, and no more.
    damage(&mirror.path().join(RELEASE).join("chunks.idx"), 30);
    let device = TestDevice::new(mirror.path());
    assert!(matches!(device.write(Way::Chunks).result, Err(WriteProblem::Way(_))));
}

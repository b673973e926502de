//! Whatever the images are: the patch makes the new one, and is the same on any number of threads.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use image_patch::apply::{Applier, FrameBuffer, Written};
use image_patch::format::Header;
use image_patch::frames::FrameSet;
use image_patch::make::{Cache, Input, Watch, make, make_with_cache};
use image_patch::source::ReadAt;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop, prop_oneof, proptest};
use proptest::test_runner::Config;
use std::sync::atomic::AtomicBool;
use support::{apply, noise, patch, patch_on};
use verity_tree::digest::Salt;

/// A piece of an image: noise, text, zeros, or a table of numbers that grow.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let random = (any::<u64>(), 1..9000_usize).prop_map(|(seed, length)| noise(seed, length));
    let table = (any::<u16>(), 1..800_u32).prop_map(|(step, rows)| {
        let row = |row: u32| [row * 4, 2, 5, 100 + row * u32::from(step) + row % 7 * 3];
        (0..rows).flat_map(row).flat_map(u32::to_le_bytes).collect()
    });
    let text = ("[a-z ]{4,40}", 1..200_usize).prop_map(|(word, count)| word.repeat(count).into_bytes());
    prop_oneof![3 => random, 2 => table, 2 => text, 1 => (1..20_000_usize).prop_map(|length| vec![0; length])]
}

/// An image of pieces and another made of them in another order, with some cut off, doubled, dropped, shifted in value, or new.
fn pair() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let change = (any::<prop::sample::Index>(), 0..6_u8, any::<u8>());
    (vec(piece(), 0..8), vec(change, 0..10), vec(piece(), 0..3)).prop_map(|(pieces, changes, added)| {
        let mut new = Vec::new();
        for (index, how, amount) in changes {
            let Some(chosen) = (!pieces.is_empty()).then(|| &pieces[index.index(pieces.len())]) else { break };
            let shifted = |(at, byte): (usize, &u8)| if at % 24 == 8 { byte.wrapping_add(amount) } else { *byte };
            match how {
                0 | 1 => new.extend_from_slice(chosen),
                2 => new.extend_from_slice(&chosen[chosen.len().min(usize::from(amount))..]),
                3 => new.extend(chosen.iter().enumerate().map(shifted)),
                4 => new.extend_from_slice(&[chosen.as_slice(), &[amount; 5], chosen].concat()),
                _ => new.extend(added.iter().flatten()),
            }
        }
        (pieces.concat(), new)
    })
}

proptest! {
    #![proptest_config(Config::with_cases(60))]

    #[test]
    fn a_patch_makes_the_new_image_and_is_the_same_on_any_number_of_threads((old, new) in pair()) {
        let made = patch(&[&old], &new);
        assert_eq!(apply(&made, &[&old]), new);
        assert_eq!(patch_on(3, &[&old], &new), made);
    }

    #[test]
    fn what_another_patch_found_out_changes_nothing((old, new) in pair(), (older, _) in pair()) {
        let cache = Cache::new();
        let salt = Salt::new([]).unwrap();
        let watch = Watch { progress: &|_, _| {}, cancelled: &AtomicBool::new(false), threads: 2 };
        for source in [&older, &old, &older] {
            let input = Input { sources: &[source], output: &new, salt: &salt };
            let before = cache.found();
            let made = make_with_cache(&input, &watch, &cache).unwrap();
            assert_eq!(made, make(&input, &watch).unwrap());
            assert_eq!(apply(&made, &[source]), new);
            assert!(cache.found() >= before);
        }
    }

    #[test]
    fn several_sources_count_as_one((old, new) in pair(), (other, _) in pair()) {
        let made = patch(&[&other, &old], &new);
        assert_eq!(apply(&made, &[&other, &old]), new);
    }

    #[test]
    fn a_changed_patch_makes_frames_of_the_right_size_or_errors(
        (old, new) in pair(),
        flips in vec((any::<prop::sample::Index>(), 0..8_u8), 1..4),
    ) {
        let mut made = patch(&[&old], &new);
        for (index, bit) in flips {
            let at = index.index(made.len());
            made[at] ^= 1 << bit;
        }
        let Ok(header) = Header::parse_unverified(&made) else { return Ok(()) };
        let sources: [&dyn ReadAt; 1] = [&old];
        let Ok(applier) = Applier::new(&header, &sources) else { return Ok(()) };
        let mut buffer = FrameBuffer::default();
        let mut done = FrameSet::new(&header);
        (0..header.frames.len()).for_each(|frame| done.insert(frame));
        for (number, frame) in header.frames.iter().enumerate() {
            let Some(coded) = made.get(frame.coded.start as usize..frame.coded.end as usize) else { continue };
            if applier.make(number, coded, Written { output: &new, done: &done }, &mut buffer).is_ok() {
                assert_eq!(buffer.output().len() as u64, frame.output.end - frame.output.start);
            }
        }
    }
}

#[test]
fn empty_images_have_patches() {
    let some = noise(1, 10_000);
    for (old, new) in [(vec![], vec![]), (vec![], some.clone()), (some.clone(), vec![])] {
        let made = patch(&[&old], &new);
        assert_eq!(apply(&made, &[&old]), new);
        assert!(made.len() < new.len() + 200, "{} bytes", made.len());
    }
}

#[test]
fn an_unchanged_image_costs_next_to_nothing() {
    let image = noise(2, 12 << 20);
    let made = patch(&[&image], &image);
    assert!(made.len() < 200, "{} bytes", made.len());
}

#[test]
fn an_image_whose_blocks_are_all_elsewhere_is_copied() {
    let old = noise(3, 300 * 4096);
    let new: Vec<u8> = old.rchunks(4096).flatten().copied().collect();
    let made = patch(&[&old], &new);
    assert_eq!(apply(&made, &[&old]), new);
    assert!(made.len() < 300 * 8, "{} bytes", made.len());
}

#[test]
fn one_giant_file_that_moved_by_a_byte_is_copied() {
    let old = noise(4, 9 << 20);
    let new = [b"x".as_slice(), &old].concat();
    let made = patch(&[&old], &new);
    assert_eq!(apply(&made, &[&old]), new);
    assert!(made.len() < 2000, "{} bytes", made.len());
}

#[test]
fn what_occurs_twice_is_sent_once() {
    let once = noise(5, 1 << 20);
    let old = b"nothing like it".to_vec();
    let new = [once.as_slice(), &once].concat();
    let made = patch(&[&old], &new);
    assert_eq!(apply(&made, &[&old]), new);
    assert!(made.len() < once.len() + 2000, "{} bytes", made.len());
}

#[test]
fn a_copy_may_go_on_in_the_next_source_and_in_the_output() {
    let (one, two) = (noise(6, 4 * 4096), noise(7, 4 * 4096));
    let start = noise(8, 4 * 4096);
    let new = [start.as_slice(), &one, &two, &start].concat();
    let made = patch(&[&one, &two], &new);
    assert_eq!(apply(&made, &[&one, &two]), new);
    assert!(made.len() < start.len() + 300, "{} bytes", made.len());
}

#[test]
fn a_table_in_which_every_row_changed_is_nearly_free() {
    let row = |index: u32, shift: u32| [index * 4, 0, 2, 5, 1000 + index * 17 % 5 * 3 + index * 40 + shift, 0];
    let table = |from: u32, shift: u32| -> Vec<u8> {
        (from..from + 20_000).flat_map(|index| row(index, shift)).flat_map(u32::to_le_bytes).collect()
    };
    let (old, new) = (table(0, 0), table(3, 64));
    let made = patch(&[&old], &new);
    assert_eq!(apply(&made, &[&old]), new);
    assert!(made.len() < 3000, "{} bytes of {}", made.len(), new.len());
}

#[test]
fn new_signatures_and_hashes_cost_what_they_measure() {
    // Programs that stay, each with a new signature of 100 bytes behind it.
    let image = |seed: u64| -> Vec<u8> {
        (0..1000).flat_map(|index| [noise(index + 1, 4000), noise(seed + index, 96)].concat()).collect()
    };
    let (old, new) = (image(1 << 20), image(1 << 21));
    let made = patch(&[&old], &new);
    assert_eq!(apply(&made, &[&old]), new);
    assert!(made.len() < 98_000, "{} bytes", made.len());
}

#[test]
fn a_second_patch_to_the_same_image_is_found_in_the_cache() {
    let old = noise(1, 9 << 20);
    let mut new = old.clone();
    new[100_000..100_020].fill(7);
    // What is new in the newest release only is aligned once for all older ones.
    let mut older = old.clone();
    older[(9 << 20) - 100_000..].fill(1);
    let (cache, salt) = (Cache::new(), Salt::new([]).unwrap());
    let watch = Watch { progress: &|_, _| {}, cancelled: &AtomicBool::new(false), threads: 1 };
    for (source, found) in [(&old, 0), (&old, 1), (&older, 2)] {
        let input = Input { sources: &[source], output: &new, salt: &salt };
        make_with_cache(&input, &watch, &cache).unwrap();
        assert_eq!(cache.found(), found);
    }
}

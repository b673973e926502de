//! Images to test with, and the ways through the crate.

#![expect(clippy::unwrap_used, reason = "a test that cannot prepare its images has failed")]

use image_chunks::apply::{AssembleError, Assembled, Assembly};
use image_chunks::index::Index;
use image_chunks::make::make;
use image_chunks::parallel::Work;
use image_chunks::plan::Plan;
use image_chunks::seed::SeedChunks;
use image_chunks::source::{Packs, ReadAt};
use proptest::collection::vec;
use proptest::prelude::{BoxedStrategy, Just, Strategy, any};
use proptest::prop_oneof;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

/// A part of an image. Few seeds, so that images have parts in common.
#[derive(Clone, Debug)]
pub enum Part {
    Zeros { length: usize },
    Noise { seed: u8, length: usize },
    Text { seed: u8, length: usize },
}

pub fn part() -> BoxedStrategy<Part> {
    let length = prop_oneof![1..200_usize, 1..5000_usize, 1..60_000_usize, Just(4096), Just(16384)];
    prop_oneof![
        length.clone().prop_map(|length| Part::Zeros { length }),
        (0..4_u8, length.clone()).prop_map(|(seed, length)| Part::Noise { seed, length }),
        (0..4_u8, length).prop_map(|(seed, length)| Part::Text { seed, length }),
    ]
    .boxed()
}

/// An image, possibly empty.
pub fn image() -> BoxedStrategy<Vec<u8>> {
    vec(part(), 0..8).prop_map(|parts| image_of(&parts)).boxed()
}

/// An old image and what became of it: parts moved, split, joined, dropped, inserted, changed in one byte.
pub fn pair() -> BoxedStrategy<(Vec<u8>, Vec<u8>)> {
    let edit = (any::<u8>(), any::<u8>(), 0..5_u8, part());
    (vec(part(), 0..8), vec(edit, 0..4))
        .prop_map(|(old, edits)| {
            let mut new = old.clone();
            for (at, other, kind, part) in edits {
                let (at, other) = (usize::from(at) % (new.len() + 1), usize::from(other) % (new.len() + 1));
                match kind {
                    0 => new.insert(at, part),
                    1 if at < new.len() => drop(new.remove(at)),
                    2 if at < new.len() && other < new.len() => new.swap(at, other),
                    3 => new.insert(at, Part::Noise { seed: 9, length: 1 }),
                    _ => new.reverse(),
                }
            }
            (image_of(&old), image_of(&new))
        })
        .boxed()
}

pub fn image_of(parts: &[Part]) -> Vec<u8> {
    let mut image: Vec<u8> = parts.iter().flat_map(bytes_of).collect();
    image.resize(image.len().next_multiple_of(4096), 0);
    image
}

fn bytes_of(part: &Part) -> Vec<u8> {
    match part {
        Part::Zeros { length } => vec![0; *length],
        Part::Noise { seed, length } => noise(u64::from(*seed) + 1, *length),
        Part::Text { seed, length } => {
            noise(u64::from(*seed) + 1, *length).iter().map(|byte| b'a' + byte % 7).collect()
        }
    }
}

/// Bytes without pattern, the same every time.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

pub fn with_work<T>(threads: usize, run: impl FnOnce(&mut Work<'_>) -> T) -> T {
    run(&mut Work { threads, progress: &mut |_, _| {}, cancelled: &AtomicBool::new(false) })
}

/// The index of an image, and its packs.
pub fn made(image: &dyn ReadAt) -> (Index, Vec<Vec<u8>>) {
    let mut packs = Vec::new();
    let index = with_work(2, |work| make(image, &mut packs, work)).unwrap();
    (index, packs)
}

/// The chunks of a seed as the device finds them.
pub fn found(seed: &dyn ReadAt, index: &Index) -> SeedChunks {
    with_work(2, |work| SeedChunks::of_image(seed, index.content().average, work)).unwrap()
}

pub fn assembled(
    index: &Index,
    plan: &Plan,
    seed: &dyn ReadAt,
    packs: &mut dyn Packs,
    output: &mut Vec<u8>,
) -> Result<Assembled, AssembleError> {
    Assembly { index, plan, seed, packs, output, observe: &mut |_| ControlFlow::Continue(()) }.run()
}

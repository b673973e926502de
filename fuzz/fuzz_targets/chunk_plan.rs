//! An image, a seed and ranges that fuzzing makes up: the plan is known before, and exactly the image comes out of it.
#![no_main]

use image_chunks::apply::Assembly;
use image_chunks::make::make;
use image_chunks::parallel::Work;
use image_chunks::plan::Plan;
use image_chunks::seed::SeedChunks;
use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

fuzz_target!(|input: (&[u8], &[u8], u16, u16)| {
    let (seed, image, from, request_cost) = input;
    let (seed, mut image) = (seed.repeat(20), image.repeat(20));
    image.resize(image.len().next_multiple_of(4096), 0);
    let cancelled = AtomicBool::new(false);
    let mut work = Work { threads: 1, progress: &mut |_, _| {}, cancelled: &cancelled };
    let mut packs = Vec::new();
    let index = make(&image, &mut packs, &mut work).expect("whole blocks");
    let chunks = SeedChunks::of_image(&seed, index.content().average, &mut work).expect("nobody cancels");
    let from = u64::from(from) % (image.len() as u64 + 1);
    let rest = std::iter::once(from..image.len() as u64).collect();
    let plan = Plan::ranges(&index, &chunks, rest, request_cost.into()).expect("one range within the image");
    let mut output = image.clone();
    output[from as usize..].fill(0xee);
    let assembly = Assembly {
        index: &index,
        plan: &plan,
        seed: &seed,
        packs: &mut packs,
        output: &mut output,
        observe: &mut |_| ControlFlow::Continue(()),
    };
    let done = assembly.run().expect("everything is there");
    assert_eq!(done.downloaded, plan.download());
    assert!(output == image);
});

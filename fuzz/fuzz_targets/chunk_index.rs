//! A hostile chunk index: refused, or read exactly; then its places follow each other, every plan stays within the packs, and assembling
//! from packs of noise ends in bounded memory.
#![no_main]

use image_chunks::apply::Assembly;
use image_chunks::index::{Index, Place};
use image_chunks::plan::Plan;
use image_chunks::seed::SeedChunks;
use libfuzzer_sys::fuzz_target;
use std::ops::ControlFlow;

fuzz_target!(|bytes: &[u8]| {
    let Ok(index) = Index::parse(bytes) else { return };
    assert_eq!(index.to_bytes(), bytes);
    let mut end = 0;
    for place in index.places() {
        let (offset, length) = match place {
            Place::Zero { offset, length } => (offset, length),
            Place::Chunk { offset, number } => (offset, u64::from(index.chunk(number).length)),
        };
        assert_eq!(offset, end);
        end += length;
    }
    assert_eq!(end, index.image_size());
    let noise = bytes.to_vec();
    let sizes: Vec<u64> = index.pack_sizes().collect();
    for seed in [SeedChunks::none(), SeedChunks::of_index(&index)] {
        let plan = Plan::whole(&index, &seed, 1000);
        assert!(plan.requests().iter().all(|request| request.offset + request.length <= sizes[request.pack]));
        if index.image_size() < 1 << 20 && index.packed_size() < 1 << 20 {
            let mut packs: Vec<Vec<u8>> = sizes.iter().map(|size| bytes.iter().copied().cycle().take(*size as usize).collect()).collect();
            let mut output = vec![0; index.image_size() as usize];
            let assembly = Assembly {
                index: &index,
                plan: &plan,
                seed: &noise,
                packs: &mut packs,
                output: &mut output,
                observe: &mut |_| ControlFlow::Continue(()),
            };
            let _ = assembly.run();
        }
    }
});

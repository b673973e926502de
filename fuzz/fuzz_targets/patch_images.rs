//! Any two images: the patch between them makes the second, and needs little more than it.
#![no_main]

use image_patch::apply::{Applier, FrameBuffer, Written};
use image_patch::format::Header;
use image_patch::frames::FrameSet;
use image_patch::make::{Input, Watch, make};
use image_patch::source::ReadAt;
use libfuzzer_sys::fuzz_target;
use std::sync::atomic::AtomicBool;
use verity_tree::digest::Salt;

fuzz_target!(|images: (Vec<u8>, Vec<u8>)| {
    let (old, new) = images;
    let salt = Salt::new([3; 4]).expect("a short salt");
    let watch = Watch { progress: &|_, _| {}, cancelled: &AtomicBool::new(false), threads: 1 };
    let sources: [&dyn ReadAt; 1] = [&old];
    let patch = make(&Input { sources: &sources, output: &new, salt: &salt }, &watch).expect("memory can be read");
    let header = Header::parse_unverified(&patch).expect("what was made can be read");
    let applier = Applier::new(&header, &sources).expect("the same sources");
    let (mut output, mut done, mut buffer) = (vec![0; new.len()], FrameSet::new(&header), FrameBuffer::default());
    for (number, frame) in header.frames.iter().enumerate() {
        let coded = &patch[frame.coded.start as usize..frame.coded.end as usize];
        applier.make(number, coded, Written { output: &output, done: &done }, &mut buffer).expect("what was made applies");
        output[frame.output.start as usize..frame.output.end as usize].copy_from_slice(buffer.output());
        done.insert(number);
    }
    assert_eq!(output, new);
    assert!(patch.len() < new.len() + 200);
});

//! A frame's code that nobody vouches for, with sources that it may read anywhere: an error, or as many bytes as it says.
#![no_main]

use image_patch::apply::{Applier, FrameBuffer, Written};
use image_patch::digest::FrameDigest;
use image_patch::format::{Frame, Header};
use image_patch::frames::FrameSet;
use image_patch::source::ReadAt;
use libfuzzer_sys::fuzz_target;
use verity_tree::digest::Salt;

fuzz_target!(|input: (u16, Vec<u8>, Vec<u8>)| {
    let (length, source, coded) = input;
    let length = u64::from(length) + 1;
    // The second of two frames, so that a copy from the first is possible, and one from itself.
    let digest = FrameDigest([0; 16]);
    let frames = vec![
        Frame { output: 0..4096, coded: 0..0, digest },
        Frame { output: 4096..4096 + length, coded: 0..coded.len() as u64, digest },
    ];
    let Ok(salt) = Salt::new([]) else { return };
    let header = Header { sources: vec![source.len() as u64], output: 4096 + length, salt, frames };
    let sources: [&dyn ReadAt; 1] = [&source];
    let Ok(applier) = Applier::new(&header, &sources) else { return };
    let mut done = FrameSet::new(&header);
    done.insert(0);
    let output = vec![1; 4096];
    let mut buffer = FrameBuffer::default();
    let _ = applier.make(1, &coded, Written { output: &output, done: &done }, &mut buffer);
    assert!(buffer.output().len() as u64 <= length);
});

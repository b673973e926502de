//! Making and applying in one line each.

use image_patch::apply::{Applier, FrameBuffer, Written};
use image_patch::format::Header;
use image_patch::frames::FrameSet;
use image_patch::make::{Input, Watch, make};
use image_patch::source::ReadAt;
use std::sync::atomic::AtomicBool;
use verity_tree::digest::Salt;

pub fn patch(sources: &[&Vec<u8>], output: &Vec<u8>) -> Vec<u8> {
    patch_on(1, sources, output)
}

pub fn patch_on(threads: usize, sources: &[&Vec<u8>], output: &Vec<u8>) -> Vec<u8> {
    let sources: Vec<&dyn ReadAt> = sources.iter().map(|source| *source as &dyn ReadAt).collect();
    let salt = Salt::new([7; 32]).unwrap();
    let watch = Watch { progress: &|done, total| assert!(done <= total), cancelled: &AtomicBool::new(false), threads };
    make(&Input { sources: &sources, output, salt: &salt }, &watch).unwrap()
}

pub fn apply(patch: &[u8], sources: &[&Vec<u8>]) -> Vec<u8> {
    let header = Header::parse_unverified(patch).unwrap();
    assert_eq!(header.patch_length().max(Header::length(patch).unwrap() as u64), patch.len() as u64);
    let sources: Vec<&dyn ReadAt> = sources.iter().map(|source| *source as &dyn ReadAt).collect();
    let applier = Applier::new(&header, &sources).unwrap();
    let mut output = vec![0; header.output as usize];
    let mut done = FrameSet::new(&header);
    let mut buffer = FrameBuffer::default();
    for (number, frame) in header.frames.iter().enumerate() {
        let coded = &patch[frame.coded.start as usize..frame.coded.end as usize];
        applier.make(number, coded, Written { output: &output, done: &done }, &mut buffer).unwrap();
        output[frame.output.start as usize..frame.output.end as usize].copy_from_slice(buffer.output());
        done.insert(number);
    }
    output
}

/// Bytes without pattern.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 56) as u8
    };
    (0..length).map(|_| next()).collect()
}

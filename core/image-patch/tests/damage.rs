//! One frame that cannot be made is said alone; the others go on, also after a cut.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod support;

use image_patch::apply::{Applier, FrameBuffer, FrameError, Written};
use image_patch::format::{Header, HeaderError};
use image_patch::frames::FrameSet;
use image_patch::make::{Input, MakeError, Watch, make};
use image_patch::source::ReadAt;
use sha2::{Digest, Sha256};
use std::io;
use std::ops::Range;
use std::sync::atomic::AtomicBool;
use support::{apply, noise, patch};
use verity_tree::digest::{Salt, hash_blocks};

/// A slot with a block that dm-verity refuses.
struct Damaged<'a> {
    bytes: &'a [u8],
    bad: Range<u64>,
}

impl ReadAt for Damaged<'_> {
    fn length(&self) -> u64 {
        self.bytes.length()
    }

    fn read_exact_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        if offset < self.bad.end && self.bad.start < offset + buffer.len() as u64 {
            return Err(io::Error::other("I/O error"));
        }
        self.bytes.read_exact_at(offset, buffer)
    }
}

/// Old and new image of several frames: every 100th block changed a little.
fn images() -> (Vec<u8>, Vec<u8>) {
    let old = noise(1, 12 << 20);
    let mut new = old.clone();
    new.chunks_mut(4096).step_by(100).for_each(|block| block[1000..1010].fill(0));
    (old, new)
}

#[test]
fn a_damaged_block_costs_the_frames_that_need_it_and_no_other() {
    let (old, new) = images();
    let made = patch(&[&old], &new);
    assert!(apply(&made, &[&old]) == new);
    let header = Header::parse_unverified(&made).unwrap();
    let bad = Damaged { bytes: &old, bad: 5_000_000..5_004_096 };
    let sources: [&dyn ReadAt; 1] = [&bad];
    let applier = Applier::new(&header, &sources).unwrap();
    let mut done = FrameSet::new(&header);
    let mut buffer = FrameBuffer::default();
    for (number, frame) in header.frames.iter().enumerate() {
        let coded = &made[frame.coded.start as usize..frame.coded.end as usize];
        match applier.make(number, coded, Written { output: &new, done: &done }, &mut buffer) {
            Ok(()) => {
                assert_eq!(buffer.output(), &new[frame.output.start as usize..frame.output.end as usize]);
                done.insert(number);
            }
            Err(error) => assert!(matches!(error, FrameError::Source { source_index: 0, .. }), "{error}"),
        }
    }
    let missing = done.missing(&header);
    assert_eq!(missing.len(), 1);
    assert_eq!(missing[0].frames.len(), 1);
    assert!(missing[0].output.contains(&5_000_000));
}

#[test]
fn a_source_with_other_bytes_is_found_out_frame_by_frame() {
    let (mut old, new) = images();
    let made = patch(&[&old], &new);
    old[5_000_000] ^= 1;
    let header = Header::parse_unverified(&made).unwrap();
    let sources: [&dyn ReadAt; 1] = [&old];
    let applier = Applier::new(&header, &sources).unwrap();
    let done = FrameSet::new(&header);
    let mut buffer = FrameBuffer::default();
    for (number, frame) in header.frames.iter().enumerate() {
        let coded = &made[frame.coded.start as usize..frame.coded.end as usize];
        let result = applier.make(number, coded, Written { output: &new, done: &done }, &mut buffer);
        assert_eq!(result.is_err(), frame.output.contains(&5_000_000), "{number}");
        assert!(!matches!(result, Err(ref error) if !matches!(error, FrameError::Digest)));
    }
}

#[test]
fn progress_is_kept_as_bytes_and_only_the_rest_is_asked_for() {
    let image = noise(1, 24 << 20);
    let made = patch(&[&image], &image);
    let header = Header::parse_unverified(&made).unwrap();
    assert_eq!(header.frames.len(), 6);
    let mut done = FrameSet::new(&header);
    [0, 1, 4].into_iter().for_each(|frame| done.insert(frame));
    let done = FrameSet::from_bytes(&header, done.to_bytes()).unwrap();
    let missing = done.missing(&header);
    assert_eq!(missing[0].frames, 2..4);
    assert_eq!(missing[0].coded, header.frames[2].coded.start..header.frames[3].coded.end);
    assert_eq!(missing[1].output, header.frames[5].output);
    assert!(FrameSet::from_bytes(&header, &[0; 100]).is_err());
}

#[test]
fn a_frame_that_copies_from_one_that_is_missing_waits_for_it() {
    let once = noise(5, 3 << 20);
    let new = [once.as_slice(), &once].concat();
    let nothing: Vec<u8> = Vec::new();
    let made = patch(&[&nothing], &new);
    let header = Header::parse_unverified(&made).unwrap();
    let sources: [&dyn ReadAt; 1] = [&nothing];
    let applier = Applier::new(&header, &sources).unwrap();
    // New bytes end a frame after a mebibyte; the third goes on with what is copied, from the others and from itself.
    assert_eq!(header.frames.len(), 3);
    let frame = &header.frames[2];
    let coded = &made[frame.coded.start as usize..frame.coded.end as usize];
    let mut done = FrameSet::new(&header);
    let mut buffer = FrameBuffer::default();
    for missing in 0..2 {
        let error = applier.make(2, coded, Written { output: &new, done: &done }, &mut buffer).unwrap_err();
        assert!(matches!(error, FrameError::Waiting { frame } if frame == missing), "{error}");
        done.insert(missing);
    }
    applier.make(2, coded, Written { output: &new, done: &done }, &mut buffer).unwrap();
    assert!(buffer.output() == &new[2 << 20..]);
}

#[test]
fn a_frame_that_is_cut_short_is_refused() {
    let (old, new) = images();
    let made = patch(&[&old], &new);
    let header = Header::parse_unverified(&made).unwrap();
    let sources: [&dyn ReadAt; 1] = [&old];
    let applier = Applier::new(&header, &sources).unwrap();
    let coded = &made[header.frames[0].coded.start as usize..header.frames[0].coded.end as usize - 1];
    let done = FrameSet::new(&header);
    let result = applier.make(0, coded, Written { output: &new, done: &done }, &mut FrameBuffer::default());
    assert!(matches!(result, Err(FrameError::Damaged { .. })));
}

#[test]
fn the_header_must_be_the_one_that_was_signed() {
    let (old, new) = images();
    let made = patch(&[&old], &new);
    let length = Header::length(&made[..16]).unwrap();
    let signed: [u8; 32] = Sha256::digest(&made[..length]).into();
    assert_eq!(Header::parse(&made[..length], &signed).unwrap().output, new.len() as u64);
    assert_eq!(Header::parse(&made, &[0; 32]), Err(HeaderError::Hash));
    assert!(matches!(Header::parse(&made[..length - 1], &signed), Err(HeaderError::Short { .. })));
    assert!(matches!(Header::length(&made[..15]), Err(HeaderError::Short { .. })));
    assert_eq!(Header::length(b"no patch at all!"), Err(HeaderError::Magic));
    let later = [made[..8].to_vec(), vec![2, 0, 0, 0], made[12..].to_vec()].concat();
    assert_eq!(Header::length(&later), Err(HeaderError::Version { found: 2 }));
}

#[test]
fn a_shorter_source_is_another_release() {
    let (old, new) = images();
    let made = patch(&[&old], &new);
    let header = Header::parse_unverified(&made).unwrap();
    let short = old[1..].to_vec();
    assert!(Applier::new(&header, &[&short]).is_err());
    assert!(Applier::new(&header, &[]).is_err());
}

#[test]
fn block_digests_are_the_leaves_of_the_verity_tree() {
    let (old, new) = images();
    let made = patch(&[&old], &new);
    let header = Header::parse_unverified(&made).unwrap();
    let sources: [&dyn ReadAt; 1] = [&old];
    let applier = Applier::new(&header, &sources).unwrap();
    let done = FrameSet::new(&header);
    let mut buffer = FrameBuffer::default();
    let frame = &header.frames[2];
    let coded = &made[frame.coded.start as usize..frame.coded.end as usize];
    applier.make(2, coded, Written { output: &new, done: &done }, &mut buffer).unwrap();
    let mut leaves = vec![[0; 32]; buffer.output().len() / 4096];
    hash_blocks(&Salt::new([7; 32]).unwrap(), buffer.output(), &mut leaves);
    assert_eq!(buffer.blocks(), leaves);
}

#[test]
fn making_can_be_cancelled() {
    let (old, new) = images();
    let watch = Watch { progress: &|_, _| {}, cancelled: &AtomicBool::new(true), threads: 2 };
    let result = make(&Input { sources: &[&old], output: &new, salt: &Salt::new([]).unwrap() }, &watch);
    assert!(matches!(result, Err(MakeError::Cancelled)));
}

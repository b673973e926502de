//! The header of a patch that nobody vouches for: frames that follow each other without gaps, or an error.
#![no_main]

use image_patch::format::Header;
use image_patch::frames::FrameSet;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(header) = Header::parse_unverified(bytes) else { return };
    let (mut output, mut coded) = (0, Header::length(bytes).unwrap_or_default() as u64);
    for frame in &header.frames {
        assert_eq!((frame.output.start, frame.coded.start), (output, coded));
        assert!(frame.output.start < frame.output.end && frame.coded.start <= frame.coded.end);
        (output, coded) = (frame.output.end, frame.coded.end);
    }
    assert_eq!(output, header.output);
    let missing = FrameSet::new(&header).missing(&header);
    assert_eq!(missing.len(), usize::from(!header.frames.is_empty()));
});

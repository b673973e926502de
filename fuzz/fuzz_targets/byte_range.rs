//! Headers of a request or an answer: any text is a range within the file or refused, and what was read is written as it was
#![no_main]

use byte_range::{ContentRange, Requested, requested};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u64, &str)| {
    let (size, text) = input;
    if let Requested::Parts(parts) = requested(text, size) {
        assert!(parts.iter().all(|part| part.first <= part.last && part.last < size));
        assert!(parts.len() <= byte_range::MAXIMUM_RANGES);
    }
    if let Ok(range) = text.parse::<ContentRange>() {
        assert_eq!(range.to_string().parse::<ContentRange>(), Ok(range));
    }
});

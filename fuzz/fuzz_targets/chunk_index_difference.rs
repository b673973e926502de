//! A hostile difference of chunk indexes: refused, or the index that its header names comes out; and what is made applies.
#![no_main]

use image_chunks::difference::{apply, make};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&[u8], &[u8])| {
    let (old, difference) = input;
    if let Ok(new) = apply(old, difference) {
        assert!(new.len() <= 32 << 20);
    }
    let made = make(old, difference).expect("both are small");
    assert_eq!(apply(old, &made).as_deref(), Ok(difference));
});

//! An EFI system partition that nobody vouches for: listing and reading end with an answer, in bounded memory
#![no_main]

use std::io::Cursor;

use image_files::esp::{list, read_file};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|partition: &[u8]| {
    let mut partition = Cursor::new(partition);
    if let Ok(entries) = list(&mut partition) {
        for entry in entries.iter().take(64) {
            if let Ok(bytes) = read_file(&mut partition, &entry.path, 1 << 20) {
                assert!(bytes.len() <= 1 << 20);
            }
        }
    }
});

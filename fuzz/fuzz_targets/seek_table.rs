//! The end of a file: any bytes are a table about that file or refused, and what was read is written as it was
#![no_main]

use libfuzzer_sys::fuzz_target;
use seekable_zstd::{FOOTER, SeekTable};

fuzz_target!(|file: &[u8]| {
    let Some(footer) = file.last_chunk::<FOOTER>() else { return };
    let Ok(length) = SeekTable::length(footer) else { return };
    let Some(start) = file.len().checked_sub(length) else { return };
    if let Ok(table) = SeekTable::parse(&file[start..], file.len() as u64) {
        assert_eq!(table.compressed_size(), start as u64);
        assert!(table.place_of(u64::MAX).compressed == start as u64);
        let written = table.to_bytes();
        assert_eq!(SeekTable::parse(&written, start as u64 + written.len() as u64), Ok(table));
    }
});

//! A disk that nobody vouches for: reading its partition table ends with a table or an error, and a table that was read can be written
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|disk: &[u8]| {
    if let Ok(reading) = disk_layout::gpt::read(&mut Cursor::new(disk), None) {
        // Foreign tables may have more entries than ours, so writing may be refused, but it must not panic.
        let _ = reading.table.encode();
        for partition in &reading.table.partitions {
            let _ = (partition.offset(reading.table.sector_size), partition.size(reading.table.sector_size));
        }
    }
});

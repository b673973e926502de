//! Boot counters in file names that the boot loader reports.
#![no_main]

use device_status::boot_count::BootCount;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|path: &str| {
    if let Some(count) = BootCount::from_path(path) {
        let again = format!("p+{}-{}.efi", count.tries_left, count.tries_done);
        assert_eq!(BootCount::from_path(&again), Some(count));
    }
});

//! A lockfile from anybody: it is refused, or writing it and reading it again gives the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use package_lock::difference::difference;
use package_lock::lockfile::Lockfile;

fuzz_target!(|text: &str| {
    if let Ok(lockfile) = Lockfile::parse(text) {
        let again = Lockfile::parse(&lockfile.to_text()).expect("what was read can be written and read");
        assert_eq!(again, lockfile);
        assert!(difference(&lockfile, &again).is_empty());
        assert!(i64::try_from(lockfile.total_size()).is_ok());
    }
});

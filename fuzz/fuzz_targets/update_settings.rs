//! Drop-ins of settings: settings whose windows can be asked at any time, or problems that can be shown.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use update_schedule::settings::{Directory, DropIn, Settings, Strategy};
use update_schedule::windows;
use update_schedule::zone::Zone;

fuzz_target!(|content: &[u8]| {
    // Two files, so that they are merged; the byte between them decides where the second lies.
    let middle = content.iter().position(|byte| *byte == 0).unwrap_or(content.len());
    let (first, second) = content.split_at(middle);
    let file =
        |directory, name: &str, content: &[u8]| DropIn { directory, name: name.to_owned(), content: content.to_vec() };
    let files = [
        file(Directory::Image, "10-a.toml", first),
        file(Directory::Operator, "50-b.toml", second.get(1..).unwrap_or_default()),
    ];
    match Settings::from_drop_ins(&files) {
        Ok(settings) => {
            if let Strategy::Windows(calendar) = settings.strategy {
                assert!(!calendar.windows.is_empty());
                let now = Timestamp::from_second(1_795_240_800).expect("a time");
                let _ = windows::state(&calendar.windows, &Zone::utc(), now);
            }
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            assert!(!error.to_string().contains('\u{1b}'));
        }
    }
});

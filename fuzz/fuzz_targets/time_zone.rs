//! A TZif file from anybody: refused, or every local time is an instant, and a window in it ends.
#![no_main]

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use update_schedule::windows::{Weekdays, Window, WindowLength, state};
use update_schedule::zone::Zone;

fuzz_target!(|data: &[u8]| {
    let name = "Europe/Berlin".parse().expect("a name");
    let Ok(zone) = Zone::from_tzif(&name, data) else { return };
    let window = Window {
        days: Weekdays::from_names(["Sun"]).expect("days"),
        start: "02:30".parse().expect("a time"),
        length: WindowLength::new(60).expect("a length"),
    };
    for second in [0, 1_000_000_000, 1_774_746_000, 1_795_240_800, 4_000_000_000, 200_000_000_000] {
        let now = Timestamp::from_second(second).expect("a time");
        let _ = zone.instant(zone.local(now));
        let _ = zone.shown(now);
        let _ = state(std::slice::from_ref(&window), &zone, now);
    }
});

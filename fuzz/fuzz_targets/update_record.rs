//! The record of updates, as a device finds it on its disk after whatever happened.
#![no_main]

use libfuzzer_sys::fuzz_target;
use update_engine::event::Event;
use update_engine::machine::on_event;
use update_engine::policy::Policy;
use update_engine::record::{MAXIMUM_BYTES, Record};

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut record) = Record::parse(bytes) else { return };
    let written = record.to_json();
    // Indented, a record that fitted barely may not fit any more; a device writes none that large.
    if written.len() <= MAXIMUM_BYTES {
        assert_eq!(Record::parse(&written).expect("what is written can be read"), record);
    }
    // Any record that can be read can be worked with.
    let now = record.last_check.unwrap_or_default();
    let _actions = on_event(&mut record, Event::Timer, now, &Policy::default());
    let _actions = on_event(&mut record, Event::Blessed, now, &Policy::default());
    let _wake = record.wake_at();
});

//! Header fields that any client may send: Accept and Last-Event-ID.
#![no_main]

use device_api::event::EventId;
use device_api::media_type::accepts;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|field: &str| {
    let _ = accepts(field, "application/json");
    if let Ok(id) = field.parse::<EventId>() {
        assert_eq!(id.to_string().parse(), Ok(id));
    }
});

//! FleetLock from both sides: a request is refused or can be written again, and nothing that a lock manager answers is shown as more than a short line.
#![no_main]

use libfuzzer_sys::fuzz_target;
use update_schedule::fleet_lock::{LockAddress, LockGroup, Outcome, Request, device_id};
use update_schedule::reboot_lock::Claim;

fuzz_target!(|body: &[u8]| {
    if let Ok(request) = Request::parse(body) {
        assert_eq!(Request::parse(request.to_json().as_bytes()).expect("what was read can be written"), request);
    }
    let Outcome::Refused(said) = Outcome::of(409, body) else { panic!("409 is no yes") };
    assert!(said.value.chars().count() <= 500 && !said.value.contains(char::is_control));
    // What is kept of a claim names only what could have been set.
    if let Some(claim) = Claim::parse(body) {
        assert_eq!(Claim::parse(&claim.to_json()).as_ref(), Some(&claim));
        assert!(LockAddress::new(claim.url.as_str()).is_ok() && LockGroup::new(claim.group.as_str()).is_ok());
    }
    if let Ok(text) = std::str::from_utf8(body) {
        if let Some(id) = device_id(text) {
            Request::new(&LockGroup::default(), &id).expect("an id is fit for a request");
        }
        let _ = LockGroup::new(text);
        let _ = LockAddress::new(text);
    }
});

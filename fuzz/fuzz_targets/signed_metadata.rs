//! TUF metadata that nobody vouches for: any bytes are metadata of a role or refused, and only what is signed is trusted
#![no_main]

use libfuzzer_sys::fuzz_target;
use signed_metadata::path_pattern;
use signed_metadata::role::{Root, Snapshot, Targets, TimestampRole};
use signed_metadata::signed::Unverified;
use signed_metadata::trusted::TrustedMetadata;

fuzz_target!(|bytes: &[u8]| {
    let _ = Unverified::<Root>::parse("root", bytes);
    let _ = Unverified::<TimestampRole>::parse("timestamp", bytes);
    let _ = Unverified::<Snapshot>::parse("snapshot", bytes);
    let targets = Unverified::<Targets>::parse("targets", bytes);
    if let Some(delegations) = targets.ok().and_then(|targets| targets.content().delegations.clone()) {
        for pattern in delegations.roles.iter().flat_map(|role| role.paths.iter().flatten()) {
            let _ = path_pattern::matches(pattern, "stable/releases/1.0.0/x86-64/release.json");
        }
    }
    // Nothing that a fuzzer writes is signed by its own keys.
    assert!(TrustedMetadata::begin(bytes).is_err());
});

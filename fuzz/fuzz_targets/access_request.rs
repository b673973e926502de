//! Requests as clients send them, against the policy: whoever presents nothing valid gets no further than the rules that need nothing.
#![no_main]

use access::policy::{Need, authorize, find};
use access::record::Record;
use access::request::{RequestFacts, RequestParts};
use access::state::Access;
use libfuzzer_sys::fuzz_target;

const FIELDS: [&str; 8] =
    ["cookie", "authorization", "origin", "host", "sec-fetch-site", "sec-fetch-mode", "upgrade", "x-piccolo-csrf"];

fuzz_target!(|input: (&str, &str, Vec<(u8, &[u8])>)| {
    let (method, path, fields) = input;
    let open = find(method, path).is_some_and(|rule| rule.need == Need::Nothing);
    assert_eq!(authorize(None, method, path).is_ok(), open);
    if open {
        let named =
            ["/api/v1/health", "/api/v1/pairing", "/api/v1/invitations/accept", "/api/v1/session", "/login", "/pair"];
        assert!(named.contains(&path) || path.starts_with("/assets/") && !path.contains(".."));
    }
    let fields = fields.iter().map(|(name, value)| (FIELDS[usize::from(*name) % FIELDS.len()], *value));
    let address = [192, 0, 2, 1].into();
    let Ok(facts) = RequestFacts::read(RequestParts { address, method, fields, certificate: None }) else { return };
    let now = jiff::Timestamp::UNIX_EPOCH;
    let mut access = Access::start(Record::default(), [0; 5], now);
    access.authenticate(&facts, now).unwrap_err();
    if let Ok(admitted) = access.admit(&facts, method, path, now) {
        assert!(open && admitted.identity.is_none());
    }
});

//! The record of users, as a device finds it on its disk after whatever happened: it is refused, or can be worked with and written again, and lets nobody in
//! who presents nothing that it holds.
#![no_main]

use access::record::{MAXIMUM_BYTES, Record};
use access::request::{RequestFacts, RequestParts, SESSION_COOKIE};
use access::state::{Access, LoginRequest, PairingView};
use access::token::{RandomBytes, TokenKind, TokenText};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(record) = Record::parse(bytes) else { return };
    let written = record.to_json();
    // Indented, a record that fitted barely may not fit any more; a device writes none that large.
    if written.len() <= MAXIMUM_BYTES {
        assert_eq!(Record::parse(&written).expect("what is written can be read"), record);
    }
    let now = record.users().first().map_or(jiff::Timestamp::UNIX_EPOCH, |user| user.created);
    let nobody = record.users().is_empty();
    let mut access = Access::start(record, [0; 5], now);
    assert_eq!(access.pairing() == PairingView::Open, nobody);
    access.timer([1; 5], now);
    // A secret that no record has the hash of.
    let secret = |kind| TokenText::new(kind, &RandomBytes([0x5a; 32]));
    let cookie = format!("{SESSION_COOKIE}={}", secret(TokenKind::Session).reveal());
    let bearer = format!("Bearer {}", secret(TokenKind::Api).reveal());
    for (name, value) in [("cookie", &cookie), ("authorization", &bearer)] {
        let address = [192, 0, 2, 1].into();
        let fields = [(name, value.as_bytes())];
        let parts = RequestParts { address, method: "GET", fields, certificate: None };
        let facts = RequestFacts::read(parts).expect("one field is not repeated");
        access.authenticate(&facts, now).unwrap_err();
    }
    let login = LoginRequest {
        name: "alice",
        password: "five small green rivers",
        address: [192, 0, 2, 1].into(),
        browser: None,
    };
    let _ticket = access.begin_login(&login, now);
    let _actions = access.take_actions();
});

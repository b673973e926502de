//! The certificate that a device makes for itself.

use std::fs;
use std::os::unix::fs::MetadataExt;

use device_certificate::self_signed::{LIFETIME, Names, RENEWED_BEFORE};
use device_certificate::store::{Note, Source};
use jiff::SignedDuration;

use crate::{NOON, names, place};

#[test]
fn the_first_boot_makes_a_certificate_and_later_ones_find_it() {
    let place = place();
    let first = place.store.current(&names(), NOON).unwrap();
    assert_eq!((first.source, &first.notes[..]), (Source::SelfSigned, &[Note::Made][..]));
    assert_eq!(first.certificate.names(), ["kitchen", "kitchen.local", "localhost"]);
    assert_eq!(first.certificate.addresses(), names().addresses);
    assert!(first.certificate.is_self_signed());
    let second = place.store.current(&names(), NOON).unwrap();
    assert!(second.notes.is_empty());
    assert_eq!(second.certificate.fingerprint(), first.certificate.fingerprint());
    let mode = fs::metadata(place.directory.path().join("self-signed.pem")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn it_is_renewed_before_its_end_with_the_same_key() {
    let place = place();
    let first = place.store.current(&names(), NOON).unwrap().certificate;
    let before = NOON + LIFETIME - RENEWED_BEFORE - SignedDuration::from_hours(48);
    assert_eq!(place.store.current(&names(), before).unwrap().notes, []);
    let renewed = place.store.current(&names(), NOON + LIFETIME - RENEWED_BEFORE).unwrap();
    assert_eq!(renewed.notes, [Note::Renewed]);
    assert_eq!(renewed.certificate.key_fingerprint(), first.key_fingerprint());
    assert_ne!(renewed.certificate.fingerprint(), first.fingerprint());
    // Also when the device was off for years, or its clock was ahead when it was made.
    assert_eq!(place.store.current(&names(), NOON + LIFETIME + LIFETIME * 3).unwrap().notes, [Note::Renewed]);
    assert_eq!(place.store.current(&names(), NOON).unwrap().notes, [Note::Renewed]);
}

#[test]
fn another_name_needs_another_certificate_and_another_address_does_not() {
    let place = place();
    place.store.current(&names(), NOON).unwrap();
    let moved = Names { addresses: vec![[192, 0, 2, 8].into()], ..names() };
    assert_eq!(place.store.current(&moved, NOON).unwrap().notes, []);
    let renamed = Names { host: "cellar".to_owned(), ..moved };
    let presented = place.store.current(&renamed, NOON).unwrap();
    assert_eq!(presented.notes, [Note::Renewed]);
    assert_eq!(presented.certificate.addresses(), renamed.addresses);
}

#[test]
fn a_damaged_one_is_replaced() {
    let place = place();
    let first = place.store.current(&names(), NOON).unwrap().certificate;
    let path = place.directory.path().join("self-signed.pem");
    let text = fs::read(&path).unwrap();
    for damaged in [&b""[..], b"\xff\xfe", &text[..text.len() / 2], &text[..text.len() - 5]] {
        fs::write(&path, damaged).unwrap();
        let presented = place.store.current(&names(), NOON).unwrap();
        assert!(matches!(presented.notes[..], [Note::Replaced(_)]));
        assert_ne!(presented.certificate.key_fingerprint(), first.key_fingerprint());
    }
}

#[test]
fn nothing_for_people_who_debug_shows_the_key() {
    let place = place();
    let certificate = place.store.current(&names(), NOON).unwrap().certificate;
    let shown = format!("{certificate:?}");
    assert!(shown.contains("kitchen") && !shown.contains("key:") && shown.len() < 400, "{shown}");
}

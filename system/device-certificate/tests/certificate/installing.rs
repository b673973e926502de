//! The operator's own certificate, and the many ways in which it can be wrong.

use device_certificate::server_certificate::{CertificateError, ServerCertificate, TEXT_LIMIT};
use device_certificate::store::{CertificateStoreError, Note, Source};
use jiff::{SignedDuration, Timestamp};
use pem::Pem;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, proptest};
use proptest::sample::Index;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, date_time_ymd,
};

use crate::handshake::accepts;
use crate::{NOON, names, place};

/// A root, an intermediate and a server's certificate, with the server's key.
struct Authority {
    root: Vec<u8>,
    intermediate: String,
    server: String,
    key: String,
}

struct Wish {
    names: Vec<String>,
    years: (i32, i32),
    usage: Vec<ExtendedKeyUsagePurpose>,
}

fn wish() -> Wish {
    Wish {
        names: vec!["kitchen.example.org".to_owned()],
        years: (2026, 2028),
        usage: vec![ExtendedKeyUsagePurpose::ServerAuth],
    }
}

fn pem(der: &[u8]) -> String {
    pem::encode(&Pem::new("CERTIFICATE", der))
}

fn parameters(name: &str, is_ca: bool) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters.not_before = date_time_ymd(2020, 1, 1);
    parameters.not_after = date_time_ymd(2040, 1, 1);
    if is_ca {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    parameters
}

fn authority(wish: Wish) -> Authority {
    let root_key = KeyPair::generate().unwrap();
    let root_parameters = parameters("Root", true);
    let root = root_parameters.self_signed(&root_key).unwrap().der().to_vec();
    let root_issuer = Issuer::from_params(&root_parameters, &root_key);

    let intermediate_key = KeyPair::generate().unwrap();
    let intermediate_parameters = parameters("Intermediate", true);
    let intermediate = intermediate_parameters.signed_by(&intermediate_key, &root_issuer).unwrap();
    let issuer = Issuer::from_params(&intermediate_parameters, &intermediate_key);

    let key = KeyPair::generate().unwrap();
    let mut server = parameters("Server", false);
    server.subject_alt_names = CertificateParams::new(wish.names).unwrap().subject_alt_names;
    server.not_before = date_time_ymd(wish.years.0, 1, 1);
    server.not_after = date_time_ymd(wish.years.1, 1, 1);
    server.extended_key_usages = wish.usage;
    let server = server.signed_by(&key, &issuer).unwrap();
    Authority {
        root,
        intermediate: pem(intermediate.der()),
        server: pem(server.der()),
        key: pem::encode(&Pem::new("PRIVATE KEY", key.serialized_der())),
    }
}

fn read(chain: &str, key: &str) -> Result<ServerCertificate, CertificateError> {
    ServerCertificate::read(&[chain, key], NOON)
}

#[test]
fn an_installed_certificate_is_presented_until_it_is_removed() {
    let place = place();
    let own = place.store.current(&names(), NOON).unwrap().certificate;
    let authority = authority(wish());
    let chain = format!("{}{}", authority.server, authority.intermediate);
    let installed = place.store.install(&chain, &authority.key, NOON).unwrap();
    assert_eq!(installed.names(), ["kitchen.example.org"]);
    let presented = place.store.current(&names(), NOON).unwrap();
    assert_eq!((presented.source, &presented.notes[..]), (Source::Installed, &[][..]));
    assert_eq!(presented.certificate.fingerprint(), installed.fingerprint());
    accepts(&presented.certificate, &authority.root, "kitchen.example.org").unwrap();
    use std::os::unix::fs::MetadataExt;
    let mode = std::fs::metadata(place.directory.path().join("installed.pem")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o600);
    place.store.remove_installed().unwrap();
    place.store.remove_installed().unwrap();
    let presented = place.store.current(&names(), NOON).unwrap();
    assert_eq!(presented.certificate.fingerprint(), own.fingerprint());
}

#[test]
fn a_key_that_does_not_fit_is_named() {
    let (one, other) = (authority(wish()), authority(wish()));
    assert_eq!(read(&one.server, &other.key).unwrap_err(), CertificateError::KeyDoesNotMatch);
    let place = place();
    let refused = place.store.install(&one.server, &other.key, NOON);
    assert!(matches!(refused, Err(CertificateStoreError::Certificate(CertificateError::KeyDoesNotMatch))));
    assert_eq!(place.store.current(&names(), NOON).unwrap().source, Source::SelfSigned);
}

#[test]
fn a_chain_in_another_order_or_with_a_gap_is_named() {
    let (one, other) = (authority(wish()), authority(wish()));
    let root = pem(&one.root);
    let chain = |parts: &[&str]| read(&parts.concat(), &one.key);
    chain(&[&one.server]).unwrap();
    chain(&[&one.server, &one.intermediate, &root]).unwrap();
    assert_eq!(chain(&[&one.intermediate, &one.server]).unwrap_err(), CertificateError::NotFirst(2));
    assert_eq!(chain(&[&one.server, &root]).unwrap_err(), CertificateError::Order(1));
    assert_eq!(chain(&[&one.server, &one.intermediate, &one.intermediate]).unwrap_err(), CertificateError::Order(2));
    // The same names, other keys.
    assert_eq!(chain(&[&one.server, &other.intermediate]).unwrap_err(), CertificateError::Signature(1));
}

#[test]
fn a_certificate_whose_time_is_over_or_has_not_come_is_named() {
    let old = authority(Wish { years: (2024, 2025), ..wish() });
    let error = read(&old.server, &old.key).unwrap_err();
    assert!(matches!(error, CertificateError::Expired { position: 1, .. }));
    assert!(error.to_string().contains("2025-01-01T00:00:00Z"), "{error}");
    let early = authority(Wish { years: (2030, 2031), ..wish() });
    assert!(matches!(read(&early.server, &early.key), Err(CertificateError::NotYet { position: 1, .. })));
    // One that is over later is presented on, because clients know its key, with a note.
    let place = place();
    let authority = authority(wish());
    place.store.install(&authority.server, &authority.key, NOON).unwrap();
    let later: Timestamp = NOON + SignedDuration::from_hours(24 * 800);
    let presented = place.store.current(&names(), later).unwrap();
    assert_eq!(presented.source, Source::Installed);
    assert!(matches!(presented.notes[..], [Note::InstalledOutOfTime(CertificateError::Expired { .. })]));
}

#[test]
fn certificates_for_something_else_are_refused() {
    let client = authority(Wish { usage: vec![ExtendedKeyUsagePurpose::ClientAuth], ..wish() });
    assert_eq!(read(&client.server, &client.key).unwrap_err(), CertificateError::Purpose);
    let nameless = authority(Wish { names: Vec::new(), ..wish() });
    assert_eq!(read(&nameless.server, &nameless.key).unwrap_err(), CertificateError::NoNames);
}

#[test]
fn what_is_missing_or_too_much_is_named() {
    let one = authority(wish());
    assert_eq!(read("", &one.key).unwrap_err(), CertificateError::NoCertificate);
    assert_eq!(read(&one.server, "").unwrap_err(), CertificateError::NoKey);
    assert_eq!(read(&one.server, &one.key.repeat(2)).unwrap_err(), CertificateError::SeveralKeys);
    assert_eq!(read(&one.server.repeat(9), &one.key).unwrap_err(), CertificateError::TooMany);
    assert_eq!(read(&"x".repeat(TEXT_LIMIT), &one.key).unwrap_err(), CertificateError::TooLarge);
    let request = pem::encode(&Pem::new("CERTIFICATE REQUEST", vec![0]));
    assert_eq!(read(&request, &one.key).unwrap_err(), CertificateError::Label("CERTIFICATE REQUEST".to_owned()));
    let encrypted = pem::encode(&Pem::new("ENCRYPTED PRIVATE KEY", vec![0]));
    assert_eq!(read(&one.server, &encrypted).unwrap_err(), CertificateError::EncryptedKey);
    let garbage = pem::encode(&Pem::new("PRIVATE KEY", vec![0; 40]));
    assert_eq!(read(&one.server, &garbage).unwrap_err(), CertificateError::Key);
    let garbage = pem::encode(&Pem::new("CERTIFICATE", vec![0; 40]));
    assert_eq!(read(&garbage, &one.key).unwrap_err(), CertificateError::Certificate(1));
}

#[test]
fn a_damaged_installed_certificate_gives_way_to_the_devices_own() {
    let place = place();
    let authority = authority(wish());
    place.store.install(&authority.server, &authority.key, NOON).unwrap();
    std::fs::write(place.directory.path().join("installed.pem"), "-----BEGIN").unwrap();
    let presented = place.store.current(&names(), NOON).unwrap();
    assert_eq!(presented.source, Source::SelfSigned);
    assert!(matches!(presented.notes[..], [Note::InstalledDamaged(_), Note::Made]));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_change_to_a_good_certificate_is_answered(places in vec((any::<Index>(), any::<u8>()), 1..6)) {
        let one = authority(wish());
        let mut bytes = format!("{}{}{}", one.server, one.intermediate, one.key).into_bytes();
        for (place, value) in places {
            let place = place.index(bytes.len());
            bytes[place] = value % 128;
        }
        let _answer = ServerCertificate::read(&[&String::from_utf8(bytes).unwrap()], NOON);
    }

    #[test]
    fn any_text_is_answered(der in vec(any::<u8>(), 0..200)) {
        for label in ["CERTIFICATE", "PRIVATE KEY", "EC PRIVATE KEY"] {
            let text = pem::encode(&Pem::new(label, der.clone()));
            ServerCertificate::read(&[&text], NOON).unwrap_err();
        }
    }
}

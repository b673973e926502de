//! What openssl says about our certificates, and its keys in all their forms.

use std::path::Path;

use device_certificate::server_certificate::{CertificateError, ServerCertificate};

use crate::{NOON, names, place};

fn openssl(directory: &Path, arguments: &[&str]) -> String {
    #[expect(clippy::disallowed_methods, reason = "a test asks an oracle; it is no part of the product")]
    let output = std::process::Command::new("openssl").args(arguments).current_dir(directory).output();
    let output = output.expect("the program openssl is missing: apt-get install openssl");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "openssl {}: {errors}", arguments.join(" "));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn openssl_reads_our_certificate_as_we_do() {
    let place = place();
    let certificate = place.store.current(&names(), NOON).unwrap().certificate;
    let show = |what: &[&str]| {
        openssl(place.directory.path(), &[&["x509", "-in", "self-signed.pem", "-noout"], what].concat())
    };
    assert!(show(&["-fingerprint", "-sha256"]).contains(&certificate.fingerprint().colons()));
    let text = show(&["-text"]);
    for expected in [
        "DNS:kitchen, DNS:kitchen.local, DNS:localhost, IP Address:192.0.2.7, IP Address:2001:DB8:0:0:0:0:0:7",
        "ASN1 OID: prime256v1",
        "ecdsa-with-SHA256",
        "CA:FALSE",
        "TLS Web Server Authentication",
        "Not Before: Nov 20 00:00:00 2026 GMT",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    openssl(
        place.directory.path(),
        &["verify", "-attime", &NOON.as_second().to_string(), "-CAfile", "self-signed.pem", "self-signed.pem"],
    );
    let key = openssl(place.directory.path(), &["pkey", "-in", "self-signed.pem", "-pubout"]);
    assert_eq!(key, openssl(place.directory.path(), &["x509", "-in", "self-signed.pem", "-noout", "-pubkey"]));
}

#[test]
fn keys_are_read_in_every_form_that_openssl_writes_and_encrypted_ones_are_named() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let read = |file: &str| std::fs::read_to_string(at.join(file)).unwrap();
    for (name, arguments) in [
        ("p256", &["ecparam", "-name", "prime256v1", "-genkey"][..]),
        ("p384", &["ecparam", "-name", "secp384r1", "-genkey"]),
        ("rsa", &["genrsa", "-traditional", "2048"]),
        ("ed25519", &["genpkey", "-algorithm", "ed25519"]),
    ] {
        let [key, certificate] = [format!("{name}.key"), format!("{name}.crt")];
        std::fs::write(at.join(&key), openssl(at, arguments)).unwrap();
        let subject = ["-subj", "/CN=kitchen", "-addext", "subjectAltName=DNS:kitchen", "-days", "3000"];
        openssl(at, &[&["req", "-x509", "-key", &key, "-out", &certificate][..], &subject].concat());
        let parsed = ServerCertificate::parse(&[&read(&certificate), &read(&key)])
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(parsed.names(), ["kitchen"]);
        let plain = openssl(at, &["pkcs8", "-topk8", "-nocrypt", "-in", &key]);
        ServerCertificate::parse(&[&read(&certificate), &plain]).unwrap();
        let encrypted = openssl(at, &["pkcs8", "-topk8", "-passout", "pass:x", "-in", &key]);
        let refused = ServerCertificate::parse(&[&read(&certificate), &encrypted]);
        assert_eq!(refused.unwrap_err(), CertificateError::EncryptedKey);
    }
    let old = openssl(at, &["rsa", "-in", "rsa.key", "-traditional", "-aes128", "-passout", "pass:x"]);
    assert_eq!(ServerCertificate::parse(&[&read("rsa.crt"), &old]).unwrap_err(), CertificateError::EncryptedKey);
}

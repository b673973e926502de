//! Certificates and keys that an operator gives a device: refused with a reason, or whole.
#![no_main]

use device_certificate::server_certificate::{CHAIN_LIMIT, ServerCertificate};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], &[u8])| {
    let (text, certificate, key) = input;
    let _answer = ServerCertificate::parse(&[text]);
    // Past the armour, which nobody guesses.
    let armour = |label: &str, der: &[u8]| pem::encode(&pem::Pem::new(label, der));
    for label in ["PRIVATE KEY", "EC PRIVATE KEY"] {
        if let Ok(read) = ServerCertificate::parse(&[&armour("CERTIFICATE", certificate), &armour(label, key), text]) {
            assert!((1..=CHAIN_LIMIT).contains(&read.chain().len()));
        }
    }
});

//! Certificates as clients and other programs see them.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod handshake;
mod installing;
mod openssl;
mod own;

use std::net::IpAddr;

use device_certificate::self_signed::Names;
use device_certificate::store::CertificateStore;
use jiff::Timestamp;

const NOON: Timestamp = Timestamp::constant(1_795_262_400, 0);

fn names() -> Names {
    Names { host: "kitchen".to_owned(), addresses: vec![IpAddr::from([192, 0, 2, 7]), "2001:db8::7".parse().unwrap()] }
}

struct Place {
    directory: tempfile::TempDir,
    store: CertificateStore,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let store = CertificateStore::below(directory.path()).unwrap();
    Place { directory, store }
}

//! A TLS client and a TLS server that talk to each other in memory.

use std::sync::Arc;

use device_certificate::server_certificate::ServerCertificate;
use rustls::client::ClientConnection;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::ServerConnection;
use rustls::time_provider::TimeProvider;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use crate::{NOON, names, place};

#[derive(Debug)]
struct Noon;

impl TimeProvider for Noon {
    fn current_time(&self) -> Option<UnixTime> {
        Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(NOON.as_second().unsigned_abs())))
    }
}

/// Whether a client that trusts `root` accepts the server under this name.
pub fn accepts(server: &ServerCertificate, root: &[u8], name: &str) -> Result<(), rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let chain = server.chain().iter().map(|der| CertificateDer::from(der.clone())).collect();
    let key = PrivateKeyDer::try_from(server.key().to_vec()).unwrap();
    let serving = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions()?;
    let serving = serving.with_no_client_auth().with_single_cert(chain, key)?;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(root.to_vec()))?;
    let asking = ClientConfig::builder_with_details(provider, Arc::new(Noon)).with_safe_default_protocol_versions()?;
    let asking = asking.with_root_certificates(roots).with_no_client_auth();
    let mut client = ClientConnection::new(Arc::new(asking), ServerName::try_from(name.to_owned()).unwrap())?;
    let mut server = ServerConnection::new(Arc::new(serving))?;
    for _ in 0..10 {
        let mut sent = Vec::new();
        client.write_tls(&mut sent).unwrap();
        server.read_tls(&mut &sent[..]).unwrap();
        server.process_new_packets()?;
        let mut sent = Vec::new();
        server.write_tls(&mut sent).unwrap();
        client.read_tls(&mut &sent[..]).unwrap();
        client.process_new_packets()?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

#[test]
fn a_client_that_trusts_the_certificate_accepts_the_device_under_its_names_only() {
    let certificate = place().store.current(&names(), NOON).unwrap().certificate;
    for name in ["kitchen", "kitchen.local", "localhost", "192.0.2.7", "2001:db8::7"] {
        accepts(&certificate, &certificate.chain()[0], name).unwrap();
    }
    for name in ["cellar", "192.0.2.8"] {
        accepts(&certificate, &certificate.chain()[0], name).unwrap_err();
    }
    let other = place().store.current(&names(), NOON).unwrap().certificate;
    accepts(&certificate, &other.chain()[0], "kitchen").unwrap_err();
}

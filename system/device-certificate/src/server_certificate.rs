//! A chain of certificates with the key of the first: read, and looked at before a server uses it.

use core::fmt;
use std::net::IpAddr;

use jiff::Timestamp;
use pem::Pem;
use rcgen::{KeyPair, PublicKeyData};
use thiserror::Error;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::fingerprint::Fingerprint;

/// The longest text that is read, in bytes.
pub const TEXT_LIMIT: usize = 64 << 10;
/// Certificates of a chain.
pub const CHAIN_LIMIT: usize = 8;

/// What a TLS server presents. The key is forgotten when it is dropped.
#[derive(Clone)]
pub struct ServerCertificate {
    chain: Vec<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
    names: Vec<String>,
    addresses: Vec<IpAddr>,
    not_before: Timestamp,
    not_after: Timestamp,
    fingerprint: Fingerprint,
    key_fingerprint: Fingerprint,
    self_signed: bool,
}

/// A certificate or key that a server cannot use.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CertificateError {
    /// Too much.
    #[error("certificate and key have more than {} KiB together", TEXT_LIMIT >> 10)]
    TooLarge,
    /// No PEM.
    #[error("this is not PEM; each part begins with -----BEGIN and ends with -----END")]
    Pem,
    /// Nothing to present.
    #[error("there is no certificate; it begins with -----BEGIN CERTIFICATE-----")]
    NoCertificate,
    /// A chain of the wrong length.
    #[error("there are more than {CHAIN_LIMIT} certificates")]
    TooMany,
    /// A part that is no certificate and no key.
    #[error("a part is a {0:?}, where only certificates and one private key belong")]
    Label(String),
    /// No key.
    #[error("there is no private key; it begins with -----BEGIN PRIVATE KEY-----, or with EC or RSA before PRIVATE")]
    NoKey,
    /// Several keys.
    #[error("there are several private keys; give the one of the first certificate only")]
    SeveralKeys,
    /// A key with a password.
    #[error("the private key is encrypted; decrypt it first, for instance with: openssl pkey -in KEY -out PLAIN")]
    EncryptedKey,
    /// A key that is none, or of a kind that TLS does not use.
    #[error(
        "the private key cannot be used; use ECDSA on P-256, P-384 or P-521, RSA with at least 2048 bits, or Ed25519"
    )]
    Key,
    /// A certificate that is none.
    #[error("certificate {0} of the chain is damaged")]
    Certificate(usize),
    /// The key is another's.
    #[error("the private key does not belong to the certificate; both must come from one request")]
    KeyDoesNotMatch,
    /// The server's own certificate is not the first.
    #[error("the private key belongs to certificate {0} of the chain; put that one first, then the one that issued it")]
    NotFirst(usize),
    /// One certificate is not followed by the one that issued it.
    #[error("certificate {0} of the chain was not issued by certificate {next}; each is followed by its issuer, the server's own comes first", next = .0 + 1)]
    Order(usize),
    /// The signature of one is not its issuer's.
    #[error("the signature of certificate {0} is not the one of certificate {next}, although it names it as its issuer", next = .0 + 1)]
    Signature(usize),
    /// It is over.
    #[error("certificate {position} of the chain was good until {until} only; get a new one")]
    Expired {
        /// Which.
        position: usize,
        /// Until when.
        until: Timestamp,
    },
    /// It has not begun.
    #[error("certificate {position} of the chain is good from {from} on; is the device's clock right?")]
    NotYet {
        /// Which.
        position: usize,
        /// From when on.
        from: Timestamp,
    },
    /// Nobody could reach the device by it.
    #[error("the certificate names no host and no address (subject alternative name), so no browser accepts it")]
    NoNames,
    /// It is for something else.
    #[error("the certificate is not for TLS servers (extended key usage)")]
    Purpose,
}

impl ServerCertificate {
    /// Reads a chain and a key, and looks whether a server can use them. Both may be in one text.
    ///
    /// # Errors
    /// What is wrong, for the operator who gave them.
    pub fn read(texts: &[&str], now: Timestamp) -> Result<Self, CertificateError> {
        let certificate = Self::parse(texts)?;
        certificate.check_time(now)?;
        Ok(certificate)
    }

    /// As [`ServerCertificate::read`], but whatever the date is.
    ///
    /// # Errors
    /// What is wrong.
    pub fn parse(texts: &[&str]) -> Result<Self, CertificateError> {
        let Parts { chain, key } = parts(texts)?;
        let pair = KeyPair::try_from(&key[..]).map_err(|_| CertificateError::Key)?;
        let mut parsed = Vec::with_capacity(chain.len());
        for (at, der) in chain.iter().enumerate() {
            let (rest, certificate) =
                X509Certificate::from_der(der).map_err(|_| CertificateError::Certificate(at + 1))?;
            if !rest.is_empty() {
                return Err(CertificateError::Certificate(at + 1));
            }
            parsed.push(certificate);
        }
        let first = parsed.first().ok_or(CertificateError::NoCertificate)?;
        check_key(&pair, &parsed)?;
        check_order(&parsed)?;
        check_purpose(first)?;
        let (names, addresses) = names(first)?;
        let [mut not_before, mut not_after] = [Timestamp::MIN, Timestamp::MAX];
        for (at, certificate) in parsed.iter().enumerate() {
            let [from, until] = [certificate.validity().not_before, certificate.validity().not_after]
                .map(|time| Timestamp::from_second(time.timestamp()));
            not_before = not_before.max(from.map_err(|_| CertificateError::Certificate(at + 1))?);
            not_after = not_after.min(until.map_err(|_| CertificateError::Certificate(at + 1))?);
        }
        let fingerprint = Fingerprint::of(&chain[0]);
        let key_fingerprint = Fingerprint::of(first.public_key().raw);
        let self_signed = chain.len() == 1 && first.issuer() == first.subject();
        Ok(Self { names, addresses, not_before, not_after, fingerprint, key_fingerprint, self_signed, key, chain })
    }

    /// Whether it is good now.
    ///
    /// # Errors
    /// When it is not, or not yet.
    pub fn check_time(&self, now: Timestamp) -> Result<(), CertificateError> {
        for (at, der) in self.chain.iter().enumerate() {
            let (_, certificate) = X509Certificate::from_der(der).map_err(|_| CertificateError::Certificate(at + 1))?;
            let [from, until] = [certificate.validity().not_before, certificate.validity().not_after]
                .map(|time| Timestamp::from_second(time.timestamp()).unwrap_or_default());
            if now < from {
                return Err(CertificateError::NotYet { position: at + 1, from });
            }
            if now > until {
                return Err(CertificateError::Expired { position: at + 1, until });
            }
        }
        Ok(())
    }

    /// The certificates in DER, the server's own first.
    #[must_use]
    pub fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// The private key in DER: PKCS #8, or what the operator gave (SEC 1, PKCS #1).
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// The host names it is for.
    #[must_use]
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The addresses it is for.
    #[must_use]
    pub fn addresses(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// From when on the whole chain is good.
    #[must_use]
    pub fn not_before(&self) -> Timestamp {
        self.not_before
    }

    /// Until when the whole chain is good.
    #[must_use]
    pub fn not_after(&self) -> Timestamp {
        self.not_after
    }

    /// The SHA-256 of the server's certificate: what browsers and the console show.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// The SHA-256 of the server's public key (SubjectPublicKeyInfo): what a program remembers, because it stays when the certificate is renewed.
    #[must_use]
    pub fn key_fingerprint(&self) -> Fingerprint {
        self.key_fingerprint
    }

    /// Whether nobody but itself vouches for it.
    #[must_use]
    pub fn is_self_signed(&self) -> bool {
        self.self_signed
    }
}

/// The key is for nobody to see.
impl fmt::Debug for ServerCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("ServerCertificate")
            .field("names", &self.names)
            .field("not_after", &self.not_after)
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// What stands in PEM, in DER.
struct Parts {
    chain: Vec<Vec<u8>>,
    key: Zeroizing<Vec<u8>>,
}

fn parts(texts: &[&str]) -> Result<Parts, CertificateError> {
    if texts.iter().map(|text| text.len()).fold(0, usize::saturating_add) > TEXT_LIMIT {
        return Err(CertificateError::TooLarge);
    }
    let (mut chain, mut key) = (Vec::new(), None);
    for text in texts {
        for part in pem::parse_many(text).map_err(|_| CertificateError::Pem)? {
            match part.tag() {
                "CERTIFICATE" | "X509 CERTIFICATE" if chain.len() == CHAIN_LIMIT => {
                    return Err(CertificateError::TooMany);
                }
                "CERTIFICATE" | "X509 CERTIFICATE" => chain.push(part.into_contents()),
                "ENCRYPTED PRIVATE KEY" => return Err(CertificateError::EncryptedKey),
                "PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY" => {
                    if is_encrypted(&part) {
                        return Err(CertificateError::EncryptedKey);
                    }
                    if key.replace(Zeroizing::new(part.into_contents())).is_some() {
                        return Err(CertificateError::SeveralKeys);
                    }
                }
                // openssl writes the curve before the key.
                "EC PARAMETERS" => {}
                other => return Err(CertificateError::Label(other.chars().take(40).collect())),
            }
        }
    }
    if chain.is_empty() {
        return Err(CertificateError::NoCertificate);
    }
    Ok(Parts { chain, key: key.ok_or(CertificateError::NoKey)? })
}

/// The old way of encrypting keys says so in a header (RFC 1421, section 4.6.1.1).
fn is_encrypted(part: &Pem) -> bool {
    part.headers().get("Proc-Type").is_some_and(|kind| kind.contains("ENCRYPTED"))
}

fn check_key(pair: &KeyPair, chain: &[X509Certificate<'_>]) -> Result<(), CertificateError> {
    let belongs =
        |certificate: &X509Certificate<'_>| certificate.public_key().subject_public_key.data == pair.der_bytes();
    match chain.iter().position(belongs) {
        Some(0) => Ok(()),
        Some(other) => Err(CertificateError::NotFirst(other + 1)),
        None => Err(CertificateError::KeyDoesNotMatch),
    }
}

fn check_order(chain: &[X509Certificate<'_>]) -> Result<(), CertificateError> {
    for (at, pair) in chain.windows(2).enumerate() {
        if pair[0].issuer() != pair[1].subject() {
            return Err(CertificateError::Order(at + 1));
        }
        if pair[0].verify_signature(Some(pair[1].public_key())).is_err() {
            return Err(CertificateError::Signature(at + 1));
        }
    }
    Ok(())
}

fn check_purpose(certificate: &X509Certificate<'_>) -> Result<(), CertificateError> {
    let usage = certificate.extended_key_usage().map_err(|_| CertificateError::Certificate(1))?;
    let fits = usage.is_none_or(|usage| usage.value.server_auth || usage.value.any);
    if fits { Ok(()) } else { Err(CertificateError::Purpose) }
}

fn names(certificate: &X509Certificate<'_>) -> Result<(Vec<String>, Vec<IpAddr>), CertificateError> {
    let extension = certificate.subject_alternative_name().map_err(|_| CertificateError::Certificate(1))?;
    let (mut names, mut addresses) = (Vec::new(), Vec::new());
    for name in extension.iter().flat_map(|extension| &extension.value.general_names) {
        match name {
            GeneralName::DNSName(name) => names.push((*name).to_owned()),
            GeneralName::IPAddress(bytes) => {
                let v4 = <[u8; 4]>::try_from(*bytes).map(IpAddr::from);
                addresses.extend(v4.or_else(|_| <[u8; 16]>::try_from(*bytes).map(IpAddr::from)));
            }
            _ => {}
        }
    }
    if names.is_empty() && addresses.is_empty() { Err(CertificateError::NoNames) } else { Ok((names, addresses)) }
}

//! A certificate that a device makes for itself: ECDSA on P-256, for its names and addresses, not a certification authority.

use std::net::IpAddr;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use pem::Pem;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, SanType, date_time_ymd,
};
use thiserror::Error;
use zeroize::Zeroizing;

/// How long it is good for. Browsers refuse those that are good for longer than 825 days.
pub const LIFETIME: SignedDuration = SignedDuration::from_hours(820 * 24);
/// So long before its end it is renewed, with the same key.
pub const RENEWED_BEFORE: SignedDuration = SignedDuration::from_hours(60 * 24);
/// Clocks of clients may be behind.
const BACKDATED: SignedDuration = SignedDuration::from_hours(24);
/// Addresses that a certificate names at most.
const ADDRESSES: usize = 32;

/// What the device is called, and where it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// The host name: one label, or several.
    pub host: String,
    /// Addresses; the first 32 count.
    pub addresses: Vec<IpAddr>,
}

/// No certificate could be made.
#[derive(Debug, Error)]
pub enum MakeError {
    /// A host name that DNS does not know.
    #[error("{0:?} is no host name, so no certificate can be made for it; give the device another name")]
    Name(String),
    /// Time or randomness.
    #[error("no key or certificate could be made; does the device know the date?")]
    Make(#[source] Option<rcgen::Error>),
}

impl Names {
    /// All names for which a certificate is made: the host's, the one by which multicast DNS finds it, and the device's own for itself.
    #[must_use]
    pub fn dns(&self) -> Vec<String> {
        let host = self.host.trim_end_matches('.').to_ascii_lowercase();
        let local = (!host.contains('.') && host != "localhost").then(|| format!("{host}.local"));
        let own = (host != "localhost").then(|| "localhost".to_owned());
        [host].into_iter().chain(local).chain(own).collect()
    }
}

/// A new key.
///
/// # Errors
/// When the system gives no random numbers.
pub fn new_key() -> Result<KeyPair, MakeError> {
    KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| MakeError::Make(Some(error)))
}

/// Makes a certificate for a key: key and certificate in PEM, in this order.
///
/// # Errors
/// When a name is none, or the clock is absurd.
pub fn make(names: &Names, key: &KeyPair, now: Timestamp) -> Result<Zeroizing<String>, MakeError> {
    let mut parameters = CertificateParams::default();
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, names.host.clone());
    subject.push(DnType::OrganizationName, "Piccolo OS device, self-signed");
    parameters.distinguished_name = subject;
    let (from, until) = (day(now, -BACKDATED)?, day(now, LIFETIME)?);
    parameters.not_before = date_time_ymd(from.0, from.1, from.2);
    parameters.not_after = date_time_ymd(until.0, until.1, until.2);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    for name in names.dns() {
        if !is_host_name(&name) {
            return Err(MakeError::Name(names.host.clone()));
        }
        let name = name.try_into().map_err(|_| MakeError::Name(names.host.clone()))?;
        parameters.subject_alt_names.push(SanType::DnsName(name));
    }
    parameters
        .subject_alt_names
        .extend(names.addresses.iter().take(ADDRESSES).map(|address| SanType::IpAddress(*address)));
    let certificate = parameters.self_signed(key).map_err(|error| MakeError::Make(Some(error)))?;
    let mut text = Zeroizing::new(pem::encode(&Pem::new("PRIVATE KEY", key.serialized_der())));
    text.push_str(&pem::encode(&Pem::new("CERTIFICATE", certificate.der().to_vec())));
    Ok(text)
}

/// The day that is so far away: year, month, day.
fn day(now: Timestamp, away: SignedDuration) -> Result<(i32, u8, u8), MakeError> {
    let date = now.checked_add(away).map_err(|_| MakeError::Make(None))?.to_zoned(TimeZone::UTC).date();
    let [month, day] = [date.month(), date.day()].map(i8::unsigned_abs);
    // Dates of certificates begin with the year 0, and nothing that we run lives in others.
    let known = (1970..4000).contains(&date.year());
    known.then_some((i32::from(date.year()), month, day)).ok_or(MakeError::Make(None))
}

/// RFC 1123, section 2.1.
fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::{MakeError, Names, make, new_key};
    use jiff::Timestamp;

    #[test]
    fn names_are_those_by_which_a_device_is_reached() {
        let names = |host: &str| Names { host: host.to_owned(), addresses: Vec::new() }.dns();
        assert_eq!(names("Kitchen"), ["kitchen", "kitchen.local", "localhost"]);
        assert_eq!(names("kitchen.example.org."), ["kitchen.example.org", "localhost"]);
        assert_eq!(names("localhost"), ["localhost"]);
    }

    #[test]
    fn what_is_no_host_name_gets_no_certificate() {
        let key = new_key().unwrap();
        let now = Timestamp::constant(1_795_262_400, 0);
        for host in ["", "a b", "-a", "*", "a..b", "kü", &"a".repeat(64)] {
            let names = Names { host: host.to_owned(), addresses: Vec::new() };
            assert!(matches!(make(&names, &key, now), Err(MakeError::Name(_))), "{host}");
        }
        let names = Names { host: "kitchen".to_owned(), addresses: Vec::new() };
        assert!(matches!(make(&names, &key, Timestamp::MAX), Err(MakeError::Make(_))));
    }
}

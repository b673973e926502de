//! Fingerprints, as people compare them.

use core::fmt;

use sha2::{Digest, Sha256};

/// A SHA-256, shown as sixteen groups of four digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// Four lines of four groups each, for a console.
    #[must_use]
    pub fn lines(&self) -> [String; 4] {
        let line = |bytes: &[u8]| {
            let groups: Vec<String> = bytes.chunks(2).map(|pair| format!("{:02X}{:02X}", pair[0], pair[1])).collect();
            groups.join(" ")
        };
        core::array::from_fn(|at| line(&self.0[at * 8..at * 8 + 8]))
    }

    /// As `openssl x509 -fingerprint` and browsers show it: pairs of digits with colons.
    #[must_use]
    pub fn colons(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|byte| format!("{byte:02X}")).collect();
        pairs.join(":")
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.lines().join(" "))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn a_fingerprint_is_read_in_groups() {
        // The SHA-256 of nothing.
        let fingerprint = Fingerprint::of(b"");
        assert_eq!(fingerprint.lines()[0], "E3B0 C442 98FC 1C14");
        assert_eq!(fingerprint.lines()[3], "A495 991B 7852 B855");
        assert_eq!(fingerprint.to_string().split(' ').count(), 16);
        assert!(fingerprint.colons().starts_with("E3:B0:C4:42:") && fingerprint.colons().len() == 95);
    }
}

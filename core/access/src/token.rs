//! Secrets that a client presents, and what is kept of them.
//!
//! A token is 256 random bits, written as a prefix, 43 digits of base 62 and a checksum of 6 digits. The prefix lets secret scanners find it where it
//! does not belong, and the checksum spares them the trouble of asking. Of every token only the SHA-256 of its text is kept: there are
//! too many of them to guess, so nothing slower is needed.

use core::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Random bytes of a token.
pub const SECRET_BYTES: usize = 32;
/// 62⁴³ is just above 2²⁵⁶.
const BODY_DIGITS: usize = 43;
/// 62⁶ is above 2³².
const CHECKSUM_DIGITS: usize = 6;
const PREFIX_BYTES: usize = 4;
/// The length of a token's text, in bytes.
pub const TEXT_BYTES: usize = PREFIX_BYTES + BODY_DIGITS + CHECKSUM_DIGITS;

const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// What a token is for. One kind is never taken for another, because the prefix is part of what is hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenKind {
    /// A program's credential.
    Api,
    /// A browser's session, in a cookie.
    Session,
    /// What a page sends along when it changes something.
    Csrf,
    /// What tells a browser in which somebody has logged in before.
    Browser,
    /// What an admin gives to a person who is to become a user.
    Invitation,
}

impl TokenKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Api, Self::Session, Self::Csrf, Self::Browser, Self::Invitation];

    /// The first characters of every token of this kind.
    #[must_use]
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Api => "pic_",
            Self::Session => "pis_",
            Self::Csrf => "pix_",
            Self::Browser => "pib_",
            Self::Invitation => "pii_",
        }
    }
}

/// Random bytes from the operating system, to become a token. Whoever makes one takes care that they are random.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RandomBytes(pub [u8; SECRET_BYTES]);

/// The text of a token. It is shown once and kept nowhere.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct TokenText(String);

/// What is kept of a token: the SHA-256 of its text.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenDigest([u8; 32]);

impl TokenText {
    /// Writes random bytes as a token.
    #[must_use]
    pub fn new(kind: TokenKind, random: &RandomBytes) -> Self {
        let mut number = random.0;
        let mut digits = [b'0'; BODY_DIGITS];
        for digit in digits.iter_mut().rev() {
            *digit = DIGITS[usize::from(divide(&mut number))];
        }
        let mut text = String::with_capacity(TEXT_BYTES);
        text.push_str(kind.prefix());
        text.extend(digits.iter().map(|digit| char::from(*digit)));
        let checksum = checksum(text.as_bytes());
        text.extend(checksum.iter().map(|digit| char::from(*digit)));
        digits.zeroize();
        Self(text)
    }

    /// Takes the text of a token of this kind; nothing if it is none.
    #[must_use]
    pub fn parse(kind: TokenKind, text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.len() != TEXT_BYTES || !text.starts_with(kind.prefix()) {
            return None;
        }
        let (signed, found) = bytes.split_at(PREFIX_BYTES + BODY_DIGITS);
        let fits = fits_in_secret(&signed[PREFIX_BYTES..]) && bool::from(checksum(signed).ct_eq(found));
        fits.then(|| Self(text.to_owned()))
    }

    /// The text, for the one who gets it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is kept of it.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.as_bytes()).into())
    }
}

impl TokenDigest {
    /// To look something up that is no secret itself.
    pub(crate) fn key(&self) -> [u8; 32] {
        self.0
    }
}

impl fmt::Debug for TokenText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}…", self.0.get(..PREFIX_BYTES).unwrap_or_default())
    }
}

impl fmt::Debug for RandomBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RandomBytes(…)")
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "TokenDigest({}…)", hex::encode(&self.0[..4]))
    }
}

/// Takes as long whatever the difference is.
impl PartialEq for TokenDigest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenDigest {}

impl TryFrom<String> for TokenDigest {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| "a digest has 64 hexadecimal digits")?;
        Ok(Self(bytes))
    }
}

impl From<TokenDigest> for String {
    fn from(digest: TokenDigest) -> Self {
        hex::encode(digest.0)
    }
}

/// Divides a big-endian number by 62 and gives what remains.
fn divide(number: &mut [u8; SECRET_BYTES]) -> u8 {
    let mut remainder = 0_u16;
    for byte in number {
        let value = remainder << 8 | u16::from(*byte);
        // The remainder is below 62, so the quotient is below 256.
        *byte = (value / 62) as u8;
        remainder = value % 62;
    }
    remainder as u8
}

/// Whether digits are a number below 2²⁵⁶.
fn fits_in_secret(digits: &[u8]) -> bool {
    let mut number = [0_u8; SECRET_BYTES];
    for digit in digits {
        let Some(value) = DIGITS.iter().position(|known| known == digit) else { return false };
        let mut carry = value as u16;
        for byte in number.iter_mut().rev() {
            let sum = u16::from(*byte) * 62 + carry;
            *byte = sum as u8;
            carry = sum >> 8;
        }
        if carry != 0 {
            return false;
        }
    }
    number.zeroize();
    true
}

/// CRC-32 (ISO 3309) in base 62.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM_DIGITS] {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
        }
    }
    let mut rest = !crc;
    let mut digits = [b'0'; CHECKSUM_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = DIGITS[(rest % 62) as usize];
        rest /= 62;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::{RandomBytes, TEXT_BYTES, TokenKind, TokenText, checksum};
    use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};

    #[test]
    fn the_text_of_a_token_is_as_documented() {
        let token = TokenText::new(TokenKind::Api, &RandomBytes([0; 32]));
        assert_eq!(token.reveal(), "pic_00000000000000000000000000000000000000000003vckfA");
        let token = TokenText::new(TokenKind::Session, &RandomBytes([255; 32]));
        assert_eq!(token.reveal(), "pis_yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp11G8iuk");
        let token = TokenText::new(TokenKind::Api, &RandomBytes(core::array::from_fn(|at| at as u8)));
        assert_eq!(token.reveal(), "pic_003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf4bg9y4");
        // The check value of CRC-32 is 0xcbf43926.
        assert_eq!(checksum(b"123456789"), *b"3jZRME");
    }

    #[test]
    fn what_is_kept_of_a_token_is_the_sha256_of_its_text() {
        let token = TokenText::new(TokenKind::Api, &RandomBytes([7; 32]));
        let expected = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(token.reveal()));
        assert_eq!(String::from(token.digest()), expected);
    }

    #[test]
    fn no_output_for_people_who_debug_shows_a_token() {
        let token = TokenText::new(TokenKind::Api, &RandomBytes([7; 32]));
        assert_eq!(format!("{token:?}"), "pic_…");
        assert!(!format!("{:?}", token.digest()).contains(&String::from(token.digest())));
        assert_eq!(format!("{:?}", RandomBytes([7; 32])), "RandomBytes(…)");
    }

    #[test]
    fn numbers_that_no_secret_has_are_refused() {
        let mut text = format!("pic_{}", "z".repeat(43));
        let digits = checksum(text.as_bytes());
        text.push_str(std::str::from_utf8(&digits).unwrap());
        assert_eq!(text.len(), TEXT_BYTES);
        assert!(TokenText::parse(TokenKind::Api, &text).is_none());
    }

    proptest! {
        #[test]
        fn every_token_can_be_read_as_its_kind_and_as_no_other(random: [u8; 32]) {
            for kind in TokenKind::ALL {
                let token = TokenText::new(kind, &RandomBytes(random));
                for other in TokenKind::ALL {
                    prop_assert_eq!(TokenText::parse(other, token.reveal()).is_some(), kind == other);
                }
            }
        }

        #[test]
        fn a_slip_of_one_character_is_noticed(random: [u8; 32], at in 0..TEXT_BYTES, with in any::<u8>()) {
            let token = TokenText::new(TokenKind::Api, &RandomBytes(random));
            let mut bytes = token.reveal().as_bytes().to_vec();
            let changed = with % 128;
            let same = bytes[at] == changed;
            bytes[at] = changed;
            let text = String::from_utf8(bytes).unwrap();
            prop_assert!(same == TokenText::parse(TokenKind::Api, &text).is_some());
        }

        #[test]
        fn any_text_is_refused_or_a_token(text: String) {
            for kind in TokenKind::ALL {
                if let Some(token) = TokenText::parse(kind, &text) {
                    prop_assert_eq!(token.reveal(), text.as_str());
                }
            }
        }
    }
}

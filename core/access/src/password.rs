//! What may be a password: NIST SP 800-63B-4, section 3.1.1.2.
//!
//! A password alone lets somebody in, so it has at least 15 characters. Nothing is asked of which characters these are, nothing expires, and nothing
//! is cut off. What attackers try first is refused.

use core::fmt;

use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::name::UserName;

/// The fewest characters of a new password.
pub const SHORTEST: usize = 15;
/// The most characters of a password.
pub const LONGEST: usize = 256;
/// Characters that must remain once everything that attackers try first is taken out.
const UNFORESEEN: usize = 5;
/// Fewer different characters are no secret.
const DIFFERENT: usize = 5;

/// What stands in every list of passwords that attackers try, and is so often part of longer ones.
const TRIED_FIRST: [&str; 32] = [
    "password",
    "passwort",
    "passw0rd",
    "passphrase",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwerty",
    "azerty",
    "qwertz",
    "iloveyou",
    "letmein",
    "welcome",
    "administrator",
    "admin",
    "changeme",
    "default",
    "secret",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "sunshine",
    "princess",
    "superman",
    "trustno1",
    "correcthorsebatterystaple",
    "homelab",
    "server",
    "piccolo",
    "login",
    "1q2w3e4r",
];

/// A password as it is hashed: normalised (NFKC), so that it is the same whichever keyboard wrote it. It is forgotten after use.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Password(String);

/// Why a text cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PasswordError {
    /// Too few characters.
    #[error(
        "the password has {0} characters and needs at least {SHORTEST}; four or five words are long enough and easy to remember"
    )]
    Short(usize),
    /// Too many characters.
    #[error("the password has more than {LONGEST} characters")]
    Long,
    /// Something that cannot be typed.
    #[error("the password contains a character that cannot be typed, such as a line break")]
    Control,
    /// Nearly nothing but what attackers try first.
    #[error("the password consists of words and rows of characters that attackers try first; put other words into it")]
    Foreseen,
}

impl Password {
    /// A password that somebody presents: it only has to be one that could have been chosen.
    ///
    /// # Errors
    /// When it is too long, or contains control characters.
    pub fn presented(text: &str) -> Result<Self, PasswordError> {
        // A character has up to four bytes: what is longer than that is not even normalised.
        if text.len() > LONGEST * 4 || text.chars().count() > LONGEST {
            return Err(PasswordError::Long);
        }
        if text.chars().any(char::is_control) {
            return Err(PasswordError::Control);
        }
        Ok(Self(text.nfkc().collect()))
    }

    /// A password that somebody wants to have from now on.
    ///
    /// # Errors
    /// When it is none that protects anything.
    pub fn chosen(text: &str, context: Context<'_>) -> Result<Self, PasswordError> {
        let password = Self::presented(text)?;
        // One character can become eighteen by being normalised, and is still no more than one to a person.
        let characters = password.0.chars().count().min(text.chars().count());
        if characters < SHORTEST {
            return Err(PasswordError::Short(characters));
        }
        if is_foreseen(&password.0, context) {
            return Err(PasswordError::Foreseen);
        }
        Ok(password)
    }

    /// What is hashed.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// What an attacker knows besides.
#[derive(Debug, Clone, Copy)]
pub struct Context<'c> {
    /// Whose password it is.
    pub user: &'c UserName,
    /// The name of the device.
    pub device: &'c str,
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Password(…)")
    }
}

fn is_foreseen(password: &str, context: Context<'_>) -> bool {
    let mut rest = Zeroizing::new(password.to_lowercase());
    let mut different: Zeroizing<Vec<char>> = Zeroizing::new(rest.chars().collect());
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT {
        return true;
    }
    // The names come first: a word of the list may be a part of them.
    let known = [context.device, context.user.as_str()].into_iter().chain(TRIED_FIRST).map(str::to_lowercase);
    // A word of one or two letters is in everything.
    for word in known.filter(|word| word.chars().count() > 2) {
        rest = Zeroizing::new(rest.replace(&word, " "));
    }
    let characters: Zeroizing<Vec<char>> = Zeroizing::new(rest.chars().collect());
    let unforeseen = (0..characters.len())
        .filter(|at| characters[*at].is_alphanumeric() && !continues_a_row(&characters, *at))
        .count();
    unforeseen < UNFORESEEN || is_repetition(password)
}

/// Whether a character is the same as the one before it, or the next or previous one of the alphabet: `aaaa`, `1234`, `zyx`.
fn continues_a_row(characters: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| characters.get(before));
    before.is_some_and(|before| u32::from(*before).abs_diff(u32::from(characters[at])) <= 1)
}

/// Whether the whole is one short text again and again.
fn is_repetition(password: &str) -> bool {
    let characters: Zeroizing<Vec<char>> = Zeroizing::new(password.chars().collect());
    (1..=8).any(|length| {
        characters.len() >= 2 * length
            && characters.iter().zip(characters.iter().skip(length)).all(|(one, other)| one == other)
    })
}

#[cfg(test)]
mod tests {
    use super::{Context, LONGEST, Password, PasswordError};
    use crate::name::UserName;
    use proptest::prelude::{prop_assert, proptest};

    fn choose(text: &str) -> Result<Password, PasswordError> {
        let user = UserName::new("marianne").unwrap();
        Password::chosen(text, Context { user: &user, device: "kitchen-server" })
    }

    #[test]
    fn length_counts_and_composition_does_not() {
        for good in [
            "five small green rivers",
            "ÄÖÜ ist kein Wetter",
            "xq7nm2vbk9tw4zp",
            "旅行計画を立てる前に地図を見てから出発",
        ] {
            choose(good).unwrap();
        }
        assert_eq!(choose("Sh0rt!").unwrap_err(), PasswordError::Short(6));
        assert_eq!(choose(&"ä".repeat(14)).unwrap_err(), PasswordError::Short(14));
        assert_eq!(choose("\u{fdfa}").unwrap_err(), PasswordError::Short(1), "a ligature of eighteen letters");
    }

    #[test]
    fn what_attackers_try_first_is_refused() {
        for bad in [
            "passwordpassword",
            "Password12345678",
            "qwertyuiop123456",
            "aaaaaaaaaaaaaaaaaaaa",
            "abcabcabcabcabcabc",
            "marianne-marianne-1",
            "KITCHEN-SERVER-2026",
            "correcthorsebatterystaple",
            "123456789012345678",
            "zyxwvutsrqponmlk",
        ] {
            assert_eq!(choose(bad).unwrap_err(), PasswordError::Foreseen, "{bad}");
        }
    }

    #[test]
    fn a_password_is_the_same_however_it_was_typed() {
        let composed = Password::presented("caf\u{e9} au lait, sans sucre").unwrap();
        let decomposed = Password::presented("cafe\u{301} au lait, sans sucre").unwrap();
        assert_eq!(composed, decomposed);
        assert_eq!(format!("{composed:?}"), "Password(…)");
    }

    #[test]
    fn nothing_is_cut_off() {
        Password::presented(&"x".repeat(LONGEST)).unwrap();
        assert_eq!(Password::presented(&"x".repeat(LONGEST + 1)).unwrap_err(), PasswordError::Long);
        assert_eq!(Password::presented("one\nother").unwrap_err(), PasswordError::Control);
    }

    proptest! {
        #[test]
        fn any_text_is_answered_and_what_was_chosen_can_be_presented(text in ".{0,300}") {
            if let Ok(chosen) = choose(&text) {
                prop_assert!(Password::presented(&text).unwrap() == chosen);
            }
        }
    }
}

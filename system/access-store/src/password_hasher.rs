//! Argon2id, for one password at a time: each takes 19 MiB, and a device may have 2 GiB for everything.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use access::password::Password;
use access::password_hash::{Cost, HASH_BYTES, PasswordHash, SALT_BYTES};
use access::state::{LoginTicket, PasswordCheck};
use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroize;

use crate::random;

/// How many may wait for their turn. Each waits in a thread, and a login takes a fraction of a second.
pub const WAITING: usize = 4;

/// A password was not hashed.
#[derive(Debug, Error)]
pub enum HashError {
    /// Too many wait already.
    #[error("too many passwords are being checked; try again in a few seconds")]
    Busy,
    /// The parameters of a hash are none that Argon2 takes.
    #[error("the hash of the password has parameters that cannot be used")]
    Cost,
    /// There is no salt.
    #[error("the operating system gives no random bytes")]
    Random(#[source] io::Error),
}

/// Hashes and compares passwords. Share one among all threads.
#[derive(Debug, Default)]
pub struct PasswordHasher {
    waiting: AtomicUsize,
    turn: Mutex<()>,
}

impl PasswordHasher {
    /// Hashes a password that somebody has chosen, with a new salt. Blocks for tens of milliseconds, and while others have their turn.
    ///
    /// # Errors
    /// When too many wait.
    pub fn hash(&self, password: &Password) -> Result<PasswordHash, HashError> {
        let _turn = self.turn()?;
        let salt = random::bytes::<SALT_BYTES>().map_err(HashError::Random)?;
        Ok(PasswordHash::new(Cost::CURRENT, salt, argon2id(password, Cost::CURRENT, &salt)?))
    }

    /// Compares the password of a login with what is kept. Takes as long if there is no such user.
    #[must_use]
    pub fn check(&self, ticket: &LoginTicket) -> PasswordCheck {
        match self.verify(ticket.password(), ticket.hash()) {
            Ok(true) => PasswordCheck::Right,
            Ok(false) => PasswordCheck::Wrong,
            Err(_) => PasswordCheck::NotChecked,
        }
    }

    /// Whether a password has this hash; if there is none, it never has.
    ///
    /// # Errors
    /// When too many wait.
    pub fn verify(&self, password: &Password, hash: Option<&PasswordHash>) -> Result<bool, HashError> {
        let _turn = self.turn()?;
        let nobody = PasswordHash::new(Cost::CURRENT, [0; SALT_BYTES], [0; HASH_BYTES]);
        let expected = hash.unwrap_or(&nobody);
        let mut computed = argon2id(password, expected.cost(), expected.salt())?;
        let same: bool = computed.ct_eq(expected.hash()).into();
        computed.zeroize();
        Ok(same && hash.is_some())
    }

    fn turn(&self) -> Result<Turn<'_>, HashError> {
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let place = Place(&self.waiting);
        if before > WAITING {
            return Err(HashError::Busy);
        }
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Turn { _turn: turn, _place: place })
    }
}

/// One that waits or has its turn; leaves when dropped.
struct Place<'w>(&'w AtomicUsize);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Turn<'w> {
    _turn: MutexGuard<'w, ()>,
    _place: Place<'w>,
}

/// RFC 9106. The memory is cleared and given back each time: it would be most of what the daemon has when nobody logs in.
fn argon2id(password: &Password, cost: Cost, salt: &[u8; SALT_BYTES]) -> Result<[u8; HASH_BYTES], HashError> {
    let Cost { memory, passes, lanes } = cost;
    let parameters = Params::new(memory, passes, lanes, Some(HASH_BYTES)).map_err(|_| HashError::Cost)?;
    let mut hash = [0; HASH_BYTES];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(password.bytes(), salt, &mut hash)
        .map_err(|_| HashError::Cost)?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::{HashError, PasswordHasher, WAITING, argon2id};
    use access::password::Password;
    use access::password_hash::{Cost, PasswordHash};
    use std::sync::atomic::Ordering;

    fn password(text: &str) -> Password {
        Password::presented(text).unwrap()
    }

    #[test]
    fn a_password_is_recognised_and_no_other() {
        let hasher = PasswordHasher::default();
        let right = password("five small green rivers");
        let hash = hasher.hash(&right).unwrap();
        assert_eq!(hash.cost(), Cost::CURRENT);
        assert!(hasher.verify(&right, Some(&hash)).unwrap());
        assert!(!hasher.verify(&password("five small green river"), Some(&hash)).unwrap());
        assert!(!hasher.verify(&right, None).unwrap());
        assert_ne!(hasher.hash(&right).unwrap(), hash, "the salt is another each time");
    }

    #[test]
    fn hashes_are_those_that_the_reference_program_makes() {
        // printf '%s' 'five small green rivers' | argon2 somesaltsomesalt -id -v 13 -t 2 -k 19456 -p 1 -l 32 -e
        let made: PasswordHash =
            "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$mt2zIqKtGT+KmAEVF3JR5WXgqNMLHAAxlQhCjG5Z7mg"
                .parse()
                .unwrap();
        let hash = argon2id(&password("five small green rivers"), Cost::CURRENT, b"somesaltsomesalt").unwrap();
        assert_eq!(PasswordHash::new(Cost::CURRENT, *b"somesaltsomesalt", hash), made);
    }

    #[test]
    fn whoever_comes_when_enough_wait_is_turned_away() {
        let hasher = PasswordHasher::default();
        let first = hasher.turn().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..WAITING {
                scope.spawn(|| drop(hasher.turn().unwrap()));
            }
            while hasher.waiting.load(Ordering::Relaxed) < WAITING + 1 {
                std::thread::yield_now();
            }
            assert!(matches!(hasher.turn(), Err(HashError::Busy)));
            drop(first);
        });
        assert_eq!(hasher.waiting.load(Ordering::Relaxed), 0);
        drop(hasher.turn().unwrap());
    }
}

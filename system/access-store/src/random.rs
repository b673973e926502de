//! Random bytes of the operating system.

use std::io;

use access::state::LoginRandom;
use access::token::RandomBytes;
use rustix::rand::{GetRandomFlags, getrandom};

/// Fills an array. Early at boot it waits until the kernel has enough; after that it never fails.
///
/// # Errors
/// When the kernel has no `getrandom`, or a filter of system calls forbids it.
pub fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        match getrandom(&mut bytes[filled..], GetRandomFlags::empty()) {
            Ok(count) => filled += count,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(bytes)
}

/// For a token.
///
/// # Errors
/// As [`bytes`].
pub fn token() -> io::Result<RandomBytes> {
    bytes().map(RandomBytes)
}

/// For a login.
///
/// # Errors
/// As [`bytes`].
pub fn login() -> io::Result<LoginRandom> {
    Ok(LoginRandom { session: token()?, csrf: token()?, browser: token()? })
}

#[cfg(test)]
mod tests {
    use super::{bytes, login};

    #[test]
    fn no_two_are_the_same() {
        assert_ne!(bytes::<32>().unwrap(), bytes::<32>().unwrap());
        let login = login().unwrap();
        assert_ne!(login.session.0, login.csrf.0);
        // A buffer that was not filled to its end would show it here sooner or later.
        assert!((0..64).any(|_| bytes::<300>().unwrap()[299] != 0));
    }
}

//! How a device calls itself at a lock manager.

use sha2::{Digest, Sha256};

/// The application that ids are made for: Zincati's, so that lock managers that find a machine by the id of its Zincati find ours, too.
const APPLICATION: [u8; 16] =
    [0xde, 0x35, 0x10, 0x6b, 0x6e, 0xc2, 0x46, 0x88, 0xb6, 0x3a, 0xfd, 0xda, 0xa1, 0x56, 0x67, 0x9b];
/// Bytes of a block of SHA-256.
const BLOCK: usize = 64;

/// The id of the device with this machine id (machine-id(5): 32 hexadecimal digits); nothing if it is none. The same at every request, and the machine id
/// does not follow from it: `systemd-id128 machine-id --app-specific=de35106b6ec24688b63afddaa156679b` prints the same.
#[must_use]
pub fn device_id(machine_id: &str) -> Option<String> {
    let digits = machine_id.trim();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    let mut key = [0; 16];
    for (index, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    let mut id = [0; 16];
    id.copy_from_slice(hmac_sha256(key, &APPLICATION).get(..16)?);
    // The version and variant of a random UUID (RFC 9562 section 5.4), as sd_id128_get_machine_app_specific(3) marks them.
    id[6] = (id[6] & 0x0f) | 0x40;
    id[8] = (id[8] & 0x3f) | 0x80;
    Some(id.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// HMAC (RFC 2104) with a key that is shorter than a block.
fn hmac_sha256(key: [u8; 16], message: &[u8]) -> [u8; 32] {
    let padded = |with: u8| {
        let mut block = [with; BLOCK];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        block
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(message).finalize();
    Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize().into()
}

#[cfg(test)]
mod tests {
    use super::device_id;

    #[test]
    fn ids_are_those_that_systemd_makes() {
        let known = "583627a932274834a8ebd99f4ed41c0d";
        assert_eq!(device_id("0123456789abcdef0123456789abcdef\n").as_deref(), Some(known));
        for bad in ["", "uninitialized", "0123456789abcdef0123456789abcdeg", "0123456789abcdef0123456789abcdef0"] {
            assert_eq!(device_id(bad), None, "{bad:?}");
        }
    }
}

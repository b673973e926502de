//! A device's place in every rollout.

use release_metadata::share::{Share, ShareError};
use sha2::{Digest, Sha256};

/// The wariness of a device that nobody gave one: spread evenly over the fleet, and always the same for the same device. `device`
/// is an identifier that is made for this purpose (systemd's `sd_id128_get_machine_app_specific`), so that a server learns nothing else from it.
///
/// It is the first 64 bits of SHA-256 of the identifier as a share of 2⁶⁴, and never 0: that would be a canary.
#[must_use]
pub fn of_device(device: &[u8; 16]) -> Share {
    let [a, b, c, d, e, f, g, h, ..] = <[u8; 32]>::from(Sha256::digest(device));
    let scaled = u64::from_be_bytes([a, b, c, d, e, f, g, h]) as f64 / u64::MAX as f64;
    Share::new(scaled.clamp(0.000_001, 1.0)).unwrap_or(Share::ALL)
}

/// An identifier for [`of_device`] that tells nothing about the machine id (machine-id(5)) it is made from.
#[must_use]
pub fn identifier(machine_id: &str) -> [u8; 16] {
    let digest = Sha256::new().chain_update(b"Piccolo OS: place in rollouts\0").chain_update(machine_id).finalize();
    std::array::from_fn(|index| digest[index])
}

/// The wariness that a Cincinnati client sent (`rollout_wariness=`): a number, taken to its nearest limit if it is outside 0 to 1.
///
/// # Errors
/// When it is not a number.
pub fn of_query(text: &str) -> Result<Share, ShareError> {
    // Longer than any number that a client writes.
    if text.len() > 64 {
        return Err(ShareError);
    }
    let number: f64 = text.parse().map_err(|_not_a_number| ShareError)?;
    if number.is_nan() { Err(ShareError) } else { Share::new(number.clamp(0.0, 1.0)) }
}

#[cfg(test)]
mod tests {
    use release_metadata::share::Share;

    use super::{of_device, of_query};

    #[test]
    fn devices_spread_evenly() {
        let mut tenths = [0; 10];
        for number in 0..10_000u128 {
            let share = of_device(&number.to_be_bytes()).get();
            assert!(share > 0.0);
            tenths[((share * 10.0) as usize).min(9)] += 1;
        }
        assert!(tenths.iter().all(|count| (900..1100).contains(count)), "{tenths:?}");
    }

    #[test]
    fn a_device_keeps_its_place() {
        // SHA-256 of 16 zero bytes begins with 374708fff7719dd5.
        let expected = 0x3747_08ff_f771_9dd5_u64 as f64 / u64::MAX as f64;
        assert!((of_device(&[0; 16]).get() - expected).abs() < 1e-12);
    }

    #[test]
    fn a_query_is_taken_to_the_nearest_limit() {
        assert_eq!(of_query("0.5"), Share::new(0.5));
        assert_eq!(of_query("-3"), Ok(Share::NONE));
        assert_eq!(of_query("inf"), Ok(Share::ALL));
        assert!(of_query("NaN").is_err());
        assert!(of_query("often").is_err());
        assert!(of_query("").is_err());
    }
}

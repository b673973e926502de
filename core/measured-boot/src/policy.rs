//! What a PCR signature signs: the TPM policy that is met while a PCR has a value.

use crate::bank::{Bank, Digest};
use crate::pcr::PcrIndex;

/// `TPM_CC_PolicyPCR` (TPM 2.0 Library, part 2, section 6.5.2).
const POLICY_PCR: u32 = 0x0000_017f;

/// The SHA-256 policy digest after `TPM2_PolicyPCR` for one PCR of this value, in the bank of the value's algorithm (TPM 2.0 Library,
/// part 3, section 23.7). It is the `pol` of systemd-measure(1), and what the key in `.pcrpkey` signs for `.pcrsig`.
pub fn pcr_policy(index: PcrIndex, value: &Digest) -> Digest {
    // TPML_PCR_SELECTION: one bank, a bitmap of three bytes.
    let mut selection = vec![0, 0, 0, 1];
    selection.extend_from_slice(&algorithm(value.bank()).to_be_bytes());
    selection.push(3);
    let mut bitmap = [0_u8; 3];
    bitmap[usize::from(index.number() / 8)] = 1 << (index.number() % 8);
    selection.extend_from_slice(&bitmap);

    let empty_policy = Bank::Sha256.zero();
    let values = Bank::Sha256.hash(value.as_bytes());
    let parts = [empty_policy.as_bytes(), &POLICY_PCR.to_be_bytes(), &selection, values.as_bytes()];
    Bank::Sha256.hash_parts(&parts)
}

/// `TPM_ALG_ID` of the bank (TPM 2.0 Library, part 2, section 6.3).
fn algorithm(bank: Bank) -> u16 {
    match bank {
        Bank::Sha1 => 0x0004,
        Bank::Sha256 => 0x000b,
        Bank::Sha384 => 0x000c,
        Bank::Sha512 => 0x000d,
    }
}

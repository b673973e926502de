//! Predicts the PCR values that a boot will measure.
//!
//! systemd-stub measures the sections of a unified kernel image into PCR 11, and systemd-pcrphase extends the same PCR with a word
//! per phase of the boot. Nothing else writes to it, so its value at every phase is known when the image is built: a key sealed to
//! a signature of those values survives every update. [`BootPrediction::of`] calculates them all; [`BootImage`] chooses the sections
//! as the stub does; [`Pcr`] is the arithmetic; [`pcr_policy`] is what gets signed.
//!
//! Checked against systemd-measure(1) and systemd-stub(7) of systemd 257.

mod bank;
mod boot_image;
mod pcr;
mod phase;
mod policy;
mod prediction;

pub use bank::{Bank, BankError, Digest, DigestError};
pub use boot_image::{BootImage, BootImageError};
pub use pcr::{Pcr, PcrIndex, WrongBank};
pub use phase::{BootPhase, PhaseError, PhasePath};
pub use policy::pcr_policy;
pub use prediction::{BootPrediction, PhasePrediction, ProfilePrediction};

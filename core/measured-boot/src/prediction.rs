//! All PCR 11 values of an image as one serialisable value.

use std::collections::BTreeMap;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use unified_kernel_image::Section;

use crate::bank::{Bank, Digest};
use crate::boot_image::{BootImage, BootImageError, SectionHashes};
use crate::pcr::PcrIndex;
use crate::phase::PhasePath;

/// What every profile of an image leads to, shown by `piccolo inspect` and published with a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BootPrediction {
    /// The PCR that all digests are values of.
    pub pcr: PcrIndex,
    /// One entry per profile, in the order of their numbers.
    pub profiles: Vec<ProfilePrediction>,
}

/// What a boot of one profile leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfilePrediction {
    /// Number of the profile; 0 is booted by default.
    pub profile: usize,
    /// `ID=` of its `.profile` section.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// One entry per phase asked for.
    pub phases: Vec<PhasePrediction>,
}

/// The values at one phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhasePrediction {
    /// How far the boot has come.
    pub phase: PhasePath,
    /// The PCR's value in each bank.
    #[serde(deserialize_with = "digests_of_their_banks")]
    pub digests: BTreeMap<Bank, Digest>,
}

impl BootPrediction {
    /// Predicts PCR 11 of every profile, phase and bank for an image of these sections in file order. Each section is hashed
    /// once per bank, however many profiles share it.
    ///
    /// # Errors
    /// [`BootImageError`] where a profile cannot boot or depends on the hardware.
    pub fn of(sections: &[Section<'_>], banks: &[Bank], phases: &[PhasePath]) -> Result<Self, BootImageError> {
        let image = BootImage::new(sections);
        let unmeasured = |phase: &PhasePath| PhasePrediction { phase: phase.clone(), digests: BTreeMap::new() };
        let mut profiles: Vec<ProfilePrediction> = (0..image.profile_count())
            .map(|profile| ProfilePrediction {
                profile,
                id: image.profile_text(profile).and_then(profile_id),
                phases: phases.iter().map(unmeasured).collect(),
            })
            .collect();
        for bank in banks {
            let mut hashes = SectionHashes::new(*bank);
            for prediction in &mut profiles {
                let started = image.kernel_boot_pcr_with(&mut hashes, prediction.profile)?;
                for at_phase in &mut prediction.phases {
                    let mut pcr = started;
                    at_phase.phase.measure_into(&mut pcr);
                    at_phase.digests.insert(*bank, pcr.value());
                }
            }
        }
        Ok(Self { pcr: PcrIndex::KERNEL_BOOT, profiles })
    }

    /// The predicted value, where it was asked for.
    pub fn digest(&self, profile: usize, phase: &PhasePath, bank: Bank) -> Option<Digest> {
        let of_profile = self.profiles.iter().find(|prediction| prediction.profile == profile)?;
        let at_phase = of_profile.phases.iter().find(|prediction| prediction.phase == *phase)?;
        at_phase.digests.get(&bank).copied()
    }
}

fn digests_of_their_banks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Bank, Digest>, D::Error> {
    let digests = BTreeMap::<Bank, Digest>::deserialize(deserializer)?;
    match digests.iter().find(|(bank, digest)| digest.bank() != **bank) {
        Some((bank, digest)) => Err(D::Error::custom(format!("a {} digest stands for bank {bank}", digest.bank()))),
        None => Ok(digests),
    }
}

/// The value of `ID=` in text that follows os-release(5). The text may be hostile, so only a plain name is taken.
fn profile_id(text: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(text).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix("ID="))?;
    let id = value.trim_matches(['"', '\'']);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (!id.is_empty() && id.len() <= 64 && id.bytes().all(is_plain)).then(|| id.to_owned())
}

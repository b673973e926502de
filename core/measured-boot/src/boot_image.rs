//! What systemd-stub measures of an image: `find_sections` and `measure_sections` of systemd's `src/boot/stub.c`.

use std::collections::BTreeMap;
use std::ops::Range;

use thiserror::Error;
use unified_kernel_image::{Section, SectionName};

use crate::bank::{Bank, Digest};
use crate::pcr::{Pcr, PcrIndex};

/// The sections of an image in file order, divided into the base and the profiles that override it.
#[derive(Debug, Clone)]
pub struct BootImage<'s> {
    sections: &'s [Section<'s>],
    /// Where the sections of each profile lie; its `.profile` is the first of them.
    profiles: Vec<Range<usize>>,
}

/// Why a boot of an image cannot be predicted.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum BootImageError {
    /// The stub would refuse to start.
    #[error("the image has no .linux section for profile {profile}, so it cannot boot")]
    NoLinux {
        /// The profile.
        profile: usize,
    },
    /// No such profile.
    #[error("the image has no profile {profile}; it has {count}, counted from 0")]
    NoProfile {
        /// The profile asked for.
        profile: usize,
        /// Profiles there are.
        count: usize,
    },
    /// The stub measures the device tree that fits the machine.
    #[error(
        "profile {profile} has a .dtbauto section, which the stub uses and measures only on hardware it fits; \
         what such a boot measures cannot be predicted for every machine"
    )]
    DependsOnHardware {
        /// The profile.
        profile: usize,
    },
}

impl<'s> BootImage<'s> {
    /// Divides sections in file order at every `.profile`, which belongs to the profile it starts.
    pub fn new(sections: &'s [Section<'s>]) -> Self {
        let is_start = |index: &usize| sections[*index].name == SectionName::Profile;
        let starts: Vec<usize> = (0..sections.len()).filter(is_start).collect();
        let ends = starts.iter().skip(1).copied().chain([sections.len()]);
        let profiles = starts.iter().zip(ends).map(|(start, end)| *start..end).collect();
        Self { sections, profiles }
    }

    /// How many profiles can be booted. An image without `.profile` has one.
    pub fn profile_count(&self) -> usize {
        self.profiles.len().max(1)
    }

    /// The content of a profile's `.profile` section.
    pub fn profile_text(&self, profile: usize) -> Option<&'s [u8]> {
        let range = self.profiles.get(profile)?;
        Some(self.sections[range.start].content.as_ref())
    }

    /// The sections a boot of `profile` uses, in the stub's canonical order: of each name the profile's first, or else the base's
    /// first. Sections without content do not exist for the stub, but a profile's empty section still hides the base's.
    ///
    /// # Errors
    /// [`BootImageError`] where the stub would not boot or would decide by the hardware.
    pub fn boot_sections(&self, profile: usize) -> Result<Vec<&'s Section<'s>>, BootImageError> {
        let chosen = self.boot_section_indices(profile)?;
        Ok(chosen.into_iter().map(|index| &self.sections[index]).collect())
    }

    /// PCR 11 when a boot of `profile` starts the kernel: the name of every section with a NUL byte, then its content.
    ///
    /// # Errors
    /// Those of [`Self::boot_sections`].
    pub fn kernel_boot_pcr(&self, profile: usize, bank: Bank) -> Result<Pcr, BootImageError> {
        self.kernel_boot_pcr_with(&mut SectionHashes::new(bank), profile)
    }

    /// As [`Self::kernel_boot_pcr`], sharing the hashes of the sections among profiles.
    pub(crate) fn kernel_boot_pcr_with(
        &self,
        hashes: &mut SectionHashes,
        profile: usize,
    ) -> Result<Pcr, BootImageError> {
        let mut pcr = Pcr::reset(PcrIndex::KERNEL_BOOT, hashes.bank);
        for index in self.boot_section_indices(profile)? {
            let section = &self.sections[index];
            if section.name.is_measured() {
                pcr.measure(format!("{}\0", section.name).as_bytes());
                let hash = hashes.of(index, section);
                pcr.extend(&hash).expect("invariant: the hash is of the PCR's bank");
            }
        }
        Ok(pcr)
    }

    fn boot_section_indices(&self, profile: usize) -> Result<Vec<usize>, BootImageError> {
        let count = self.profile_count();
        if profile >= count {
            return Err(BootImageError::NoProfile { profile, count });
        }
        let base_end = self.profiles.first().map_or(self.sections.len(), |first| first.start);
        let of_profile = self.profiles.get(profile).cloned().unwrap_or_default();
        let mut chosen: BTreeMap<SectionName, usize> = BTreeMap::new();
        for index in of_profile.chain(0..base_end) {
            chosen.entry(self.sections[index].name).or_insert(index);
        }
        chosen.retain(|_, index| !self.sections[*index].content.is_empty());
        if chosen.contains_key(&SectionName::AutomaticDeviceTree) {
            return Err(BootImageError::DependsOnHardware { profile });
        }
        if !chosen.contains_key(&SectionName::Linux) {
            return Err(BootImageError::NoLinux { profile });
        }
        Ok(chosen.into_values().collect())
    }
}

/// Hashes of an image's sections in one bank, by their position. Profiles share the kernel and the initrd, which are large.
pub(crate) struct SectionHashes {
    bank: Bank,
    known: BTreeMap<usize, Digest>,
}

impl SectionHashes {
    pub(crate) fn new(bank: Bank) -> Self {
        Self { bank, known: BTreeMap::new() }
    }

    fn of(&mut self, index: usize, section: &Section<'_>) -> Digest {
        *self.known.entry(index).or_insert_with(|| self.bank.hash(&section.content))
    }
}

//! PE files: unified kernel images, boot loaders, kernels.

use super::Options;
use super::initrd::Initrd;
use super::release::OsRelease;
use super::text::{Text, plain};
use crate::report::human_bytes;
use disk_layout::root_hash::RootHash;
use measured_boot::{Bank, BootPrediction, PhasePath};
use serde::Serialize;
use unified_kernel_image::{LinuxImage, PeError, PeImage, Section, SectionDescription, SectionName};

/// Largest PE file read into memory, in bytes. Firmware of small devices would not load more.
pub const LARGEST_IMAGE: u64 = 1 << 30;
/// Longest text shown of a section, in bytes; longer ones are cut.
const LONGEST_TEXT: usize = 64 << 10;

/// What every PE file has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PeFacts {
    /// Whether there is a certificate table. Who signed and whether the signature holds is not checked.
    pub signed: bool,
    /// The sections in the order of the section table.
    pub sections: Vec<SectionDescription>,
    /// Lines of the SBAT section.
    pub sbat: Vec<String>,
    /// Version string of a Linux kernel, where the file itself is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linux_version: Option<String>,
    /// What makes it a unified kernel image, where it is one.
    #[serde(flatten)]
    pub unified: Option<UnifiedFacts>,
}

/// What a unified kernel image has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnifiedFacts {
    /// Version of the release that its os-release names.
    pub version: Option<String>,
    /// Fields of its os-release.
    pub os_release: OsRelease,
    /// The kernel's release.
    pub uname: Option<String>,
    /// The kernel command line of the base.
    pub command_line: Option<String>,
    /// The dm-verity root hash on that command line.
    pub root_hash: Option<String>,
    /// The profiles that the boot menu offers; none where there is only the base.
    pub profiles: Vec<Profile>,
    /// The initrd of the base, where it could be read.
    pub initrd: Option<Initrd>,
    /// Predicted values of PCR 11, where they can be predicted.
    pub measurements: Option<BootPrediction>,
    /// Whether it carries signatures of expected PCR values.
    pub has_pcr_signatures: bool,
}

/// A profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Profile {
    /// Its number.
    pub number: usize,
    /// Its name for programs.
    pub id: Option<String>,
    /// Its name for people.
    pub title: Option<String>,
    /// Its own command line, where it has one.
    pub command_line: Option<String>,
}

impl PeFacts {
    /// Reads a PE file. What cannot be read although the file is one goes to `notes`.
    pub fn read(bytes: &[u8], options: &Options, notes: &mut Vec<String>) -> Result<Self, PeError> {
        let image = PeImage::parse(bytes)?;
        let described = image.describe();
        let sbat = image.section(".sbat").map(|section| text_of(image.content(section))).unwrap_or_default();
        let is_unified = image.section(".linux").is_some() || image.section(".profile").is_some();
        Ok(Self {
            signed: described.has_certificate_table,
            sections: described.sections,
            sbat: sbat.lines().map(str::to_owned).collect(),
            linux_version: LinuxImage::parse(bytes).ok().map(|linux| linux.version.to_owned()),
            unified: is_unified.then(|| UnifiedFacts::read(&image, options, notes)).transpose()?,
        })
    }

    /// Everything about it, for a person.
    pub fn describe(&self, text: &mut Text) {
        if let Some(unified) = &self.unified {
            unified.describe(text);
        }
        text.optional("Linux", self.linux_version.as_deref().map(plain));
        let signed = if self.signed { "a signature is attached; it was not checked" } else { "no" };
        text.field("Signed", signed);
    }

    /// The sections and the SBAT lines.
    pub fn describe_sections(&self, text: &mut Text) {
        text.heading("Sections");
        let row = |section: &SectionDescription| {
            vec![plain(&section.name), human_bytes(section.size.into()), format!("sha256 {}", section.sha256)]
        };
        text.table(&self.sections.iter().map(row).collect::<Vec<_>>(), &[1]);
        if !self.sbat.is_empty() {
            text.heading("SBAT");
            self.sbat.iter().for_each(|line| text.line(format!("  {}", plain(line))));
        }
        self.describe_initrd(text);
    }

    /// What is in the initrd, where that was asked for.
    pub fn describe_initrd(&self, text: &mut Text) {
        let initrd = self.unified.as_ref().and_then(|unified| unified.initrd.as_ref());
        if let Some(initrd) = initrd.filter(|initrd| initrd.entries.is_some()) {
            text.heading("Initrd");
            initrd.describe_entries(text);
        }
    }
}

impl UnifiedFacts {
    fn read(image: &PeImage<'_>, options: &Options, notes: &mut Vec<String>) -> Result<Self, PeError> {
        let sections = image.unified_sections()?;
        let starts = |section: &Section<'_>| section.name == SectionName::Profile;
        let base = &sections[..sections.iter().position(starts).unwrap_or(sections.len())];
        let os_release = content(base, SectionName::OsRelease).map(OsRelease::parse).unwrap_or_default();
        let command_line = content(base, SectionName::CommandLine).map(line_of);
        let prediction = BootPrediction::of(&sections, &[Bank::Sha256], &PhasePath::of_a_boot());
        let measurements = prediction.map_err(|error| notes.push(format!("PCR 11 cannot be predicted: {error}"))).ok();
        let initrd = content(base, SectionName::Initrd).and_then(|bytes| {
            let read = Initrd::read(bytes, bytes.len() as u64, options.initrd);
            read.map_err(|error| notes.push(format!("the initrd cannot be looked into: {error}"))).ok()
        });
        Ok(Self {
            version: os_release.version().map(str::to_owned),
            os_release,
            uname: content(base, SectionName::Uname).map(line_of),
            root_hash: command_line.as_deref().and_then(root_hash).map(|hash| hash.to_string()),
            command_line,
            profiles: profiles(&sections),
            initrd,
            measurements,
            has_pcr_signatures: sections.iter().any(|section| section.name == SectionName::PcrSignature),
        })
    }

    /// Everything but the sections.
    fn describe(&self, text: &mut Text) {
        self.os_release.describe(text);
        text.optional("Kernel", self.uname.as_deref().map(plain));
        text.optional("Command line", self.command_line.as_deref().map(plain));
        text.optional("Initrd", self.initrd.as_ref().map(Initrd::summary));
        for profile in &self.profiles {
            let id = profile.id.as_deref().unwrap_or("without a name");
            let title = profile.title.as_deref().map(|title| format!(", \u{201c}{}\u{201d}", plain(title)));
            let line = profile.command_line.as_deref().map(|line| format!(", command line {}", plain(line)));
            let (title, line) = (title.unwrap_or_default(), line.unwrap_or_default());
            text.field(&format!("Profile {}", profile.number), format!("{}{title}{line}", plain(id)));
        }
        self.describe_measurements(text);
        text.field("PCR policy", if self.has_pcr_signatures { "signed values are attached" } else { "not signed" });
    }

    /// PCR 11 of the default profile; the others are in the JSON.
    fn describe_measurements(&self, text: &mut Text) {
        let Some(profile) = self.measurements.as_ref().and_then(|prediction| prediction.profiles.first()) else {
            return;
        };
        for (index, at_phase) in profile.phases.iter().enumerate() {
            let last = at_phase.phase.phases().last().map_or("start", |phase| phase.word());
            let Some(digest) = at_phase.digests.get(&Bank::Sha256) else { continue };
            text.field(if index == 0 { "PCR 11 sha256" } else { "" }, format!("{digest} {last}"));
        }
    }
}

fn profiles(sections: &[Section<'_>]) -> Vec<Profile> {
    let is_start = |section: &Section<'_>| section.name == SectionName::Profile;
    let starts: Vec<usize> = (0..sections.len()).filter(|index| is_start(&sections[*index])).collect();
    let ends = starts.iter().skip(1).copied().chain([sections.len()]);
    let ranges = starts.iter().zip(ends).map(|(start, end)| &sections[*start..end]);
    ranges
        .enumerate()
        .map(|(number, own)| {
            let names = content(own, SectionName::Profile).map(OsRelease::parse).unwrap_or_default();
            Profile {
                number,
                id: names.get("ID").map(str::to_owned),
                title: names.get("TITLE").map(str::to_owned),
                command_line: content(own, SectionName::CommandLine).map(line_of),
            }
        })
        .collect()
}

/// The root hash on a kernel command line; the last one counts, as for systemd.
fn root_hash(command_line: &str) -> Option<RootHash> {
    let mut values = command_line.split_ascii_whitespace().filter_map(|word| word.strip_prefix("roothash="));
    values.next_back()?.parse().ok()
}

fn content<'s>(sections: &'s [Section<'_>], name: SectionName) -> Option<&'s [u8]> {
    let section = sections.iter().find(|section| section.name == name);
    section.map(|section| &*section.content).filter(|content| !content.is_empty())
}

/// The text of a section up to its first NUL byte.
fn text_of(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(&text[..text.len().min(LONGEST_TEXT)]).into_owned()
}

fn line_of(bytes: &[u8]) -> String {
    text_of(bytes).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::root_hash;

    #[test]
    fn the_last_root_hash_counts() {
        let (first, second) = ("0".repeat(64), "1".repeat(64));
        let line = format!("quiet roothash={first} x=roothash=3 roothash={second}");
        assert_eq!(root_hash(&line).map(|hash| hash.to_string()), Some(second));
        assert_eq!(root_hash("roothash=12"), None);
    }
}

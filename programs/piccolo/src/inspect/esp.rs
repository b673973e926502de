//! FAT file systems: the EFI system partition with its boot entries.

use super::Options;
use super::part::Part;
use super::pe_image::{LARGEST_IMAGE, PeFacts};
use super::text::{Text, count, plain};
use crate::report::human_bytes;
use disk_layout::boot_entry::{BootEntry, EntryState};
use image_files::esp::{self, EspEntry, EspReadError};
use serde::Serialize;

/// Where systemd-boot looks for unified kernel images (UAPI.1).
const UNIFIED_IMAGES: &str = "EFI/Linux/";
/// Most unified kernel images looked into: a device has two, and each may take a gigabyte of memory.
const MAXIMUM_IMAGES: usize = 8;
/// Lines of the listing for a person; the JSON has everything.
const LISTED_FILES: usize = 12;

/// A FAT file system and what the firmware and systemd-boot would make of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fat {
    /// Every file by path.
    pub files: Vec<FatFile>,
    /// The unified kernel images, in the order in which systemd-boot would choose them; those with foreign names last.
    pub unified_kernel_images: Vec<EspImage>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FatFile {
    /// Path without a leading slash.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
}

/// A unified kernel image in the ESP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EspImage {
    /// Path without a leading slash.
    pub path: String,
    /// Size in bytes.
    pub size: u64,
    /// What its name says, where it is named as our boot entries are.
    pub boot_entry: Option<EntryFacts>,
    /// What is in it.
    #[serde(flatten)]
    pub facts: PeFacts,
}

/// A boot entry's name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryFacts {
    /// Version in the name.
    pub version: String,
    /// `good`, `trying` or `bad`.
    pub state: &'static str,
    /// Tries left, where the name has a counter.
    pub tries_left: Option<u32>,
    /// Tries that did not end in a healthy system, where the name has a counter.
    pub tries_done: Option<u32>,
}

impl Fat {
    /// Lists the file system and looks into its unified kernel images.
    pub fn read(part: &Part, options: &Options, notes: &mut Vec<String>) -> Result<Self, EspReadError> {
        let mut entries = esp::list(&mut part.clone())?;
        entries.retain(|entry| !entry.is_directory);
        let mut images: Vec<(Option<BootEntry>, &EspEntry)> =
            entries.iter().filter_map(|entry| Some((boot_entry(&entry.path)?, entry))).collect();
        images.sort_by(|(left, left_entry), (right, right_entry)| match (left, right) {
            (Some(left), Some(right)) => left.boot_order(right),
            _ => right.is_some().cmp(&left.is_some()).then_with(|| left_entry.cmp(right_entry)),
        });
        if images.len() > MAXIMUM_IMAGES {
            notes.push(format!("{} of {} unified kernel images were looked into", MAXIMUM_IMAGES, images.len()));
        }
        let unified_kernel_images = images
            .into_iter()
            .take(MAXIMUM_IMAGES)
            .filter_map(|(name, entry)| image(part, entry, name.as_ref(), options, notes))
            .collect();
        let files = entries.iter().map(|entry| FatFile { path: entry.path.clone(), size: entry.size }).collect();
        Ok(Self { files, unified_kernel_images })
    }

    /// The files, and every unified kernel image.
    pub fn describe(&self, text: &mut Text) {
        let row = |file: &FatFile| vec![plain(&file.path), human_bytes(file.size)];
        text.table(&self.files.iter().take(LISTED_FILES).map(row).collect::<Vec<_>>(), &[1]);
        if let Some(more) = self.files.len().checked_sub(LISTED_FILES).filter(|more| *more > 0) {
            text.line(format!("  and {}; --json lists them", count(more as u64, "more file", "more files")));
        }
        if self.files.is_empty() {
            text.line("  no files");
        }
        for image in &self.unified_kernel_images {
            text.heading(format!("Unified kernel image {}", plain(&image.path)));
            text.optional("Boot entry", image.boot_entry.as_ref().map(EntryFacts::summary));
            image.facts.describe(text);
            image.facts.describe_initrd(text);
        }
    }
}

/// Whether a path is that of a unified kernel image: nothing if not, and else what its name says if it is one of ours.
fn boot_entry(path: &str) -> Option<Option<BootEntry>> {
    // FAT does not keep upper and lower case apart.
    let name = path.get(UNIFIED_IMAGES.len()..).filter(|_| {
        path.get(..UNIFIED_IMAGES.len()).is_some_and(|directory| directory.eq_ignore_ascii_case(UNIFIED_IMAGES))
    })?;
    let is_image = !name.contains('/') && name.to_ascii_lowercase().ends_with(".efi");
    is_image.then(|| name.parse().ok())
}

fn image(
    part: &Part,
    entry: &EspEntry,
    name: Option<&BootEntry>,
    options: &Options,
    notes: &mut Vec<String>,
) -> Option<EspImage> {
    let path = &entry.path;
    let mut own_notes = Vec::new();
    let facts = esp::read_file(&mut part.clone(), path, LARGEST_IMAGE)
        .map_err(anyhow::Error::from)
        .and_then(|bytes| Ok(PeFacts::read(&bytes, options, &mut own_notes)?));
    notes.extend(own_notes.into_iter().map(|note| format!("{path}: {note}")));
    match facts {
        Ok(facts) => {
            let inside = facts.unified.as_ref().and_then(|unified| unified.version.as_deref());
            if let (Some(name), Some(inside)) = (name, inside)
                && name.version() != inside
            {
                notes.push(format!("{path} is named version {}, inside it says {inside}", name.version()));
            }
            Some(EspImage { path: path.clone(), size: entry.size, boot_entry: name.map(EntryFacts::of), facts })
        }
        Err(error) => {
            notes.push(format!("{path} cannot be read: {error:#}"));
            None
        }
    }
}

impl EntryFacts {
    fn of(entry: &BootEntry) -> Self {
        Self {
            version: entry.version().to_owned(),
            state: match entry.state() {
                EntryState::Good => "good",
                EntryState::Trying => "trying",
                EntryState::Bad => "bad",
            },
            tries_left: entry.counter().map(|counter| counter.left),
            tries_done: entry.counter().map(|counter| counter.done),
        }
    }

    fn summary(&self) -> String {
        let tries = self
            .tries_left
            .zip(self.tries_done)
            .map(|(left, done)| format!(", {} left, {done} without success", count(left.into(), "try", "tries")));
        format!("version {}, {}{}", self.version, self.state, tries.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::boot_entry;

    #[test]
    fn images_are_told_by_their_place() {
        assert!(matches!(boot_entry("EFI/Linux/piccolo_1.0.0+3-0.efi"), Some(Some(_))));
        assert!(matches!(boot_entry("efi/LINUX/PICCOLO.EFI"), Some(None)));
        for path in ["EFI/Linux/sub/piccolo_1.efi", "EFI/Linux/notes.txt", "EFI/BOOT/BOOTX64.EFI", "EFI/Linüx/a.efi"] {
            assert!(boot_entry(path).is_none(), "{path}");
        }
    }
}

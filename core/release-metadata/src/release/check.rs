//! What one field of a `release.json` says about another.

use std::collections::BTreeSet;

use disk_layout::boot_entry::BootEntry;
use measured_boot::PcrIndex;

use crate::release::{FORMAT, MAXIMUM_CHUNK_FILES, MAXIMUM_PATCHES, MAXIMUM_SIZE, Patch, Release};

/// Most profiles of a UKI, and most phases of each, whose measurements are listed.
const MAXIMUM_MEASUREMENTS: usize = 32;
/// Most features that a patch asks for, and their longest name.
const MAXIMUM_FEATURES: usize = 16;
const BLOCK: u64 = 4096;

/// The first thing that is wrong.
pub(super) fn problem(release: &Release) -> Option<String> {
    (release.format != FORMAT)
        .then(|| format!("its format is {}, not {FORMAT}", release.format))
        .or_else(|| images(release))
        .or_else(|| measurements(release))
        .or_else(|| patches(release))
        .or_else(|| chunks(release))
        .or_else(|| files(release))
}

fn images(release: &Release) -> Option<String> {
    let whole_blocks = |size: u64| (BLOCK..=MAXIMUM_SIZE).contains(&size) && size.is_multiple_of(BLOCK);
    if !whole_blocks(release.root.size) || !whole_blocks(release.root.verity.size) {
        return Some(format!(
            "the root image and its verity data are blocks of {BLOCK} bytes, at least one and at most 2⁵³ bytes"
        ));
    }
    if !(1..=MAXIMUM_SIZE).contains(&release.uki.size) {
        return Some("the UKI is empty or larger than 2⁵³ bytes".to_owned());
    }
    if release.needs.memory > MAXIMUM_SIZE || release.needs.data > MAXIMUM_SIZE {
        return Some("the release needs more than 2⁵³ bytes of memory or data".to_owned());
    }
    let expected = format!("piccolo_{}.efi", release.version);
    let is_entry = release.uki.file_name.parse::<BootEntry>().is_ok_and(|entry| entry.counter().is_none());
    (!is_entry || release.uki.file_name != expected).then(|| format!("the UKI's file name is not {expected}"))
}

fn measurements(release: &Release) -> Option<String> {
    let predicted = &release.measurements;
    if predicted.pcr != PcrIndex::KERNEL_BOOT {
        return Some("its measurements are not of PCR 11".to_owned());
    }
    let many = predicted.profiles.len() > MAXIMUM_MEASUREMENTS
        || predicted.profiles.iter().any(|profile| profile.phases.len() > MAXIMUM_MEASUREMENTS);
    if many {
        return Some(format!("it has measurements of more than {MAXIMUM_MEASUREMENTS} profiles or phases"));
    }
    // As systemd's `.profile` sections have them; they are shown on consoles.
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let named = |id: &String| (1..=64).contains(&id.len()) && id.bytes().all(plain);
    let unnamed = predicted.profiles.iter().find(|profile| !profile.id.iter().all(named));
    unnamed.map(|profile| format!("profile {} of its measurements has an unusable id", profile.profile))
}

fn patches(release: &Release) -> Option<String> {
    if release.patches.len() > MAXIMUM_PATCHES {
        return Some(format!("it has {} patches, more than {MAXIMUM_PATCHES}", release.patches.len()));
    }
    let order = |patch: &Patch| (patch.from.version, patch.file.path.clone());
    if !release.patches.is_sorted_by(|a, b| order(a) < order(b)) {
        return Some(
            "its patches are not in the order of the versions they start from and their file names".to_owned(),
        );
    }
    release.patches.iter().find_map(|patch| patch_problem(release, patch))
}

fn patch_problem(release: &Release, patch: &Patch) -> Option<String> {
    let path = &patch.file.path;
    if patch.from.version == release.version {
        return Some(format!("{path} starts from the release itself"));
    }
    if patch.memory > MAXIMUM_SIZE {
        return Some(format!("{path} takes more than 2⁵³ bytes of memory"));
    }
    if patch.root_size.checked_add(patch.uki_size).is_none_or(|parts| parts > patch.file.size) {
        return Some(format!("the parts of {path} are larger than the file"));
    }
    let plain = |feature: &String| {
        (1..=32).contains(&feature.len())
            && feature.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    let features = &patch.features;
    let good = features.len() <= MAXIMUM_FEATURES && features.iter().all(plain) && features.is_sorted_by(|a, b| a < b);
    (!good).then(|| {
        format!(
            "the features of {path} are not up to {MAXIMUM_FEATURES} names of lower-case letters, digits and hyphens, in order"
        )
    })
}

fn chunks(release: &Release) -> Option<String> {
    let chunks = release.chunks.as_ref()?;
    if chunks.packs.len() > MAXIMUM_CHUNK_FILES || chunks.index_differences.len() > MAXIMUM_CHUNK_FILES {
        return Some(format!("it has more than {MAXIMUM_CHUNK_FILES} packs or differences of the chunk index"));
    }
    if chunks.memory > MAXIMUM_SIZE {
        return Some("its chunks take more than 2⁵³ bytes of memory".to_owned());
    }
    let ordered = chunks.index_differences.is_sorted_by(|a, b| (a.from, &a.file.path) < (b.from, &b.file.path));
    (!ordered).then(|| "the differences of the chunk index are not in the order of their versions".to_owned())
}

fn files(release: &Release) -> Option<String> {
    let mut seen = BTreeSet::new();
    let mut total: u64 = 0;
    for artifact in release.artifacts() {
        if !seen.insert(&artifact.path) {
            return Some(format!("two of its files are named {}", artifact.path));
        }
        let sum = total.checked_add(artifact.size).filter(|sum| *sum <= MAXIMUM_SIZE);
        let Some(sum) = sum.filter(|_| artifact.size > 0) else {
            return Some(format!("{} is empty, or makes all files together larger than 2⁵³ bytes", artifact.path));
        };
        total = sum;
    }
    None
}

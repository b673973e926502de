//! The slots of a disk: a root file system, its hash tree, and the unified kernel image that starts it.

use super::Options;
use super::erofs::RootFileSystem;
use super::esp::Fat;
use super::part::Part;
use super::text::{Text, plain};
use super::verity::{Verification, Verity};
use crate::failure::Failure;
use crate::report::Report;
use disk_layout::gpt::Partition;
use disk_layout::root_hash::RootHash;
use disk_layout::slot::{PartitionRole, SlotName};
use image_files::disk::ExistingDisk;
use serde::Serialize;

/// Bytes at the start of a partition that say whether anything is in it: every superblock lies there.
const LOOKED_AT: usize = 64 << 10;

/// One slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Slot {
    /// `a` or `b`.
    pub name: &'static str,
    /// Whether nothing was installed into it yet: no image starts it and its partitions start with zeros.
    pub empty: bool,
    /// The root hash on the command line of the unified kernel image that starts this slot; where none does, the one that the
    /// partition UUIDs spell.
    pub root_hash: Option<String>,
    /// Path in the ESP of the unified kernel image that carries this root hash.
    pub unified_kernel_image: Option<String>,
    /// Whether the UUIDs of both partitions follow from that image's root hash, as the Discoverable Partitions Specification asks.
    pub uuids_match: bool,
    /// The root file system, where it could be read.
    pub root: Option<RootFileSystem>,
    /// The hash tree, where it could be read.
    pub verity: Option<Verity>,
    /// Whether the root file system is what the root hash stands for, where that was asked for.
    pub verification: Option<Verification>,
}

/// Reads every slot that has a root partition, and notes images that start none of them.
pub fn read_all(
    disk: &ExistingDisk,
    esp: Option<&Fat>,
    options: &Options,
    report: &Report,
    notes: &mut Vec<String>,
) -> Result<Vec<Slot>, Failure> {
    let mut slots = Vec::new();
    for name in [SlotName::A, SlotName::B] {
        slots.extend(read(disk, name, esp, options, report, notes)?);
    }
    for image in esp.iter().flat_map(|esp| &esp.unified_kernel_images) {
        let hash = image.facts.unified.as_ref().and_then(|unified| unified.root_hash.as_deref());
        if let Some(hash) =
            hash.filter(|_| !slots.iter().any(|slot| slot.unified_kernel_image.as_deref() == Some(&image.path)))
        {
            notes.push(format!("{} wants the root {hash}, which no slot of this disk has", image.path));
        }
    }
    Ok(slots)
}

fn read(
    disk: &ExistingDisk,
    name: SlotName,
    esp: Option<&Fat>,
    options: &Options,
    report: &Report,
    notes: &mut Vec<String>,
) -> Result<Option<Slot>, Failure> {
    let table = &disk.reading().table;
    let Some(root) = table.by_label(PartitionRole::Root(name).label()) else { return Ok(None) };
    let verity = table.by_label(PartitionRole::Verity(name).label());
    let part = |partition: &Partition| Part::partition(disk.window(partition));
    let (root_part, verity_part) = (part(root), verity.map(part));
    let found = RootHashSource::find(root, verity, esp);
    if found.image.is_none() && starts_empty(&root_part) && verity_part.as_ref().is_none_or(starts_empty) {
        return Ok(Some(Slot::empty(name)));
    }
    if found.image.is_none() {
        notes.push(format!("slot {name}: no unified kernel image in the ESP starts it"));
    } else if !found.uuids_match {
        notes.push(format!("slot {name}: the UUID of its verity partition does not follow from the root hash"));
    }
    let mut own_notes = Vec::new();
    let file_system = RootFileSystem::read(&root_part, options, &mut own_notes);
    let file_system = file_system.map_err(|error| own_notes.push(format!("the root: {error:#}"))).ok();
    let hashes = verity_part
        .as_ref()
        .and_then(|part| Verity::read(part).map_err(|error| own_notes.push(format!("the hash tree: {error:#}"))).ok());
    let tree_hash = hashes.as_ref().and_then(|hashes| hashes.root_hash.as_deref());
    if let (Some(tree), Some(wanted)) = (tree_hash, found.root_hash.map(|hash| hash.to_string()))
        && tree != wanted
    {
        own_notes.push(format!("the hash tree has the root hash {tree}, not {wanted}"));
    }
    let versions = (found.version.as_deref(), file_system.as_ref().and_then(|root| root.version.as_deref()));
    if let (Some(image), Some(root)) = versions
        && image != root
    {
        own_notes.push(format!("the unified kernel image is version {image}, the root {root}"));
    }
    notes.extend(own_notes.into_iter().map(|note| format!("slot {name}: {note}")));
    let verification = match (options.verify, found.root_hash, &verity_part) {
        (false, _, _) => None,
        (true, Some(hash), Some(verity)) => Some(Verification::run(&root_part, verity, hash, name.as_str(), report)?),
        (true, _, _) => None,
    };
    Ok(Some(Slot {
        name: name.as_str(),
        empty: false,
        root_hash: found.root_hash.map(|hash| hash.to_string()),
        unified_kernel_image: found.image,
        uuids_match: found.uuids_match,
        root: file_system,
        verity: hashes,
        verification,
    }))
}

/// Whether nothing was written yet. Only zeros count: a damaged slot must not pass for an empty one.
fn starts_empty(part: &Part) -> bool {
    part.start(LOOKED_AT).is_ok_and(|start| start.iter().all(|byte| *byte == 0))
}

/// Where a slot's root hash is known from.
struct RootHashSource {
    root_hash: Option<RootHash>,
    image: Option<String>,
    /// Version of that image.
    version: Option<String>,
    uuids_match: bool,
}

impl RootHashSource {
    /// The image whose root hash names this root partition; else what the UUIDs spell.
    fn find(root: &Partition, verity: Option<&Partition>, esp: Option<&Fat>) -> Self {
        let images = esp.into_iter().flat_map(|esp| &esp.unified_kernel_images);
        let named = images.filter_map(|image| {
            let unified = image.facts.unified.as_ref()?;
            let hash: RootHash = unified.root_hash.as_deref()?.parse().ok()?;
            (hash.root_partition_uuid() == root.unique_guid).then_some((hash, &image.path, &unified.version))
        });
        let verity_uuid = verity.map(|verity| verity.unique_guid);
        let mut named: Vec<_> = named.collect();
        // Two images may name one root and differ in the rest of the hash; the one that fits both partitions is the slot's.
        named.sort_by_key(|(hash, _, _)| Some(hash.verity_partition_uuid()) != verity_uuid);
        if let Some((hash, path, version)) = named.into_iter().next() {
            let uuids_match = Some(hash.verity_partition_uuid()) == verity_uuid;
            return Self { root_hash: Some(hash), image: Some(path.clone()), version: version.clone(), uuids_match };
        }
        let spelled = verity_uuid.map(|verity| {
            let mut hash = [0; 32];
            hash[..16].copy_from_slice(root.unique_guid.as_bytes());
            hash[16..].copy_from_slice(verity.as_bytes());
            RootHash(hash)
        });
        Self { root_hash: spelled, image: None, version: None, uuids_match: false }
    }
}

impl Slot {
    fn empty(name: SlotName) -> Self {
        Self {
            name: name.as_str(),
            empty: true,
            root_hash: None,
            unified_kernel_image: None,
            uuids_match: false,
            root: None,
            verity: None,
            verification: None,
        }
    }

    /// Everything about it, for a person.
    pub fn describe(&self, text: &mut Text) {
        if self.empty {
            text.heading(format!("Slot {}, empty", self.name));
            return;
        }
        text.heading(format!("Slot {}", self.name));
        text.optional("Root hash", self.root_hash.as_deref());
        let image = match (&self.unified_kernel_image, self.uuids_match) {
            (Some(path), true) => format!("{}; the partition UUIDs match", plain(path)),
            (Some(path), false) => format!("{}; the partition UUIDs DO NOT MATCH", plain(path)),
            (None, _) => "no image starts it; the root hash is what the partition UUIDs spell".to_owned(),
        };
        text.field("Started by", image);
        if let Some(root) = &self.root {
            root.describe(text);
        }
        if let Some(verity) = &self.verity {
            verity.describe(text);
        }
        text.optional("Verified", self.verification.as_ref().map(Verification::summary));
    }
}

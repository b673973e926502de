//! Disk images: the partition table and what is in the partitions.

use super::Options;
use super::content::Content;
use super::esp::Fat;
use super::part::Part;
use super::slot::{self, Slot};
use super::text::{Text, plain};
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Report, human_bytes};
use disk_layout::gpt::{Partition, PartitionTable};
use disk_layout::partition_type::{self, Attributes};
use disk_layout::slot::PartitionRole;
use image_files::disk::ExistingDisk;
use serde::Serialize;
use std::path::Path;

/// Most partitions shown to a person; a table has room for 128, a hostile one for 8192.
const LISTED_PARTITIONS: usize = 16;

/// A disk image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// The disk's GUID.
    pub disk_guid: String,
    /// Bytes in a sector, the unit of the table.
    pub sector_size: u64,
    /// The partitions by number.
    pub partitions: Vec<PartitionFacts>,
    /// The EFI system partition, where it could be read.
    pub esp: Option<Fat>,
    /// The slots that have partitions here.
    pub slots: Vec<Slot>,
}

/// One partition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionFacts {
    /// Its number, as the kernel counts.
    pub number: u32,
    /// Its label.
    pub label: String,
    /// Its type by systemd's identifier, such as `root-x86-64`; nothing for a type that Piccolo OS does not use.
    #[serde(rename = "type")]
    pub partition_type: Option<&'static str>,
    /// Its type's GUID.
    pub type_guid: String,
    /// Its own UUID.
    pub uuid: String,
    /// Where it starts on the disk, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Its attributes by name: `read-only`, `grow-file-system`, `no-auto`; others as `bit-N`.
    pub attributes: Vec<String>,
    /// What it holds, told by its first bytes.
    pub content: Option<&'static str>,
}

impl Disk {
    /// Reads the table and the partitions that Piccolo OS knows. What is odd goes to `notes`.
    pub fn read(path: &Path, options: &Options, report: &Report, notes: &mut Vec<String>) -> Result<Self, Failure> {
        let disk = ExistingDisk::open(path, None).or_fail(FailureKind::Input)?;
        let reading = disk.reading();
        notes.extend(reading.notes.iter().map(ToString::to_string));
        let table = &reading.table;
        let partitions =
            table.partitions.iter().map(|partition| facts(&disk, table, partition)).collect::<Result<Vec<_>, _>>()?;
        let esp = esp(&disk, options, notes);
        let slots = slot::read_all(&disk, esp.as_ref(), options, report, notes)?;
        Ok(Self {
            disk_guid: table.disk_guid.to_string(),
            sector_size: table.sector_size.bytes(),
            partitions,
            esp,
            slots,
        })
    }

    /// Everything about it, for a person.
    pub fn describe(&self, text: &mut Text) {
        text.field("GPT", format!("{}, {}-byte sectors", self.disk_guid, self.sector_size));
        text.heading("Partitions");
        let row = |partition: &PartitionFacts| {
            vec![
                partition.number.to_string(),
                plain(&partition.label),
                partition.partition_type.unwrap_or(&partition.type_guid).to_owned(),
                human_bytes(partition.size),
                partition.content.unwrap_or("-").to_owned(),
                partition.uuid.clone(),
                partition.attributes.join(", "),
            ]
        };
        text.table(&self.partitions.iter().take(LISTED_PARTITIONS).map(row).collect::<Vec<_>>(), &[0, 3]);
        if self.partitions.len() > LISTED_PARTITIONS {
            text.line(format!("  and {} more; --json lists them", self.partitions.len() - LISTED_PARTITIONS));
        }
        if let Some(esp) = &self.esp {
            text.heading("EFI system partition");
            esp.describe(text);
        }
        self.slots.iter().for_each(|slot| slot.describe(text));
    }
}

fn facts(disk: &ExistingDisk, table: &PartitionTable, partition: &Partition) -> Result<PartitionFacts, Failure> {
    let part = Part::partition(disk.window(partition));
    let content = Content::of(&part).or_fail(FailureKind::Input)?;
    Ok(PartitionFacts {
        number: partition.number,
        label: partition.label.clone(),
        partition_type: partition_type::identifier(partition.type_guid),
        type_guid: partition.type_guid.to_string(),
        uuid: partition.unique_guid.to_string(),
        offset: partition.offset(table.sector_size),
        size: partition.size(table.sector_size),
        attributes: attributes(partition.attributes),
        content: content.map(Content::name),
    })
}

fn attributes(attributes: Attributes) -> Vec<String> {
    let named = [
        (Attributes::GROW_FILE_SYSTEM, "grow-file-system"),
        (Attributes::READ_ONLY, "read-only"),
        (Attributes::NO_AUTO, "no-auto"),
    ];
    let bits = (0..64).map(|bit| (bit, Attributes(1 << bit))).filter(|(_, bit)| attributes.contains(*bit));
    bits.map(|(number, bit)| {
        let name = named.iter().find(|(attribute, _)| *attribute == bit).map(|(_, name)| (*name).to_owned());
        name.unwrap_or_else(|| format!("bit-{number}"))
    })
    .collect()
}

/// The first partition of the ESP's type, as the firmware looks for it.
fn esp(disk: &ExistingDisk, options: &Options, notes: &mut Vec<String>) -> Option<Fat> {
    let partitions = &disk.reading().table.partitions;
    let esp_type = partition_type::ESP;
    let Some(partition) = partitions.iter().find(|partition| partition.type_guid == esp_type) else {
        notes.push("there is no EFI system partition, so no firmware can boot this disk".to_owned());
        return None;
    };
    if partition.label != PartitionRole::Esp.label() {
        notes.push(format!("the EFI system partition is labelled {:?}, not \"esp\"", partition.label));
    }
    let read = Fat::read(&Part::partition(disk.window(partition)), options, notes);
    read.map_err(|error| notes.push(format!("{:#}", anyhow::Error::from(error)))).ok()
}

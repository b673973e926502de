//! What would boot from a disk, and whether it is whole.
//!
//! Five steps lead from power to a verified root, and each can go only one way:
//!
//! 1. **Partition table.** Linux uses the table at the start of the disk if its checksums are right and the first sector is a protective MBR.
//!    Otherwise the disk has no partitions for it, whatever the firmware makes of the backup table.
//! 2. **Boot loader.** The firmware looks into the EFI system partition and starts `EFI/BOOT/BOOTX64.EFI`, without repairing anything.
//! 3. **Boot entry.** systemd-boot takes every file `EFI/Linux/*.efi` that has the sections of a UKI, so no empty one. Those without tries left
//!    come last; of the others the newest comes first (UAPI.1, "Boot counting" and "Sorting"). It starts the first one, and has no second
//!    choice when that one cannot be loaded.
//! 4. **Kernel.** A UKI is loaded as it lies there; where Secure Boot is off nobody notices that a part of it is missing, until it crashes.
//! 5. **Slot.** The UKI's command line has a root hash. It names two partitions by their UUIDs, root and verity; all of both is needed,
//!    because dm-verity turns each block that differs into an error.
//!
//! A boot that chose something that is not whole would be a brick or a lost try. So the first entry must be whole; and since each of the
//! others may be chosen later, none whose kernel is whole may be for a slot that is not.

use std::cmp::Ordering;
use std::ops::Range;

use disk_layout::boot_entry::BootEntry;
use disk_layout::gpt::{self, GptReading, PartitionTable, ReadError, ReadingNote, SectorSize};
use disk_layout::partition_type;
use thiserror::Error;

use crate::contents::{Content, Contents};
use crate::disk::Disk;
use crate::fat::{FatEntry, FatError, FatVolume};
use crate::release::Release;

/// What the firmware starts from a disk that it was not told anything about (UEFI 2.10 section 3.5.1.1).
pub const LOADER: &str = "EFI/BOOT/BOOTX64.EFI";
/// The settings of the boot loader.
pub const LOADER_CONFIGURATION: &str = "loader/loader.conf";
/// Where boot loaders look for UKIs.
const ENTRIES: &str = "EFI/Linux";

/// What of a disk decides about its boot, and how far it has come: two disks that look the same here boot the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Appearance {
    /// The boot entries, in the order of the boot loader: the first one starts.
    pub entries: Vec<EntryAppearance>,
    /// Names and sizes of the files beside them.
    pub others: Vec<(String, u32)>,
    /// The labels and UUIDs of the partitions in the table that counts, as text.
    pub partitions: Vec<String>,
    /// What is not as it should be about the partition tables, though the first is usable.
    pub table_notes: Vec<String>,
}

/// A boot entry.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct EntryAppearance {
    /// Its file name.
    pub name: String,
    /// The release whose UKI this is, if it is the whole UKI of one.
    pub version: Option<String>,
    /// The label of the root partition that it starts, if it is whole.
    pub root: Option<String>,
}

/// Nothing that is whole would boot.
#[derive(Debug, Error)]
pub enum NoBoot {
    /// There is no partition table at either end of the disk.
    #[error("there is no partition table")]
    NoTable(#[source] ReadError),
    /// The kernel finds no partitions.
    #[error("the kernel would find no partitions: {0}")]
    Table(ReadingNote),
    /// There is no EFI system partition.
    #[error("there is no EFI system partition")]
    NoEsp,
    /// The EFI system partition or something in it is damaged.
    #[error(transparent)]
    Esp(#[from] FatError),
    /// The boot loader or its settings are not those of any release.
    #[error("{0} is not what any release was shipped with")]
    Loader(&'static str),
    /// There is nothing to start.
    #[error("{ENTRIES} holds no boot entry")]
    NoEntry,
    /// A file is taken for a boot entry, and nobody knows of which release.
    #[error("{0} is taken for a boot entry, but has neither the name of one nor the kernel of a release")]
    UnknownEntry(String),
    /// The first entry's UKI is not whole.
    #[error("the boot loader would start {name}, which is not the whole UKI of any release")]
    Kernel {
        /// The entry.
        name: String,
    },
    /// An entry's slot is not whole.
    #[error("{name} is a boot entry of release {version}, whose slot is not whole: {what}")]
    Slot {
        /// The entry.
        name: String,
        /// Its release.
        version: String,
        /// What is missing.
        what: SlotFault,
    },
}

/// What is wrong with a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SlotFault {
    /// No partition, or more than one, has the UUID of the release's root.
    #[error("there is not exactly one partition with the UUID of its root")]
    NoRoot,
    /// No partition, or more than one, has the UUID of the release's hash tree.
    #[error("there is not exactly one partition with the UUID of its hash tree")]
    NoVerity,
    /// The root image differs.
    #[error("{0} sectors of its root image differ")]
    Root(usize),
    /// The hash tree differs.
    #[error("{0} sectors of its hash tree differ")]
    Verity(usize),
}

/// What would boot from a disk.
///
/// # Errors
/// When what would boot is not whole, or an entry is there whose slot is not.
pub fn look(disk: &Disk, contents: &Contents, releases: &[Release]) -> Result<Appearance, NoBoot> {
    let GptReading { table, notes, .. } = partition_table(disk, contents)?;
    let esp = table.partitions.iter().find(|partition| partition.type_guid == partition_type::ESP);
    let esp = esp.ok_or(NoBoot::NoEsp)?;
    let volume = FatVolume::open(disk, contents, esp.first_lba..esp.last_lba + 1)?;
    check_loader(&volume, releases)?;

    let (mut entries, mut others) = (Vec::new(), Vec::new());
    for file in volume.directory(ENTRIES)? {
        if file.is_directory {
            continue;
        }
        // Linux makes the new name of a renamed file empty, and gives it the file afterwards.
        let is_entry = file.name.to_ascii_lowercase().ends_with(".efi") && file.size > 0;
        if is_entry { entries.push(Entry::of(&volume, file, releases)?) } else { others.push((file.name, file.size)) }
    }
    entries.sort_by(Entry::order);

    let first = entries.first().ok_or(NoBoot::NoEntry)?;
    if first.release.is_none() {
        return Err(NoBoot::Kernel { name: first.name.clone() });
    }
    Ok(Appearance {
        entries: entries.iter().map(|entry| entry.checked(disk, &table)).collect::<Result<_, _>>()?,
        others,
        partitions: table.partitions.iter().map(|found| format!("{} {}", found.label, found.unique_guid)).collect(),
        table_notes: notes.iter().map(ToString::to_string).collect(),
    })
}

impl Appearance {
    /// The release that boots.
    #[must_use]
    pub fn starts(&self) -> &str {
        self.entries.first().and_then(|entry| entry.version.as_deref()).unwrap_or_default()
    }
}

fn partition_table(disk: &Disk, contents: &Contents) -> Result<GptReading, NoBoot> {
    let reading = gpt::read(&mut disk.reader(contents), Some(SectorSize::Bytes512)).map_err(NoBoot::NoTable)?;
    let unusable = |note: &&ReadingNote| matches!(note, ReadingNote::PrimaryUnusable(_) | ReadingNote::NoProtectiveMbr);
    match reading.notes.iter().find(unusable) {
        Some(note) => Err(NoBoot::Table(*note)),
        None => Ok(reading),
    }
}

fn check_loader(volume: &FatVolume<'_>, releases: &[Release]) -> Result<(), NoBoot> {
    let loader = volume.content(&volume.file(LOADER)?)?;
    if !releases.iter().any(|release| release.loader == loader) {
        return Err(NoBoot::Loader(LOADER));
    }
    let configuration = volume.content(&volume.file(LOADER_CONFIGURATION)?)?;
    if !releases.iter().any(|release| release.loader_configuration == configuration) {
        return Err(NoBoot::Loader(LOADER_CONFIGURATION));
    }
    Ok(())
}

/// A file that systemd-boot takes for a boot entry.
struct Entry<'r> {
    name: String,
    sorting: BootEntry,
    /// The release whose whole UKI it is.
    release: Option<&'r Release>,
}

impl<'r> Entry<'r> {
    fn of(volume: &FatVolume<'_>, file: FatEntry, releases: &'r [Release]) -> Result<Self, NoBoot> {
        let release = match volume.content(&file) {
            Ok(content) => releases.iter().find(|release| release.uki == content),
            Err(FatError::Chain { .. }) => None,
            Err(other) => return Err(other.into()),
        };
        // systemd-boot takes the version out of the UKI, so it knows one even where the long name is gone and with it the counter.
        let sorting = match (file.name.parse::<BootEntry>(), release) {
            (Ok(entry), _) => entry,
            (Err(_), Some(release)) => good_entry(&file, release)?,
            (Err(_), None) => return Err(NoBoot::UnknownEntry(file.name)),
        };
        Ok(Self { name: file.name, sorting, release })
    }

    /// The order of systemd-boot 257 (`boot_entry_compare` of `src/boot/boot.c`).
    fn order(&self, other: &Self) -> Ordering {
        self.sorting.boot_order(&other.sorting)
    }

    fn checked(&self, disk: &Disk, table: &PartitionTable) -> Result<EntryAppearance, NoBoot> {
        let Some(release) = self.release else {
            return Ok(EntryAppearance { name: self.name.clone(), version: None, root: None });
        };
        let version = release.version.clone();
        match whole_slot(disk, table, release) {
            Ok(root) => Ok(EntryAppearance { name: self.name.clone(), version: Some(version), root: Some(root) }),
            Err(what) => Err(NoBoot::Slot { name: self.name.clone(), version, what }),
        }
    }
}

fn good_entry(file: &FatEntry, release: &Release) -> Result<BootEntry, NoBoot> {
    let entry = BootEntry::fresh(&release.version, 1).map_err(|_| NoBoot::UnknownEntry(file.name.clone()))?;
    Ok(entry.blessed())
}

/// The label of the root partition of the slot that holds a release.
fn whole_slot(disk: &Disk, table: &PartitionTable, release: &Release) -> Result<String, SlotFault> {
    let only = |uuid| {
        let mut found = table.partitions.iter().filter(|partition| partition.unique_guid == uuid);
        found.next().filter(|_| found.next().is_none())
    };
    let root = only(release.root_hash.root_partition_uuid()).ok_or(SlotFault::NoRoot)?;
    let verity = only(release.root_hash.verity_partition_uuid()).ok_or(SlotFault::NoVerity)?;
    let range = |partition: &gpt::Partition| partition.first_lba..partition.last_lba + 1;
    let differing = |partition: Range<u64>, expected: &[Content]| {
        let wanted = partition.start..partition.end.min(partition.start + expected.len() as u64);
        let found = disk.sectors(wanted);
        if found == expected {
            return 0;
        }
        let missing = expected.len() - found.len();
        missing + found.iter().zip(expected).filter(|(found, expected)| found != expected).count()
    };
    match (differing(range(root), &release.root), differing(range(verity), &release.verity)) {
        (0, 0) => Ok(root.label.clone()),
        (0, sectors) => Err(SlotFault::Verity(sectors)),
        (sectors, _) => Err(SlotFault::Root(sectors)),
    }
}

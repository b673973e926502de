//! The UUIDs of a slot's partitions.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use disk_layout::gpt::{self, ChangeError, ReadError};
use disk_layout::root_hash::RootHash;
use disk_layout::slot::{PartitionRole, SlotName};
use thiserror::Error;

use crate::{DeviceError, fault};

/// The partition table could not be changed.
#[derive(Debug, Error)]
pub enum TableError {
    /// The disk could not be read or written.
    #[error(transparent)]
    Device(#[from] DeviceError),
    /// The disk has no partition table that can be read.
    #[error("the partition table of {} cannot be read", path.display())]
    Read {
        /// The disk.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// The table cannot be changed safely.
    #[error("the partition table of {} cannot be changed", path.display())]
    Change {
        /// The disk.
        path: PathBuf,
        /// Why.
        source: ChangeError,
    },
    /// The disk has no such slot.
    #[error("{} has no partition {role}; systemd-repart makes it on the first boot", path.display())]
    NoPartition {
        /// The disk.
        path: PathBuf,
        /// What is missing.
        role: PartitionRole,
    },
}

/// Gives the partitions of a slot the UUIDs that follow from the root hash (Discoverable Partitions Specification). Power may fail at
/// any moment: the disk has the old table or the new one. The kernel goes on with the old one until it starts again.
///
/// # Errors
/// When the disk has no such partitions, or cannot be read or written.
pub fn name_slot(disk: &Path, slot: SlotName, root_hash: &RootHash) -> Result<(), TableError> {
    let mut file = File::options().read(true).write(true).open(disk).map_err(fault("opening", disk))?;
    let found = gpt::read(&mut file, None).map_err(|source| TableError::Read { path: disk.to_owned(), source })?;
    let mut table = found.table.clone();
    let uuids = [
        (PartitionRole::Root(slot), root_hash.root_partition_uuid()),
        (PartitionRole::Verity(slot), root_hash.verity_partition_uuid()),
    ];
    for (role, uuid) in uuids {
        let partition = table.partitions.iter_mut().find(|partition| partition.label == role.label());
        partition.ok_or_else(|| TableError::NoPartition { path: disk.to_owned(), role })?.unique_guid = uuid;
    }
    // A power cut may have left the backup behind; it is brought up to date then.
    if table == found.table && found.notes.is_empty() {
        return Ok(());
    }
    let writes = table.replace(&found).map_err(|source| TableError::Change { path: disk.to_owned(), source })?;
    for write in writes {
        file.write_all_at(&write.bytes, write.offset).map_err(fault("writing the partition table of", disk))?;
        file.sync_data().map_err(fault("flushing", disk))?;
    }
    Ok(())
}

/// The root hash that a slot's partition UUIDs are for, as far as UUIDs can say: all of it.
///
/// # Errors
/// When the disk has no such partitions or cannot be read.
pub fn slot_root_hash(disk: &Path, slot: SlotName) -> Result<RootHash, TableError> {
    let mut file = File::open(disk).map_err(fault("opening", disk))?;
    let found = gpt::read(&mut file, None).map_err(|source| TableError::Read { path: disk.to_owned(), source })?;
    let uuid = |role: PartitionRole| {
        let partition = found.table.by_label(role.label());
        partition.map(|partition| partition.unique_guid).ok_or(TableError::NoPartition { path: disk.to_owned(), role })
    };
    let halves = [uuid(PartitionRole::Root(slot))?, uuid(PartitionRole::Verity(slot))?];
    let mut hash = [0; 32];
    for (half, uuid) in hash.chunks_exact_mut(16).zip(halves) {
        half.copy_from_slice(uuid.as_bytes());
    }
    Ok(RootHash(hash))
}

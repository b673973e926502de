//! Where the parts of the boot disk are.

use std::path::{Path, PathBuf};

use disk_layout::slot::{PartitionRole, SlotName};

/// The devices of the disk that the firmware booted from. No other disk is ever looked at.
#[derive(Debug, Clone)]
pub struct SlotDevices {
    directory: PathBuf,
    esp: PathBuf,
    active_root: PathBuf,
}

impl SlotDevices {
    /// On a device that runs: the names that udev gave in `/dev/piccolo`, the mounted ESP, and the verified root.
    #[must_use]
    pub fn of_running_device() -> Self {
        Self::at(Path::new("/dev/piccolo"), Path::new("/efi"), Path::new("/dev/mapper/root"))
    }

    /// With names below other directories.
    #[must_use]
    pub fn at(directory: &Path, esp: &Path, active_root: &Path) -> Self {
        Self { directory: directory.to_owned(), esp: esp.to_owned(), active_root: active_root.to_owned() }
    }

    /// The whole disk.
    #[must_use]
    pub fn disk(&self) -> PathBuf {
        self.directory.join("disk")
    }

    /// The root partition of a slot.
    #[must_use]
    pub fn root(&self, slot: SlotName) -> PathBuf {
        self.partition(PartitionRole::Root(slot))
    }

    /// The verity partition of a slot.
    #[must_use]
    pub fn verity(&self, slot: SlotName) -> PathBuf {
        self.partition(PartitionRole::Verity(slot))
    }

    /// The running root through its dm-verity device: reading a block that was changed is an error.
    #[must_use]
    pub fn active_root(&self) -> &Path {
        &self.active_root
    }

    /// Where the ESP is mounted.
    #[must_use]
    pub fn esp(&self) -> &Path {
        &self.esp
    }

    fn partition(&self, role: PartitionRole) -> PathBuf {
        self.directory.join("by-partlabel").join(role.label())
    }
}

//! Writes the inactive slot of a device and the boot entries on its ESP.
//!
//! An update touches the disk in this order, and each step is on the disk before the next one begins:
//!
//! 1. [`boot_entries::BootEntries::remove_all_but`]: no boot entry points to the slot that is about to be overwritten.
//! 2. [`image::ImageWriter`]: the root image into the inactive root partition; the UKI beside the boot entries, under a name that
//!    no boot loader starts.
//! 3. [`seal::seal`]: the image is read back from the disk, the hash tree made and compared with the root hash, and written.
//! 4. [`table::name_slot`]: the partitions get the UUIDs that the new UKI looks for.
//! 5. [`boot_entries::BootEntries::install`]: the UKI gets its name with a boot counter.
//!
//! So at no moment is there a boot entry for a slot that is not whole. Which slot, which release and when: others decide.

pub mod boot_entries;
pub mod devices;
pub mod image;
pub mod seal;
pub mod table;
pub mod uki_writer;

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// Something on the disk could not be read or written.
#[derive(Debug, Error)]
#[error("{action} {} did not work", path.display())]
pub struct DeviceError {
    /// What was tried: "opening", "writing".
    pub action: &'static str,
    /// The file, directory or device.
    pub path: PathBuf,
    /// Why it did not work.
    pub source: io::Error,
}

pub(crate) fn fault<'p>(
    action: &'static str,
    path: impl Into<PathBuf> + 'p,
) -> impl FnOnce(io::Error) -> DeviceError + 'p {
    move |source| DeviceError { action, path: path.into(), source }
}

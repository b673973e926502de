//! Where everything is.

use std::path::{Path, PathBuf};

use update_slots::devices::SlotDevices;

use crate::cli::Arguments;

/// Files and directories of the device.
#[derive(Debug, Clone)]
pub struct Paths {
    /// What must survive a restart.
    pub state: PathBuf,
    /// The socket.
    pub socket: PathBuf,
    /// The document that everybody on the device may read.
    pub status: PathBuf,
    /// The repository's first root of trust, in the verified image.
    pub trust_anchor: PathBuf,
    /// Where udev puts links to media that releases can be taken from.
    pub media: PathBuf,
    /// The slots and the ESP.
    pub slots: SlotDevices,
}

impl Paths {
    /// On a running device.
    pub fn of(arguments: &Arguments) -> Self {
        Self {
            state: arguments.state.clone(),
            socket: arguments.socket.clone(),
            status: arguments.socket.with_file_name(
                Path::new(device_api::UPDATES_STATUS_FILE).file_name().unwrap_or("status.json".as_ref()),
            ),
            trust_anchor: PathBuf::from("/usr/lib/piccolo/updates/root.json"),
            media: PathBuf::from(release_media::DIRECTORY),
            slots: SlotDevices::of_running_device(),
        }
    }
}

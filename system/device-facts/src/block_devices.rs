//! `/sys/class/block`: block devices and what they stand on (Documentation/ABI/stable/sysfs-block).

use device_status::facts::BlockDevice;

use crate::files::{FactsError, Files};
use crate::{device_number, text};

const CLASS: &str = "sys/class/block";

/// A machine with more block devices than this reports the first ones by name.
const MAX_DEVICES: usize = 1024;
/// Layers that combine more devices than this do not exist.
const MAX_SLAVES: usize = 64;

pub(crate) fn read(files: &Files, problems: &mut Vec<FactsError>) -> Vec<BlockDevice> {
    files.names(CLASS, MAX_DEVICES, problems).into_iter().filter_map(|name| device(files, name, problems)).collect()
}

/// `None` for a device that went away while it was read.
fn device(files: &Files, name: String, problems: &mut Vec<FactsError>) -> Option<BlockDevice> {
    let directory = format!("{CLASS}/{name}");
    Some(BlockDevice {
        number: files.parsed(format!("{directory}/dev"), device_number, problems)?,
        partition_label: files
            .text(format!("{directory}/uevent"), problems)
            .as_deref()
            .and_then(|text| text::uevent_value(text, "PARTNAME")),
        mapper_uuid: files.line(format!("{directory}/dm/uuid"), problems).filter(|uuid| !uuid.is_empty()),
        slaves: files.names(format!("{directory}/slaves"), MAX_SLAVES, problems),
        name,
    })
}

//! How mounts and block devices stand on each other.

use crate::facts::{BlockDevice, Mount, StateFacts};

/// Prefix of the device-mapper UUID of a dm-verity device that cryptsetup or systemd opened.
pub const VERITY_PREFIX: &str = "CRYPT-VERITY-";
/// Prefix of the device-mapper UUID of an opened LUKS2 volume.
pub const LUKS2_PREFIX: &str = "CRYPT-LUKS2-";

/// How many layers are followed below a mount: disk, partition, RAID, verity and encryption need five; more is a loop.
const MAX_LAYERS: usize = 8;

impl StateFacts {
    /// The mount that is seen at `target`: the last one listed there hides the ones before it.
    pub fn mount_at(&self, target: &str) -> Option<&Mount> {
        self.mounts.iter().rev().find(|mount| mount.target == target)
    }

    /// The mount that a file at `path` lives on.
    pub fn mount_of(&self, path: &str) -> Option<&Mount> {
        let mut prefix = path;
        loop {
            if let Some(mount) = self.mount_at(if prefix.is_empty() { "/" } else { prefix }) {
                return Some(mount);
            }
            prefix = &prefix[..prefix.rfind('/')?];
        }
    }

    /// Every block device below a mount, the one mounted first. Empty for file systems without a device.
    pub fn devices_below(&self, mount: &Mount) -> Vec<&BlockDevice> {
        let mut layer: Vec<&BlockDevice> =
            self.block_devices.iter().filter(|device| device.number == mount.device).collect();
        let mut found: Vec<&BlockDevice> = Vec::new();
        for _ in 0..MAX_LAYERS {
            layer.retain(|device| !found.iter().any(|known| known.name == device.name));
            if layer.is_empty() {
                break;
            }
            found.extend(&layer);
            layer = layer.iter().flat_map(|device| self.slaves_of(device)).collect();
        }
        found
    }

    fn slaves_of<'a>(&'a self, device: &'a BlockDevice) -> impl Iterator<Item = &'a BlockDevice> {
        device.slaves.iter().filter_map(|name| self.block_devices.iter().find(|other| other.name == *name))
    }

    /// A device below `mount` was opened by what `prefix` names.
    pub(crate) fn stands_on(&self, mount: &Mount, prefix: &str) -> bool {
        self.devices_below(mount)
            .iter()
            .any(|device| device.mapper_uuid.as_deref().is_some_and(|uuid| uuid.starts_with(prefix)))
    }
}

#[cfg(test)]
mod tests {
    use crate::facts::{BlockDevice, DeviceNumber, Mount, StateFacts};

    fn mount(target: &str, minor: u32) -> Mount {
        Mount {
            device: DeviceNumber { major: 1, minor },
            target: target.into(),
            file_system: "ext4".into(),
            read_only: false,
        }
    }

    #[test]
    fn the_last_mount_at_a_place_is_the_one_seen() {
        let state =
            StateFacts { mounts: vec![mount("/", 1), mount("/var", 2), mount("/var", 3)], ..StateFacts::default() };
        assert_eq!(state.mount_at("/var").unwrap().device.minor, 3);
        assert_eq!(state.mount_of("/var/lib/x").unwrap().device.minor, 3);
        assert_eq!(state.mount_of("/etc").unwrap().device.minor, 1);
        assert_eq!(state.mount_of("relative"), None);
    }

    #[test]
    fn devices_that_stand_on_each_other_in_a_circle_end() {
        let device = |name: &str, minor, slave: &str| BlockDevice {
            name: name.into(),
            number: DeviceNumber { major: 1, minor },
            slaves: vec![slave.into(), "gone".into()],
            ..BlockDevice::default()
        };
        let state =
            StateFacts { block_devices: vec![device("a", 1, "b"), device("b", 2, "a")], ..StateFacts::default() };
        let names: Vec<_> = state.devices_below(&mount("/", 1)).iter().map(|device| device.name.clone()).collect();
        assert_eq!(names, ["a", "b"]);
    }
}

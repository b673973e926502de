//! The decision.

use crate::device_path::Node;
use crate::hardware::{Agreement, Attachment, compare};
use std::time::Duration;
use uuid::Uuid;

/// A disk of the machine as far as the decision needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// Where it is attached, and its name.
    pub attachment: Attachment,
    /// The UUIDs of its GPT partitions.
    pub partitions: Vec<Uuid>,
}

/// What the firmware and the loader say about the boot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BootSource {
    /// UUID of the partition that the loader came from (`LoaderDevicePartUUID`).
    pub loader_partition: Option<Uuid>,
    /// Device path of the boot option used (`BootCurrent`, `Boot####`); empty when not known.
    pub device_path: Vec<Node>,
}

/// Why no disk was chosen. The text goes to the console, where a person stands in front of a machine that does not boot.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ChoiceError {
    /// Not booted by a loader that implements the Boot Loader Interface.
    #[error(
        "the boot loader did not say which partition it came from (LoaderDevicePartUUID is not set); \
         boot through systemd-boot or systemd-stub under UEFI"
    )]
    LoaderSilent,
    /// No disk has the partition.
    #[error(
        "no disk has the partition {partition} that the boot loader came from; is its driver missing from the initrd? Disks \
         seen: {}", list(.seen)
    )]
    NotFound {
        /// The partition looked for.
        partition: Uuid,
        /// The kernel names of all disks seen.
        seen: Vec<String>,
    },
    /// Several disks have it and the firmware does not tell them apart.
    #[error(
        "{} are copies of one another, and the firmware does not say which of them it booted; remove all but one, then \
         start again", list(.candidates)
    )]
    Ambiguous {
        /// The kernel names of the disks in question.
        candidates: Vec<String>,
    },
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// Whether a disk may be the one: it has the partition that the loader came from.
#[must_use]
pub fn is_candidate(disk: &Disk, source: &BootSource) -> bool {
    source.loader_partition.is_some_and(|wanted| disk.partitions.contains(&wanted))
}

/// Chooses the disk that the firmware booted from.
///
/// # Errors
/// When no disk qualifies, or several do and nothing tells them apart.
pub fn choose<'a>(disks: &'a [Disk], source: &BootSource) -> Result<&'a Disk, ChoiceError> {
    let Some(partition) = source.loader_partition else { return Err(ChoiceError::LoaderSilent) };
    let candidates: Vec<&Disk> = disks.iter().filter(|disk| is_candidate(disk, source)).collect();
    if let [only] = candidates[..] {
        return Ok(only);
    }
    let names = |disks: &[&Disk]| disks.iter().map(|disk| disk.attachment.name.clone()).collect::<Vec<_>>();
    if candidates.is_empty() {
        return Err(ChoiceError::NotFound { partition, seen: names(&disks.iter().collect::<Vec<_>>()) });
    }
    let mut agreeing =
        candidates.iter().filter(|disk| compare(&disk.attachment, &source.device_path) == Agreement::Same);
    match (agreeing.next(), agreeing.next()) {
        (Some(only), None) => Ok(only),
        _ => Err(ChoiceError::Ambiguous { candidates: names(&candidates) }),
    }
}

/// How long the set of disks must have stayed the same before a choice that another disk could still overturn is made.
pub const QUIET_PERIOD: Duration = Duration::from_secs(1);

/// What to do now, while disks are still appearing.
#[derive(Debug, PartialEq, Eq)]
pub enum Decision<'a> {
    /// This is the disk; no disk that appears later can change that.
    Chosen(&'a Disk),
    /// Look again when a disk appears or the quiet period is over.
    Wait(ChoiceError),
    /// Waiting will not help.
    Refused(ChoiceError),
}

/// Decides while disks are appearing. `unchanged_for` is how long the set of disks has been the same.
#[must_use]
pub fn decide<'a>(disks: &'a [Disk], source: &BootSource, unchanged_for: Duration) -> Decision<'a> {
    match choose(disks, source) {
        // A copy may still appear; only the place that the firmware names is beyond doubt.
        Ok(disk)
            if unchanged_for >= QUIET_PERIOD || compare(&disk.attachment, &source.device_path) == Agreement::Same =>
        {
            Decision::Chosen(disk)
        }
        Ok(_) => Decision::Wait(ChoiceError::NotFound {
            partition: source.loader_partition.unwrap_or_default(),
            seen: Vec::new(),
        }),
        Err(ChoiceError::LoaderSilent) => Decision::Refused(ChoiceError::LoaderSilent),
        Err(error @ ChoiceError::Ambiguous { .. }) if unchanged_for >= QUIET_PERIOD => Decision::Refused(error),
        Err(error) => Decision::Wait(error),
    }
}

#[cfg(test)]
mod tests {
    use super::{BootSource, ChoiceError, Decision, Disk, QUIET_PERIOD, choose, decide};
    use crate::device_path::Node;
    use crate::hardware::Attachment;
    use std::time::Duration;
    use uuid::Uuid;

    const ESP: Uuid = Uuid::from_u128(1);
    const OTHER: Uuid = Uuid::from_u128(2);

    fn disk(name: &str, slot: u8, partition: Uuid) -> Disk {
        let sysfs_path = format!("/devices/pci0000:00/0000:00:{slot:02x}.0/virtio1/block/{name}");
        Disk { attachment: Attachment { name: name.into(), sysfs_path, ata_port: None }, partitions: vec![partition] }
    }

    fn source(slot: Option<u8>) -> BootSource {
        let path = |device| vec![Node::PciRoot { unique_id: 0 }, Node::Pci { device, function: 0 }];
        BootSource { loader_partition: Some(ESP), device_path: slot.map(path).unwrap_or_default() }
    }

    #[test]
    fn the_only_disk_with_the_loader_partition_is_chosen_wherever_it_is() {
        let disks = [disk("vda", 3, OTHER), disk("vdb", 4, ESP)];
        assert_eq!(choose(&disks, &source(Some(9))).unwrap().attachment.name, "vdb");
    }

    #[test]
    fn between_copies_the_firmware_path_decides() {
        let disks = [disk("vda", 3, ESP), disk("vdb", 4, ESP)];
        assert_eq!(choose(&disks, &source(Some(4))).unwrap().attachment.name, "vdb");
        assert_eq!(choose(&disks, &source(Some(3))).unwrap().attachment.name, "vda");
    }

    #[test]
    fn copies_that_nothing_tells_apart_are_refused_by_name() {
        let disks = [disk("vda", 3, ESP), disk("vdb", 4, ESP)];
        let error = choose(&disks, &source(None)).unwrap_err();
        assert_eq!(error, ChoiceError::Ambiguous { candidates: vec!["vda".into(), "vdb".into()] });
        assert!(error.to_string().starts_with("vda, vdb are copies"), "{error}");
    }

    #[test]
    fn a_disk_without_the_partition_is_never_chosen() {
        let disks = [disk("vda", 3, OTHER)];
        assert_eq!(
            choose(&disks, &source(Some(3))),
            Err(ChoiceError::NotFound { partition: ESP, seen: vec!["vda".into()] })
        );
        assert_eq!(choose(&disks, &BootSource::default()), Err(ChoiceError::LoaderSilent));
    }

    #[test]
    fn the_place_that_the_firmware_names_is_chosen_at_once() {
        let disks = [disk("vda", 3, ESP)];
        assert_eq!(decide(&disks, &source(Some(3)), Duration::ZERO), Decision::Chosen(&disks[0]));
    }

    #[test]
    fn without_a_place_the_disks_must_have_settled() {
        let disks = [disk("vda", 3, ESP)];
        assert!(matches!(decide(&disks, &source(None), Duration::ZERO), Decision::Wait(_)));
        assert_eq!(decide(&disks, &source(None), QUIET_PERIOD), Decision::Chosen(&disks[0]));
    }

    #[test]
    fn copies_are_refused_only_once_the_disks_have_settled() {
        let disks = [disk("vda", 3, ESP), disk("vdb", 4, ESP)];
        assert!(matches!(decide(&disks, &source(None), Duration::ZERO), Decision::Wait(_)));
        assert!(matches!(decide(&disks, &source(None), QUIET_PERIOD), Decision::Refused(_)));
    }
}

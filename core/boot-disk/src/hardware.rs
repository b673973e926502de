//! Where a disk is attached, as Linux says it, and whether that is where the firmware's device path points.

use crate::device_path::Node;

/// Where a disk is attached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attachment {
    /// The kernel's name of the disk, such as `nvme0n1`.
    pub name: String,
    /// Path in sysfs without `/sys`, such as `/devices/pci0000:00/0000:00:03.0/virtio1/block/vda`.
    pub sysfs_path: String,
    /// For SATA disks the port on their controller, from one (`ata_port/*/port_no`).
    pub ata_port: Option<u16>,
}

/// Whether a disk is where a device path points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Everything that both sides say agrees.
    Same,
    /// Something that both sides say differs.
    Different,
    /// The path says nothing that can be compared (for example a short-form path that starts at the partition).
    Unknown,
}

/// Compares an attachment with a device path node by node.
#[must_use]
pub fn compare(attachment: &Attachment, path: &[Node]) -> Agreement {
    let wanted: Vec<(u8, u8)> = path
        .iter()
        .filter_map(|node| match node {
            Node::Pci { device, function } => Some((*device, *function)),
            _ => None,
        })
        .collect();
    if wanted.is_empty() || !matches!(path.first(), Some(Node::PciRoot { .. })) {
        return Agreement::Unknown;
    }
    if pci_chain(&attachment.sysfs_path) != wanted {
        return Agreement::Different;
    }
    let below: Vec<bool> = path.iter().filter_map(|node| compare_below_pci(attachment, node)).collect();
    if usb_ports(path).is_some_and(|ports| ports != sysfs_usb_ports(&attachment.sysfs_path)) || below.contains(&false) {
        return Agreement::Different;
    }
    Agreement::Same
}

/// Compares what identifies the disk behind its controller; nothing where one side does not say.
fn compare_below_pci(attachment: &Attachment, node: &Node) -> Option<bool> {
    match node {
        Node::Sata { port } => attachment.ata_port.map(|have| have == port.saturating_add(1)),
        Node::NvmeNamespace { id } => {
            let (_, namespace) = attachment.name.strip_prefix("nvme")?.split_once('n')?;
            Some(namespace.parse() == Ok(*id))
        }
        Node::Scsi { target, lun } => {
            // The directory of the disk is host:channel:target:lun.
            let address = attachment.sysfs_path.split('/').rev().find(|part| part.matches(':').count() == 3)?;
            let mut numbers = address.split(':').skip(2);
            Some(numbers.next()?.parse() == Ok(*target) && numbers.next()?.parse() == Ok(*lun))
        }
        _ => None,
    }
}

/// Device and function of every PCI device from the root bus to the disk.
fn pci_chain(sysfs_path: &str) -> Vec<(u8, u8)> {
    sysfs_path.split('/').filter_map(pci_address).collect()
}

/// Reads `0000:00:1f.2`; anything else is not a PCI address.
fn pci_address(part: &str) -> Option<(u8, u8)> {
    let (domain, rest) = part.split_once(':')?;
    let (bus, rest) = rest.split_once(':')?;
    let (device, function) = rest.split_once('.')?;
    if domain.len() < 4 || bus.len() != 2 || device.len() != 2 {
        return None;
    }
    u32::from_str_radix(domain, 16).ok()?;
    u8::from_str_radix(bus, 16).ok()?;
    Some((u8::from_str_radix(device, 16).ok()?, u8::from_str_radix(function, 16).ok()?))
}

/// Ports from the root hub down, from one as Linux counts.
fn usb_ports(path: &[Node]) -> Option<Vec<u16>> {
    let ports: Vec<u16> = path
        .iter()
        .filter_map(|node| match node {
            Node::Usb { port } => Some(u16::from(*port) + 1),
            _ => None,
        })
        .collect();
    (!ports.is_empty()).then_some(ports)
}

/// The ports in the last USB device of a sysfs path: `2-1.4` is port 1, then port 4.
fn sysfs_usb_ports(sysfs_path: &str) -> Vec<u16> {
    sysfs_path
        .split('/')
        .rev()
        .filter(|part| !part.contains(':'))
        .find_map(|part| {
            let (bus, ports) = part.split_once('-')?;
            bus.parse::<u16>().ok()?;
            ports.split('.').map(|port| port.parse().ok()).collect::<Option<Vec<u16>>>()
        })
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{Agreement, Attachment, compare};
    use crate::device_path::Node;

    fn disk(name: &str, sysfs_path: &str, ata_port: Option<u16>) -> Attachment {
        Attachment { name: name.into(), sysfs_path: sysfs_path.into(), ata_port }
    }

    const ROOT: Node = Node::PciRoot { unique_id: 0 };

    #[test]
    fn virtio_disks_differ_by_pci_address() {
        let path = [ROOT, Node::Pci { device: 3, function: 0 }];
        let first = disk("vda", "/devices/pci0000:00/0000:00:03.0/virtio1/block/vda", None);
        let second = disk("vdb", "/devices/pci0000:00/0000:00:04.0/virtio2/block/vdb", None);
        assert_eq!(compare(&first, &path), Agreement::Same);
        assert_eq!(compare(&second, &path), Agreement::Different);
    }

    #[test]
    fn nvme_behind_a_bridge_agrees_by_the_whole_chain_and_the_namespace() {
        let bridge = Node::Pci { device: 0x1c, function: 4 };
        let path = [ROOT, bridge, Node::Pci { device: 0, function: 0 }, Node::NvmeNamespace { id: 1 }];
        let place = "/devices/pci0000:00/0000:00:1c.4/0000:02:00.0/nvme/nvme0/";
        assert_eq!(compare(&disk("nvme0n1", &format!("{place}nvme0n1"), None), &path), Agreement::Same);
        assert_eq!(compare(&disk("nvme0n2", &format!("{place}nvme0n2"), None), &path), Agreement::Different);
    }

    #[test]
    fn sata_disks_on_one_controller_differ_by_port() {
        let path = [ROOT, Node::Pci { device: 0x1f, function: 2 }, Node::Sata { port: 1 }];
        let place = "/devices/pci0000:00/0000:00:1f.2/ata2/host1/target1:0:0/1:0:0:0/block/sda";
        assert_eq!(compare(&disk("sda", place, Some(2)), &path), Agreement::Same);
        assert_eq!(compare(&disk("sda", place, Some(1)), &path), Agreement::Different);
    }

    #[test]
    fn scsi_disks_differ_by_target_and_lun() {
        let path = [ROOT, Node::Pci { device: 2, function: 0 }, Node::Scsi { target: 1, lun: 0 }];
        let place = |target: u8| {
            format!("/devices/pci0000:00/0000:00:02.0/virtio0/host0/target0:0:{target}/0:0:{target}:0/block/sda")
        };
        assert_eq!(compare(&disk("sda", &place(1), None), &path), Agreement::Same);
        assert_eq!(compare(&disk("sda", &place(0), None), &path), Agreement::Different);
    }

    #[test]
    fn usb_sticks_differ_by_port() {
        let path = [ROOT, Node::Pci { device: 0x14, function: 0 }, Node::Usb { port: 3 }];
        let place = |port: u8| {
            format!("/devices/pci0000:00/0000:00:14.0/usb1/1-{port}/1-{port}:1.0/host4/target4:0:0/4:0:0:0/block/sdb")
        };
        assert_eq!(compare(&disk("sdb", &place(4), None), &path), Agreement::Same);
        assert_eq!(compare(&disk("sdb", &place(3), None), &path), Agreement::Different);
    }

    #[test]
    fn a_short_form_path_cannot_be_compared() {
        let path = [Node::Partition { uuid: uuid::Uuid::nil() }];
        let any = disk("sda", "/devices/pci0000:00/0000:00:1f.2/ata1/block/sda", None);
        assert_eq!(compare(&any, &path), Agreement::Unknown);
        assert_eq!(compare(&any, &[]), Agreement::Unknown);
    }
}

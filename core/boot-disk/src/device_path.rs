//! EFI load options (`Boot####`) and device paths (UEFI 2.10, 3.1.3 and 10.3).

use uuid::Uuid;

/// Most nodes accepted in one path; real ones have about ten.
const MAXIMUM_NODES: usize = 64;

/// One node of a device path, as far as it helps to find a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    /// A PCI root bridge; `unique_id` is ACPI's `_UID`.
    PciRoot {
        /// `_UID` of the bridge.
        unique_id: u32,
    },
    /// A device on a PCI bus.
    Pci {
        /// Device number on its bus.
        device: u8,
        /// Function of the device.
        function: u8,
    },
    /// A SATA port of the controller before it.
    Sata {
        /// Port, from zero.
        port: u16,
    },
    /// A SCSI target.
    Scsi {
        /// Target number.
        target: u16,
        /// Logical unit.
        lun: u16,
    },
    /// A USB port of the hub or controller before it.
    Usb {
        /// Port, from zero.
        port: u8,
    },
    /// An NVMe namespace.
    NvmeNamespace {
        /// Namespace identifier, from one.
        id: u32,
    },
    /// A partition of the disk before it.
    Partition {
        /// GPT partition UUID.
        uuid: Uuid,
    },
    /// Anything else.
    Other {
        /// Node type.
        kind: u8,
        /// Node subtype.
        subtype: u8,
    },
}

/// Why a load option cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DevicePathError {
    /// It ends in the middle of something.
    #[error("the boot option is cut short at byte {offset}")]
    Truncated {
        /// Where the data ended.
        offset: usize,
    },
    /// A node claims an impossible length.
    #[error("the boot option has a node of impossible length at byte {offset}")]
    BadLength {
        /// Where the node starts.
        offset: usize,
    },
    /// More nodes than any real path has.
    #[error("the boot option has more than {MAXIMUM_NODES} device path nodes")]
    TooManyNodes,
}

/// Reads the device path of a load option, the value of a `Boot####` variable behind its attributes.
///
/// # Errors
/// When the option is cut short or inconsistent.
pub fn from_load_option(option: &[u8]) -> Result<Vec<Node>, DevicePathError> {
    // UINT32 Attributes; UINT16 FilePathListLength; CHAR16 Description[] with NUL; EFI_DEVICE_PATH_PROTOCOL FilePathList[].
    let length = match option.get(4..6) {
        Some([low, high]) => usize::from(u16::from_le_bytes([*low, *high])),
        _ => return Err(DevicePathError::Truncated { offset: option.len() }),
    };
    let description = &option[6..];
    let terminator = description
        .chunks_exact(2)
        .position(|pair| pair == [0, 0])
        .ok_or(DevicePathError::Truncated { offset: option.len() })?;
    let start = 6 + (terminator + 1) * 2;
    let path = option.get(start..start + length).ok_or(DevicePathError::Truncated { offset: option.len() })?;
    parse(path)
}

/// Reads the first instance of a device path up to its end node.
///
/// # Errors
/// When a node is cut short or has an impossible length.
pub fn parse(path: &[u8]) -> Result<Vec<Node>, DevicePathError> {
    let mut nodes = Vec::new();
    let mut offset = 0;
    loop {
        let header = path.get(offset..offset + 4).ok_or(DevicePathError::Truncated { offset })?;
        let (kind, subtype) = (header[0], header[1]);
        let length = usize::from(u16::from_le_bytes([header[2], header[3]]));
        if length < 4 {
            return Err(DevicePathError::BadLength { offset });
        }
        // 0x7f is the end of the path (0xff) or of this instance (0x01): either way this disk is described.
        if kind == 0x7f {
            return Ok(nodes);
        }
        let data = path.get(offset + 4..offset + length).ok_or(DevicePathError::Truncated { offset })?;
        if nodes.len() == MAXIMUM_NODES {
            return Err(DevicePathError::TooManyNodes);
        }
        nodes.push(node(kind, subtype, data));
        offset += length;
    }
}

fn node(kind: u8, subtype: u8, data: &[u8]) -> Node {
    let u16_at = |at: usize| data.get(at..at + 2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]));
    let u32_at =
        |at: usize| data.get(at..at + 4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]));
    let known = match (kind, subtype) {
        (0x01, 0x01) => data.get(..2).map(|bytes| Node::Pci { function: bytes[0], device: bytes[1] }),
        (0x02, 0x01) => match (u32_at(0), u32_at(4)) {
            // EISA identifiers of PNP0A03 (PCI) and PNP0A08 (PCI Express).
            (Some(0x0a03_41d0 | 0x0a08_41d0), Some(unique_id)) => Some(Node::PciRoot { unique_id }),
            _ => None,
        },
        (0x03, 0x02) => u16_at(0).zip(u16_at(2)).map(|(target, lun)| Node::Scsi { target, lun }),
        (0x03, 0x05) => data.first().map(|port| Node::Usb { port: *port }),
        (0x03, 0x12) => u16_at(0).map(|port| Node::Sata { port }),
        (0x03, 0x17) => u32_at(0).map(|id| Node::NvmeNamespace { id }),
        // Partition number, start, size, signature (16 bytes), format, signature type (2 = GUID).
        (0x04, 0x01) if data.get(37) == Some(&2) => data
            .get(20..36)
            .and_then(|bytes| <[u8; 16]>::try_from(bytes).ok())
            .map(|bytes| Node::Partition { uuid: Uuid::from_bytes_le(bytes) }),
        _ => None,
    };
    known.unwrap_or(Node::Other { kind, subtype })
}

#[cfg(test)]
mod tests {
    use super::{DevicePathError, Node, from_load_option};
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    /// `Boot0001` of OVMF for a virtio disk at PCI 00:03.0, as efivarfs shows it behind the attributes.
    fn virtio_option() -> Vec<u8> {
        let path = [
            &[0x02, 0x01, 12, 0, 0xd0, 0x41, 0x03, 0x0a, 0, 0, 0, 0][..],
            &[0x01, 0x01, 6, 0, 0, 3],
            &[0x7f, 0xff, 4, 0],
        ]
        .concat();
        let mut option = vec![1, 0, 0, 0];
        option.extend(u16::try_from(path.len()).unwrap().to_le_bytes());
        option.extend("UEFI Misc Device\0".encode_utf16().flat_map(u16::to_le_bytes));
        option.extend(path);
        option.extend([0x4e, 0xac, 0x08, 0x81]);
        option
    }

    #[test]
    fn reads_a_firmware_made_option() {
        let nodes = from_load_option(&virtio_option()).unwrap();
        assert_eq!(nodes, [Node::PciRoot { unique_id: 0 }, Node::Pci { device: 3, function: 0 }]);
    }

    #[test]
    fn a_cut_option_is_an_error_at_every_length() {
        let option = virtio_option();
        for length in 0..option.len() - 4 {
            assert!(from_load_option(&option[..length]).is_err(), "accepted {length} bytes");
        }
    }

    #[test]
    fn a_node_of_length_zero_does_not_loop() {
        let mut option = virtio_option();
        let first_node = option.len() - 4 - 22;
        option[first_node + 2] = 0;
        assert_eq!(from_load_option(&option), Err(DevicePathError::BadLength { offset: 0 }));
    }

    proptest! {
        #[test]
        fn any_bytes_give_an_answer(bytes in vec(any::<u8>(), 0..512)) {
            let _ = from_load_option(&bytes);
        }
    }
}

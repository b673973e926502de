//! What bytes are, told by their signatures and never by a file's name.

use super::part::Part;
use anyhow::anyhow;
use std::io;

/// What was recognised. A signature is only a claim: reading the whole may still fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// A GUID partition table.
    Disk,
    /// A PE file: UKI, boot loader, kernel.
    PeImage,
    /// An EROFS file system.
    Erofs,
    /// A dm-verity superblock.
    Verity,
    /// A FAT file system.
    Fat,
    /// An uncompressed initrd.
    Cpio,
    /// Text that could be a lockfile.
    Json,
    /// Something that is named but not read.
    Foreign(&'static str),
}

/// Enough for every signature below.
const START_BYTES: usize = 8192;
const GPT: &[u8] = b"EFI PART";

/// Signatures of what is named but not read: offset, bytes, name.
const FOREIGN: [(usize, &[u8], &str); 12] = [
    (0, b"LUKS\xba\xbe", "luks"),
    (1080, b"\x53\xef", "ext4"),
    (0, b"hsqs", "squashfs"),
    (0, b"XFSB", "xfs"),
    (4086, b"SWAPSPACE2", "swap"),
    (0, b"\x28\xb5\x2f\xfd", "zstd"),
    (0, b"\x1f\x8b", "gzip"),
    (0, b"\xfd7zXZ\0", "xz"),
    (0, b"QFI\xfb", "qcow2"),
    (0, b"!<arch>\n", "debian-package"),
    (0, b"\x7fELF", "elf"),
    (257, b"ustar", "tar"),
];

impl Content {
    /// Looks for signatures; nothing where there is none.
    pub fn of(part: &Part) -> io::Result<Option<Self>> {
        let start = part.start(START_BYTES)?;
        let has = |offset: usize, bytes: &[u8]| start.get(offset..).is_some_and(|rest| rest.starts_with(bytes));
        if has(512, GPT) || has(4096, GPT) {
            return Ok(Some(Self::Disk));
        }
        let known = [
            (is_pe(&start), Self::PeImage),
            (has(1024, &0xe0f5_e1e2_u32.to_le_bytes()), Self::Erofs),
            (has(0, b"verity\0\0"), Self::Verity),
            (is_fat(&start), Self::Fat),
            (has(0, b"07070"), Self::Cpio),
        ];
        if let Some((_, content)) = known.into_iter().find(|(found, _)| *found) {
            return Ok(Some(content));
        }
        if let Some((_, _, name)) = FOREIGN.into_iter().find(|(offset, bytes, _)| has(*offset, bytes)) {
            return Ok(Some(Self::Foreign(name)));
        }
        // A disk whose start is damaged still has its backup table, or at least the sector that protects it.
        let is_protective =
            has(510, b"\x55\xaa") && (446..510).step_by(16).any(|entry| start.get(entry + 4) == Some(&0xee));
        if is_protective || ends_with_gpt(part)? {
            return Ok(Some(Self::Disk));
        }
        let first = start.iter().find(|byte| !byte.is_ascii_whitespace());
        Ok((first == Some(&b'{')).then_some(Self::Json))
    }

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Disk => "disk-image",
            Self::PeImage => "pe-image",
            Self::Erofs => "erofs",
            Self::Verity => "verity",
            Self::Fat => "fat",
            Self::Cpio => "initrd",
            Self::Json => "json",
            Self::Foreign(name) => name,
        }
    }
}

/// Says what was looked for in something that was not recognised.
pub fn unknown(part: &Part, found: Option<Content>) -> anyhow::Error {
    match found {
        Some(Content::Foreign(name @ ("zstd" | "gzip" | "xz"))) => {
            anyhow!("it is compressed with {name}; decompress it first")
        }
        Some(Content::Foreign("qcow2")) => {
            anyhow!("it is a qcow2 disk image; convert it first: qemu-img convert -O raw FILE raw.img")
        }
        Some(Content::Foreign(name)) => anyhow!("it holds {name}, which piccolo does not look into"),
        _ => {
            let first = part.start(8).map(hex::encode).unwrap_or_default();
            anyhow!(
                "it begins with the bytes {first} and was recognised as nothing that piccolo knows: a disk image (GPT), a UKI \
                 or other PE file, an EROFS, dm-verity or FAT partition, an uncompressed initrd (cpio), a lockfile"
            )
        }
    }
}

fn is_pe(start: &[u8]) -> bool {
    let header = start.get(0x3c..).and_then(|rest| rest.first_chunk::<4>()).map(|bytes| u32::from_le_bytes(*bytes));
    // A header beyond the first bytes is allowed by the format and used by nobody.
    let signature = header.and_then(|offset| start.get(usize::try_from(offset).ok()?..));
    start.starts_with(b"MZ") && signature.is_some_and(|rest| rest.starts_with(b"PE\0\0"))
}

fn is_fat(start: &[u8]) -> bool {
    let jumps = matches!(start.first(), Some(0xeb | 0xe9));
    let named = |offset: usize| start.get(offset..).is_some_and(|rest| rest.starts_with(b"FAT"));
    jumps && start.get(510..512) == Some(b"\x55\xaa") && (named(54) || named(82))
}

fn ends_with_gpt(part: &Part) -> io::Result<bool> {
    for sector in [512, 4096] {
        let mut signature = [0; 8];
        let Some(last) = part.length().checked_sub(sector) else { continue };
        part.read_all_at(&mut signature, last / sector * sector)?;
        if signature == GPT {
            return Ok(true);
        }
    }
    Ok(false)
}

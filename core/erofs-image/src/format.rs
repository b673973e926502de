//! The on-disk structures, as in Linux's `fs/erofs/erofs_fs.h`. All numbers are little endian.

use crate::checksum;
use file_tree::tree::{DeviceNumber, Timestamp};

/// Where the superblock starts; the bytes before it are left to boot loaders.
pub(crate) const SUPERBLOCK_OFFSET: usize = 1024;
/// Length of the superblock without extension slots.
pub(crate) const SUPERBLOCK_LENGTH: usize = 128;
/// Block size as a power of two.
pub(crate) const BLOCK_BITS: u8 = 12;
/// Inodes lie at multiples of this; an inode's number is its offset divided by it.
pub(crate) const INODE_SLOT: u64 = 32;
/// Length of a directory entry without its name.
pub(crate) const DIRENT_LENGTH: usize = 12;
/// Stands for "no block": a hole, or a file without blocks of its own.
pub(crate) const NULL_BLOCK: u32 = u32::MAX;
/// Longest volume label in bytes; the sixteenth byte stays zero.
pub(crate) const MAXIMUM_LABEL: usize = 15;

const MAGIC: u32 = 0xe0f5_e1e2;
const COMPAT_CHECKSUM: u32 = 1;
const COMPAT_MTIME: u32 = 2;
/// Some file is chunk-based. Linux 5.15.
pub(crate) const INCOMPAT_CHUNKED_FILE: u32 = 4;
/// `format` of a chunk-based inode: the low bits are log2 of the blocks per chunk.
pub(crate) const CHUNK_BITS_MASK: u32 = 0x1f;
/// `format` of a chunk-based inode: eight-byte entries with a device number instead of plain block numbers.
pub(crate) const CHUNK_INDEXES: u32 = 0x20;

/// How an inode's data is stored (bits 1 to 3 of `i_format`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataLayout {
    /// Whole blocks, one after the other.
    Plain,
    /// Whole blocks, and the rest right behind the inode.
    Inline,
    /// A table of chunks behind the inode.
    Chunked,
}

impl DataLayout {
    fn code(self) -> u16 {
        match self {
            Self::Plain => 0,
            Self::Inline => 2,
            Self::Chunked => 4,
        }
    }

    fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0 => Self::Plain,
            2 => Self::Inline,
            4 => Self::Chunked,
            _ => return None,
        })
    }
}

/// The superblock's fields that vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Superblock {
    pub(crate) incompatible_features: u32,
    pub(crate) root_inode: u16,
    pub(crate) inodes: u64,
    pub(crate) build_time: Timestamp,
    pub(crate) blocks: u32,
    pub(crate) metadata_block: u32,
    pub(crate) xattr_block: u32,
    pub(crate) uuid: [u8; 16],
    pub(crate) label: [u8; 16],
}

/// Why bytes are not a superblock we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SuperblockFault {
    Magic,
    BlockSize(u8),
    Features(u32),
    Checksum,
}

impl Superblock {
    /// The whole first block of the image, checksum included.
    pub(crate) fn encode_block(&self) -> Vec<u8> {
        let mut block = vec![0; crate::BLOCK_SIZE as usize];
        let mut writer = Fields { bytes: &mut block[SUPERBLOCK_OFFSET..SUPERBLOCK_OFFSET + SUPERBLOCK_LENGTH], at: 0 };
        writer.u32(MAGIC);
        writer.u32(0); // the checksum, below
        writer.u32(COMPAT_CHECKSUM | COMPAT_MTIME);
        writer.u8(BLOCK_BITS);
        writer.u8(0); // no extension slots
        writer.u16(self.root_inode);
        writer.u64(self.inodes);
        writer.u64(self.build_time.seconds.cast_unsigned());
        writer.u32(self.build_time.nanoseconds);
        writer.u32(self.blocks);
        writer.u32(self.metadata_block);
        writer.u32(self.xattr_block);
        writer.bytes(&self.uuid);
        writer.bytes(&self.label);
        writer.u32(self.incompatible_features);
        let checksum = checksum::extend(checksum::START, &block[SUPERBLOCK_OFFSET..]);
        block[SUPERBLOCK_OFFSET + 4..SUPERBLOCK_OFFSET + 8].copy_from_slice(&checksum.to_le_bytes());
        block
    }

    /// Reads the first block of an image.
    pub(crate) fn decode_block(block: &[u8; crate::BLOCK_SIZE as usize]) -> Result<Self, SuperblockFault> {
        let superblock = &block[SUPERBLOCK_OFFSET..SUPERBLOCK_OFFSET + SUPERBLOCK_LENGTH];
        if u32_at(superblock, 0) != MAGIC {
            return Err(SuperblockFault::Magic);
        }
        if superblock[12] != BLOCK_BITS {
            return Err(SuperblockFault::BlockSize(superblock[12]));
        }
        let incompatible_features = u32_at(superblock, 80);
        if incompatible_features & !INCOMPAT_CHUNKED_FILE != 0 {
            return Err(SuperblockFault::Features(incompatible_features));
        }
        if u32_at(superblock, 8) & COMPAT_CHECKSUM != 0 {
            let state = checksum::extend(checksum::START, &block[SUPERBLOCK_OFFSET..SUPERBLOCK_OFFSET + 4]);
            let state = checksum::extend(state, &[0; 4]);
            if checksum::extend(state, &block[SUPERBLOCK_OFFSET + 8..]) != u32_at(superblock, 4) {
                return Err(SuperblockFault::Checksum);
            }
        }
        let mut uuid = [0; 16];
        uuid.copy_from_slice(&superblock[48..64]);
        let mut label = [0; 16];
        label.copy_from_slice(&superblock[64..80]);
        Ok(Self {
            incompatible_features,
            root_inode: u16_at(superblock, 14),
            inodes: u64_at(superblock, 16),
            build_time: Timestamp {
                seconds: u64_at(superblock, 24).cast_signed(),
                nanoseconds: u32_at(superblock, 32).min(999_999_999),
            },
            blocks: u32_at(superblock, 36),
            metadata_block: u32_at(superblock, 40),
            xattr_block: u32_at(superblock, 44),
            uuid,
            label,
        })
    }
}

/// An inode without its extended attributes and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawInode {
    pub(crate) layout: DataLayout,
    /// Four-byte units of inline extended attributes, as [`xattr_units`] counts them.
    pub(crate) xattr_units: u16,
    /// File type and permissions, as `st_mode`.
    pub(crate) mode: u16,
    pub(crate) links: u32,
    pub(crate) size: u64,
    /// First block, device number or chunk format, by kind and layout.
    pub(crate) union: u32,
    pub(crate) number: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Nothing: the image's build time.
    pub(crate) mtime: Option<Timestamp>,
}

impl RawInode {
    /// Length of the short form, which has no time of its own, 16-bit owners and a 32-bit size.
    pub(crate) const COMPACT_LENGTH: usize = 32;
    /// Length of the full form.
    pub(crate) const EXTENDED_LENGTH: usize = 64;

    /// Whether these fields fit the short form.
    pub(crate) fn is_compact(&self) -> bool {
        self.mtime.is_none()
            && u16::try_from(self.links).is_ok()
            && u32::try_from(self.size).is_ok()
            && u16::try_from(self.uid).is_ok()
            && u16::try_from(self.gid).is_ok()
    }

    /// Appends the inode in the short form where it fits, else in the full form, which needs `build_time` for a missing time.
    pub(crate) fn encode(&self, build_time: Timestamp, out: &mut Vec<u8>) {
        let compact = self.is_compact();
        let start = out.len();
        out.resize(start + if compact { Self::COMPACT_LENGTH } else { Self::EXTENDED_LENGTH }, 0);
        let mut writer = Fields { bytes: &mut out[start..], at: 0 };
        writer.u16(self.layout.code() << 1 | u16::from(!compact));
        writer.u16(self.xattr_units);
        writer.u16(self.mode);
        if compact {
            // `is_compact` has checked that nothing is cut off here.
            writer.u16(self.links as u16);
            writer.u32(self.size as u32);
            writer.u32(0);
            writer.u32(self.union);
            writer.u32(self.number);
            writer.u16(self.uid as u16);
            writer.u16(self.gid as u16);
        } else {
            let mtime = self.mtime.unwrap_or(build_time);
            writer.u16(0);
            writer.u64(self.size);
            writer.u32(self.union);
            writer.u32(self.number);
            writer.u32(self.uid);
            writer.u32(self.gid);
            writer.u64(mtime.seconds.cast_unsigned());
            writer.u32(mtime.nanoseconds);
            writer.u32(self.links);
        }
    }

    /// Length of the inode whose `i_format` is given.
    pub(crate) fn length_of(format: u16) -> usize {
        if format & 1 == 0 { Self::COMPACT_LENGTH } else { Self::EXTENDED_LENGTH }
    }

    /// Reads an inode; `bytes` has at least [`Self::length_of`] its first two bytes. Nothing for a layout we do not read.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let format = u16_at(bytes, 0);
        // Bits above the layout are not defined for Linux 6.1.
        let layout = DataLayout::from_code(format >> 1)?;
        let (xattr_units, mode) = (u16_at(bytes, 2), u16_at(bytes, 4));
        Some(if format & 1 == 0 {
            Self {
                layout,
                xattr_units,
                mode,
                links: u32::from(u16_at(bytes, 6)),
                size: u64::from(u32_at(bytes, 8)),
                union: u32_at(bytes, 16),
                number: u32_at(bytes, 20),
                uid: u32::from(u16_at(bytes, 24)),
                gid: u32::from(u16_at(bytes, 26)),
                mtime: None,
            }
        } else {
            Self {
                layout,
                xattr_units,
                mode,
                size: u64_at(bytes, 8),
                union: u32_at(bytes, 16),
                number: u32_at(bytes, 20),
                uid: u32_at(bytes, 24),
                gid: u32_at(bytes, 28),
                mtime: Some(Timestamp {
                    seconds: u64_at(bytes, 32).cast_signed(),
                    nanoseconds: u32_at(bytes, 40).min(999_999_999),
                }),
                links: u32_at(bytes, 44),
            }
        })
    }
}

/// A device number as Linux's `new_encode_dev`: 12 bits of major, 20 of minor. Nothing for a larger one.
pub(crate) fn encode_device(device: DeviceNumber) -> Option<u32> {
    (device.major < 1 << 12 && device.minor < 1 << 20)
        .then_some(device.minor & 0xff | device.major << 8 | (device.minor & !0xff) << 12)
}

/// The reverse of [`encode_device`].
pub(crate) fn decode_device(code: u32) -> DeviceNumber {
    DeviceNumber { major: code >> 8 & 0xfff, minor: code & 0xff | code >> 12 & 0xf_ff00 }
}

/// The little-endian number at `at`; the caller has checked the length.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

/// The little-endian number at `at`; the caller has checked the length.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

/// The little-endian number at `at`; the caller has checked the length.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from(u32_at(bytes, at)) | u64::from(u32_at(bytes, at + 4)) << 32
}

/// Writes fields one after the other.
struct Fields<'a> {
    bytes: &'a mut [u8],
    at: usize,
}

impl Fields<'_> {
    fn bytes(&mut self, value: &[u8]) {
        self.bytes[self.at..self.at + value.len()].copy_from_slice(value);
        self.at += value.len();
    }

    fn u8(&mut self, value: u8) {
        self.bytes(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.bytes(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.bytes(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.bytes(&value.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::{decode_device, encode_device};
    use file_tree::tree::DeviceNumber;

    #[test]
    fn device_numbers_survive_encoding() {
        for (major, minor) in [(0, 0), (1, 3), (8, 255), (8, 256), (4095, (1 << 20) - 1), (259, 70000)] {
            let device = DeviceNumber { major, minor };
            assert_eq!(decode_device(encode_device(device).unwrap()), device);
        }
        assert_eq!(encode_device(DeviceNumber { major: 1, minor: 3 }), Some(0x103));
        assert_eq!(encode_device(DeviceNumber { major: 4096, minor: 0 }), None);
        assert_eq!(encode_device(DeviceNumber { major: 0, minor: 1 << 20 }), None);
    }
}

//! The header of a patch.

use crate::digest::FrameDigest;
use sha2::{Digest, Sha256};
use std::ops::Range;
use verity_tree::digest::{MAXIMUM_SALT, Salt};

/// First bytes of every patch.
const MAGIC: [u8; 8] = *b"PICPATCH";
/// Version of the format written, and the only one read.
const VERSION: u32 = 1;
/// Magic, version, length of the header.
const FIXED: usize = 16;
/// Longest header read: that of an image of 60 GiB that changed everywhere.
pub const MAXIMUM_HEADER: usize = 2 << 20;
/// Most sources of a patch.
pub const MAXIMUM_SOURCES: usize = 4;
/// Largest source and output.
pub const MAXIMUM_IMAGE: u64 = 1 << 36;
/// Largest output of a frame.
pub(crate) const FRAME: u64 = 4 << 20;
/// A code longer than this for each byte it makes, and a little, is nonsense.
const CODED_SLACK: u64 = 4096;

/// What the header says about a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FrameEntry {
    pub(crate) output_length: u64,
    pub(crate) coded_length: u64,
    pub(crate) digest: FrameDigest,
}

/// Where a frame is, in the patch and in what it makes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The bytes of the output that it makes.
    pub output: Range<u64>,
    /// Its bytes in the patch, counted from the patch's first byte.
    pub coded: Range<u64>,
    /// What the output must hash to.
    pub digest: FrameDigest,
}

/// What a patch is for and what it consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Lengths of the sources in bytes, in order.
    pub sources: Vec<u64>,
    /// Length of the output in bytes.
    pub output: u64,
    /// The salt of the block hashes: that of the new image's verity tree.
    pub salt: Salt,
    /// The frames, in order: their outputs follow each other from the first byte to the last, and so do their codes.
    pub frames: Vec<Frame>,
}

/// Why bytes are no header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum HeaderError {
    /// Other bytes.
    #[error("this is not a patch: its first bytes are not {:?}", MAGIC.escape_ascii().to_string())]
    Magic,
    /// Another version.
    #[error("the patch has format {found}, this version reads {VERSION}; take the chunks or the full image")]
    Version {
        /// The version it says.
        found: u32,
    },
    /// Not what was signed.
    #[error("the patch's header is not the one that the release names; fetch it again or from elsewhere")]
    Hash,
    /// Too few bytes.
    #[error("the patch's header has {needed} bytes, of which {have} are there; fetch the rest")]
    Short {
        /// Bytes that are there.
        have: usize,
        /// Bytes it has.
        needed: usize,
    },
    /// Above a limit, or contradicting itself.
    #[error("the patch's header is damaged: {what}")]
    Damaged {
        /// What is wrong.
        what: &'static str,
    },
}

impl Header {
    /// Number of bytes of the header that begins with these. The first 16 suffice.
    ///
    /// # Errors
    /// When they do not begin a patch, or a header above [`MAXIMUM_HEADER`].
    pub fn length(start: &[u8]) -> Result<usize, HeaderError> {
        let Some((magic, rest)) = start.split_first_chunk::<8>() else {
            return Err(HeaderError::Short { have: start.len(), needed: FIXED });
        };
        if *magic != MAGIC {
            return Err(HeaderError::Magic);
        }
        let Some((numbers, _)) = rest.split_first_chunk::<8>() else {
            return Err(HeaderError::Short { have: start.len(), needed: FIXED });
        };
        let [a, b, c, d, e, f, g, h] = *numbers;
        let version = u32::from_le_bytes([a, b, c, d]);
        if version != VERSION {
            return Err(HeaderError::Version { found: version });
        }
        let length = u32::from_le_bytes([e, f, g, h]) as usize;
        if !(FIXED..=MAXIMUM_HEADER).contains(&length) {
            return Err(HeaderError::Damaged { what: "its length is impossible" });
        }
        Ok(length)
    }

    /// Reads the header at the start of a patch, which must have this SHA-256.
    ///
    /// # Errors
    /// When it is another one, above a limit, or contradicts itself.
    pub fn parse(patch: &[u8], sha256: &[u8; 32]) -> Result<Self, HeaderError> {
        let length = Self::length(patch)?;
        let bytes = patch.get(..length).ok_or(HeaderError::Short { have: patch.len(), needed: length })?;
        if Sha256::digest(bytes).as_slice() != sha256 {
            return Err(HeaderError::Hash);
        }
        Self::parse_unverified(bytes)
    }

    /// Reads a header without knowing its hash: to look at a patch, not to apply it.
    ///
    /// # Errors
    /// When it is above a limit or contradicts itself.
    pub fn parse_unverified(patch: &[u8]) -> Result<Self, HeaderError> {
        let length = Self::length(patch)?;
        let bytes = patch.get(..length).ok_or(HeaderError::Short { have: patch.len(), needed: length })?;
        let mut fields = Fields(&bytes[FIXED..]);
        let count = fields.number_to(MAXIMUM_SOURCES as u64, "it has too many sources")?;
        let sources = (0..count)
            .map(|_| fields.number_to(MAXIMUM_IMAGE, "a source is too large"))
            .collect::<Result<Vec<u64>, _>>()?;
        let output = fields.number_to(MAXIMUM_IMAGE, "the output is too large")?;
        let salt_length = fields.number_to(MAXIMUM_SALT as u64, "the salt is too long")? as usize;
        let salt = fields.bytes(salt_length)?;
        let salt = Salt::new(salt).map_err(|_| HeaderError::Damaged { what: "the salt is too long" })?;
        let count = fields.number_to(length as u64 / 18, "it has more frames than it has room for")?;
        let mut lengths = Vec::with_capacity(count as usize);
        for _ in 0..count {
            let made = fields.number_to(FRAME, "a frame is too large")?;
            let coded = fields.number_to(made + CODED_SLACK, "a frame's code is too long")?;
            lengths.push((made, coded));
        }
        let mut frames = Vec::with_capacity(lengths.len());
        let (mut made_to, mut coded_to) = (0_u64, length as u64);
        for (index, (made, coded)) in lengths.iter().enumerate() {
            if *made == 0 || (index + 1 < lengths.len() && !made.is_multiple_of(verity_tree::BLOCK_SIZE as u64)) {
                return Err(HeaderError::Damaged { what: "a frame is not whole blocks" });
            }
            let digest = FrameDigest(*fields.bytes(16)?.first_chunk().unwrap_or(&[0; 16]));
            frames.push(Frame { output: made_to..made_to + made, coded: coded_to..coded_to + coded, digest });
            (made_to, coded_to) = (made_to + made, coded_to + coded);
        }
        if made_to != output || !fields.0.is_empty() {
            return Err(HeaderError::Damaged { what: "its frames do not make the output" });
        }
        Ok(Self { sources, output, salt, frames })
    }

    /// Length of the whole patch in bytes.
    #[must_use]
    pub fn patch_length(&self) -> u64 {
        self.frames.last().map_or(0, |frame| frame.coded.end)
    }
}

/// Writes the header of these frames.
pub(crate) fn encode(sources: &[u64], output: u64, salt: &Salt, frames: &[FrameEntry]) -> Vec<u8> {
    let mut bytes = [MAGIC.as_slice(), &VERSION.to_le_bytes(), &[0; 4]].concat();
    write_number(&mut bytes, sources.len() as u64);
    sources.iter().for_each(|length| write_number(&mut bytes, *length));
    write_number(&mut bytes, output);
    write_number(&mut bytes, salt.bytes().len() as u64);
    bytes.extend_from_slice(salt.bytes());
    write_number(&mut bytes, frames.len() as u64);
    for frame in frames {
        write_number(&mut bytes, frame.output_length);
        write_number(&mut bytes, frame.coded_length);
    }
    frames.iter().for_each(|frame| bytes.extend_from_slice(&frame.digest.0));
    let length = bytes.len() as u32;
    bytes[12..FIXED].copy_from_slice(&length.to_le_bytes());
    bytes
}

/// Writes a number: seven bits in a byte, the lowest first, the highest bit set in all but the last (LEB128).
pub(crate) fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

/// Where the first operation of a frame most likely reads: at its own place in the last source.
pub(crate) fn first_distance(sources: &[u64]) -> i64 {
    sources.split_last().map_or(0, |(_, before)| before.iter().sum::<u64>()) as i64
}

/// Bytes being read in order.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl<'a> Fields<'a> {
    /// Reads a number; the shortest way to write it is the only one.
    pub(crate) fn number(&mut self) -> Option<u64> {
        let mut number = 0_u64;
        for index in 0..9 {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            number |= u64::from(byte & 0x7f) << (7 * index);
            if byte & 0x80 == 0 {
                return (*byte != 0 || index == 0).then_some(number);
            }
        }
        None
    }

    fn number_to(&mut self, most: u64, what: &'static str) -> Result<u64, HeaderError> {
        let number = self.number().ok_or(HeaderError::Damaged { what: "a number is cut off or not the shortest" })?;
        if number > most {
            return Err(HeaderError::Damaged { what });
        }
        Ok(number)
    }

    pub(crate) fn bytes(&mut self, count: usize) -> Result<&'a [u8], HeaderError> {
        let (bytes, rest) = self.0.split_at_checked(count).ok_or(HeaderError::Damaged { what: "it ends too early" })?;
        self.0 = rest;
        Ok(bytes)
    }
}

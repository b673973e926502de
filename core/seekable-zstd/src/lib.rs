//! Seek tables of zstd files that can be read from their middle.
//!
//! A seekable file is independent zstd frames, one after the other, and behind them a table of their sizes in a skippable frame: zstd
//! reads it as any other file, and a reader with the table begins at any frame. The format is zstd's own
//! (`contrib/seekable_format/zstd_seekable_compression_format.md`, version 0.1.0); only the frames' checksums are left to zstd's frames.

/// Begins the skippable frame that holds the table (`Skippable_Magic_Number`).
const SKIPPABLE: u32 = 0x184D_2A5E;
/// Ends it (`Seekable_Magic_Number`).
const SEEKABLE: u32 = 0x8F92_EAB1;
/// Bytes before the entries.
const HEADER: usize = 8;
/// Set in the descriptor where entries have a checksum.
const WITH_CHECKSUMS: u8 = 0x80;
/// Bits of the descriptor that must be 0 (`Reserved_Bits`).
const RESERVED: u8 = 0x7C;

/// Bytes of the footer, which says how long the table is: the last of the file.
pub const FOOTER: usize = 9;
/// Most frames of a file that is read. With frames of 16 MiB that is 1 TiB.
pub const MAXIMUM_FRAMES: usize = 1 << 16;

/// Sizes of a frame in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// In the file.
    pub compressed: u32,
    /// Of what it decompresses to.
    pub decompressed: u32,
}

/// The frames of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SeekTable {
    frames: Vec<Frame>,
}

/// Where to begin reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Offset in the file: the begin of a frame.
    pub compressed: u64,
    /// What that frame decompresses to begins at this offset of the content.
    pub decompressed: u64,
}

/// Why bytes are no seek table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SeekTableError {
    /// Something else, or cut off.
    #[error("the file has no seek table; read it from its front")]
    Format,
    /// More frames than are read.
    #[error("the seek table has {0} frames, more than {MAXIMUM_FRAMES}; read the file from its front")]
    TooLong(u32),
    /// It is not about this file.
    #[error(
        "the frames of the seek table have {found} bytes, and the file has {expected} before it; read it from its front"
    )]
    Size {
        /// Bytes of the file before the table.
        expected: u64,
        /// Sum of the table's frames.
        found: u64,
    },
}

impl SeekTable {
    /// The table of these frames.
    ///
    /// # Errors
    /// When there are more than [`MAXIMUM_FRAMES`].
    pub fn new(frames: Vec<Frame>) -> Result<Self, SeekTableError> {
        if frames.len() > MAXIMUM_FRAMES {
            return Err(SeekTableError::TooLong(u32::try_from(frames.len()).unwrap_or(u32::MAX)));
        }
        Ok(Self { frames })
    }

    /// The skippable frame to be written behind the others.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let content = self.frames.len() * 8 + FOOTER;
        let mut bytes = Vec::with_capacity(HEADER + content);
        bytes.extend(SKIPPABLE.to_le_bytes());
        bytes.extend((content as u32).to_le_bytes());
        for frame in &self.frames {
            bytes.extend(frame.compressed.to_le_bytes());
            bytes.extend(frame.decompressed.to_le_bytes());
        }
        bytes.extend((self.frames.len() as u32).to_le_bytes());
        bytes.push(0);
        bytes.extend(SEEKABLE.to_le_bytes());
        bytes
    }

    /// How many bytes at the end of the file the table takes, by the last [`FOOTER`] bytes.
    ///
    /// # Errors
    /// When they are not the end of a table, or it is longer than any that is read.
    pub fn length(footer: &[u8; FOOTER]) -> Result<usize, SeekTableError> {
        let (count, descriptor) = read_footer(footer)?;
        Ok(HEADER + count * entry(descriptor) + FOOTER)
    }

    /// Reads a table: the last [`Self::length`] bytes of a file that has `file_size` bytes.
    ///
    /// # Errors
    /// When it is none, or does not account for every byte of the file.
    pub fn parse(bytes: &[u8], file_size: u64) -> Result<Self, SeekTableError> {
        let (rest, footer) = bytes.split_last_chunk::<FOOTER>().ok_or(SeekTableError::Format)?;
        let (count, descriptor) = read_footer(footer)?;
        let (header, entries) = rest.split_first_chunk::<HEADER>().ok_or(SeekTableError::Format)?;
        let (magic, size) = (word(header), word(&header[4..]));
        let complete = entries.len() == count * entry(descriptor) && size as usize == entries.len() + FOOTER;
        if magic != SKIPPABLE || !complete {
            return Err(SeekTableError::Format);
        }
        let entries = entries.chunks_exact(entry(descriptor));
        let frames: Vec<Frame> =
            entries.map(|entry| Frame { compressed: word(entry), decompressed: word(&entry[4..]) }).collect();
        let expected = file_size.checked_sub(bytes.len() as u64).ok_or(SeekTableError::Format)?;
        let found = frames.iter().map(|frame| u64::from(frame.compressed)).sum();
        if expected == found { Ok(Self { frames }) } else { Err(SeekTableError::Size { expected, found }) }
    }

    /// The frames, in their order.
    #[must_use]
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// Bytes of all frames in the file.
    #[must_use]
    pub fn compressed_size(&self) -> u64 {
        self.frames.iter().map(|frame| u64::from(frame.compressed)).sum()
    }

    /// Where to begin in order to read the content from `offset` on: at the last frame that begins at or before it. The end of all frames
    /// for an offset behind the content.
    #[must_use]
    pub fn place_of(&self, offset: u64) -> Place {
        let mut place = Place { compressed: 0, decompressed: 0 };
        for frame in &self.frames {
            let end = place.decompressed + u64::from(frame.decompressed);
            if offset < end {
                break;
            }
            place = Place { compressed: place.compressed + u64::from(frame.compressed), decompressed: end };
        }
        place
    }
}

fn read_footer(footer: &[u8; FOOTER]) -> Result<(usize, u8), SeekTableError> {
    let (count, descriptor, magic) = (word(footer), footer[4], word(&footer[5..]));
    if magic != SEEKABLE || descriptor & RESERVED != 0 {
        return Err(SeekTableError::Format);
    }
    if count as usize > MAXIMUM_FRAMES {
        return Err(SeekTableError::TooLong(count));
    }
    Ok((count as usize, descriptor))
}

/// Bytes of an entry.
fn entry(descriptor: u8) -> usize {
    if descriptor & WITH_CHECKSUMS == 0 { 8 } else { 12 }
}

/// The first four bytes; every caller has them.
fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

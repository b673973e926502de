//! Reading PE/COFF images, with field names and offsets from Microsoft's "PE Format" specification. Input is hostile.

use std::ops::Range;

use thiserror::Error;

use crate::section::{Section, SectionName};

/// More sections than any image has (256 profiles would not fit a header), few enough to go through them freely.
const MAX_SECTIONS: usize = 1024;

/// Size of the signature `PE\0\0` and the COFF file header after it.
pub(crate) const FILE_HEADER_END: usize = 4 + 20;

/// Size of one entry of the section table.
pub(crate) const SECTION_HEADER_SIZE: usize = 40;

/// Index of the certificate table among the data directories.
const CERTIFICATE_DIRECTORY: usize = 4;

/// Why bytes are not a PE image that can be trusted to mean one thing.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PeError {
    /// No `MZ`, `PE\0\0` or optional header magic.
    #[error("not a PE image: {0}")]
    NotPe(&'static str),
    /// The file ends early.
    #[error("the PE image is cut short: {what} would need {needed} bytes, the file has {len}")]
    Truncated {
        /// What lies beyond the end.
        what: String,
        /// End of that, in bytes from the start of the file.
        needed: u64,
        /// Length of the file in bytes.
        len: u64,
    },
    /// Section table too long.
    #[error("the PE image has {count} sections; at most {MAX_SECTIONS} are read")]
    TooManySections {
        /// The count in the header.
        count: usize,
    },
    /// Two sections share bytes, or one lies in the headers.
    #[error("{name} overlaps {other} in {place}; the PE image was made to be misread")]
    Overlap {
        /// The later section.
        name: String,
        /// What it runs into.
        other: String,
        /// Where: in the file, or in memory once loaded.
        place: &'static str,
    },
    /// A section is longer in memory than in the file.
    #[error(
        "section {name} is {in_memory} bytes in memory but {in_file} in the file; the stub would measure the zeros between, \
         which no unified kernel image has: rebuild the image"
    )]
    ZeroFilled {
        /// The section.
        name: String,
        /// `VirtualSize`.
        in_memory: u32,
        /// `SizeOfRawData`.
        in_file: u32,
    },
}

/// A section of a PE image, as its header describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeSection {
    /// The name up to its first NUL byte; bytes that are not printable ASCII are escaped.
    pub name: String,
    /// Where the section starts in memory, relative to the image base, in bytes.
    pub virtual_address: u32,
    /// Length in memory, in bytes.
    pub virtual_size: u32,
    /// Where the content starts in the file, in bytes.
    pub file_offset: u32,
    /// Length in the file including padding, in bytes (`SizeOfRawData`).
    pub file_size: u32,
}

impl PeSection {
    /// Length of the content in bytes, without padding: the smaller of the length in memory and the length in the file.
    pub fn content_size(&self) -> u32 {
        self.virtual_size.min(self.file_size)
    }

    /// Bytes the section takes in memory: a `VirtualSize` of zero means the length in the file.
    pub(crate) fn memory_size(&self) -> u64 {
        u64::from(if self.virtual_size == 0 { self.file_size } else { self.virtual_size })
    }
}

/// A PE image whose headers were checked: every range they name lies in the file and no two sections share bytes.
#[derive(Debug, Clone)]
pub struct PeImage<'a> {
    bytes: &'a [u8],
    layout: HeaderLayout,
    sections: Vec<PeSection>,
    certificate_table: Option<Range<usize>>,
}

/// Where the fields stand that the assembler changes, in bytes from the start of the file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HeaderLayout {
    /// `PE\0\0`.
    pub signature: usize,
    /// Optional header.
    pub optional: usize,
    /// Section table.
    pub section_table: usize,
    /// Entry of the certificate table in the data directories, eight bytes; `None` where the directories are fewer.
    pub certificate_directory: Option<usize>,
}

impl HeaderLayout {
    pub(crate) const NUMBER_OF_SECTIONS: usize = 6;
    pub(crate) const POINTER_TO_SYMBOL_TABLE: usize = 12;

    pub(crate) const SIZE_OF_INITIALIZED_DATA: usize = 8;
    pub(crate) const SECTION_ALIGNMENT: usize = 32;
    pub(crate) const FILE_ALIGNMENT: usize = 36;
    pub(crate) const SIZE_OF_IMAGE: usize = 56;
    pub(crate) const SIZE_OF_HEADERS: usize = 60;
    pub(crate) const CHECKSUM: usize = 64;
    pub(crate) const DLL_CHARACTERISTICS: usize = 70;
}

impl<'a> PeImage<'a> {
    /// Reads and checks the headers of `bytes`; the contents are looked at only when asked for.
    ///
    /// # Errors
    /// [`PeError`], for anything that is not a PE image or whose headers contradict the file or each other.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, PeError> {
        let layout = parse_layout(bytes)?;
        let sections = parse_section_table(bytes, layout)?;
        let certificate_table = parse_certificate_table(bytes, layout)?;
        let image = Self { bytes, layout, sections, certificate_table };
        image.check_sections_are_disjoint()?;
        Ok(image)
    }

    /// The sections in the order of the section table.
    pub fn sections(&self) -> &[PeSection] {
        &self.sections
    }

    /// The content of a section of this image, without padding. Empty for a section that is not of this image and does not fit it.
    pub fn content(&self, section: &PeSection) -> &'a [u8] {
        let start = section.file_offset as usize;
        start
            .checked_add(section.content_size() as usize)
            .and_then(|end| self.bytes.get(start..end))
            .unwrap_or_default()
    }

    /// The first section of this name.
    pub fn section(&self, name: &str) -> Option<&PeSection> {
        self.sections.iter().find(|section| section.name == name)
    }

    /// The certificate table (Authenticode signatures), where there is one. Its content is not checked.
    pub fn certificate_table(&self) -> Option<&'a [u8]> {
        self.bytes.get(self.certificate_table.clone()?)
    }

    /// The sections known to systemd-stub in file order, as the stub finds them in memory.
    ///
    /// # Errors
    /// [`PeError::ZeroFilled`] where a section is longer in memory than in the file.
    pub fn unified_sections(&self) -> Result<Vec<Section<'a>>, PeError> {
        let mut unified = Vec::new();
        for section in &self.sections {
            let Some(name) = SectionName::from_pe_name(&section.name) else {
                continue;
            };
            if section.virtual_size > section.file_size {
                return Err(PeError::ZeroFilled {
                    name: section.name.clone(),
                    in_memory: section.virtual_size,
                    in_file: section.file_size,
                });
            }
            unified.push(Section::borrowed(name, self.content(section)));
        }
        Ok(unified)
    }

    pub(crate) fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(crate) fn layout(&self) -> HeaderLayout {
        self.layout
    }

    /// A field of the optional header; all that are asked for were checked to be present.
    pub(crate) fn optional_u32(&self, field: usize) -> Result<u32, PeError> {
        u32_at(self.bytes, self.layout.optional + field, "the optional header")
    }

    pub(crate) fn optional_u16(&self, field: usize) -> Result<u16, PeError> {
        u16_at(self.bytes, self.layout.optional + field, "the optional header")
    }

    /// Overlapping sections have no use but to make one reader see other bytes than the next (the firmware loads by address, tools
    /// read by offset), or to be hashed a thousand times.
    fn check_sections_are_disjoint(&self) -> Result<(), PeError> {
        let table_end = self.layout.section_table + self.sections.len().saturating_mul(SECTION_HEADER_SIZE);
        let headers = ("the headers", 0, table_end as u64);
        let in_memory = self.sections.iter().map(|section| {
            let start = u64::from(section.virtual_address);
            (section.name.as_str(), start, start + section.memory_size())
        });
        check_disjoint([headers].into_iter().chain(in_memory), "memory")?;
        let in_file = self.sections.iter().map(|section| {
            let start = u64::from(section.file_offset);
            (section.name.as_str(), start, start + u64::from(section.file_size))
        });
        let certificates =
            self.certificate_table.iter().map(|table| ("the certificate table", table.start as u64, table.end as u64));
        check_disjoint([headers].into_iter().chain(in_file).chain(certificates), "the file")
    }
}

/// Refuses ranges (name, start, end) that share bytes.
fn check_disjoint<'n>(ranges: impl Iterator<Item = (&'n str, u64, u64)>, place: &'static str) -> Result<(), PeError> {
    let mut ranges: Vec<_> = ranges.filter(|(_, start, end)| start < end).collect();
    ranges.sort_by_key(|(_, start, _)| *start);
    match ranges.windows(2).find(|pair| pair[1].1 < pair[0].2) {
        Some(pair) => Err(PeError::Overlap { name: pair[1].0.to_owned(), other: pair[0].0.to_owned(), place }),
        None => Ok(()),
    }
}

fn parse_layout(bytes: &[u8]) -> Result<HeaderLayout, PeError> {
    if !bytes.starts_with(b"MZ") {
        return Err(PeError::NotPe("it does not start with MZ"));
    }
    let signature = u32_at(bytes, 0x3c, "the DOS header")? as usize;
    if slice(bytes, signature, 4, "the PE signature")? != b"PE\0\0" {
        return Err(PeError::NotPe("the DOS header does not lead to a PE signature"));
    }
    let optional = signature + FILE_HEADER_END;
    let optional_size = usize::from(u16_at(bytes, signature + 20, "the file header")?);
    slice(bytes, optional, optional_size, "the optional header")?;
    // Offset of NumberOfRvaAndSizes; the data directories follow it.
    let directory_count_field = match u16_at(bytes, optional, "the optional header")? {
        0x10b => 92,
        0x20b => 108,
        _ => {
            return Err(PeError::NotPe("the optional header is neither PE32 nor PE32+"));
        }
    };
    if optional_size < directory_count_field + 4 {
        return Err(PeError::NotPe("the optional header is too short"));
    }
    let directory_count = u32_at(bytes, optional + directory_count_field, "the optional header")? as usize;
    let room = (optional_size - directory_count_field - 4) / 8;
    if directory_count > room {
        return Err(PeError::NotPe("the data directories do not fit the optional header"));
    }
    Ok(HeaderLayout {
        signature,
        optional,
        section_table: optional + optional_size,
        certificate_directory: (directory_count > CERTIFICATE_DIRECTORY)
            .then_some(optional + directory_count_field + 4 + CERTIFICATE_DIRECTORY * 8),
    })
}

fn parse_section_table(bytes: &[u8], layout: HeaderLayout) -> Result<Vec<PeSection>, PeError> {
    let count_field = layout.signature + HeaderLayout::NUMBER_OF_SECTIONS;
    let count = usize::from(u16_at(bytes, count_field, "the file header")?);
    if count > MAX_SECTIONS {
        return Err(PeError::TooManySections { count });
    }
    let table = slice(bytes, layout.section_table, count * SECTION_HEADER_SIZE, "the section table")?;
    table.chunks_exact(SECTION_HEADER_SIZE).map(|header| parse_section_header(bytes, header)).collect()
}

fn parse_section_header(bytes: &[u8], header: &[u8]) -> Result<PeSection, PeError> {
    let what = "the section table";
    let name = slice(header, 0, 8, what)?;
    let name_len = name.iter().position(|byte| *byte == 0).unwrap_or(8);
    let section = PeSection {
        name: name[..name_len].escape_ascii().to_string(),
        virtual_size: u32_at(header, 8, what)?,
        virtual_address: u32_at(header, 12, what)?,
        file_size: u32_at(header, 16, what)?,
        file_offset: u32_at(header, 20, what)?,
    };
    let end = u64::from(section.file_offset) + u64::from(section.file_size);
    if section.file_size > 0 && end > bytes.len() as u64 {
        return Err(PeError::Truncated {
            what: format!("section {}", section.name),
            needed: end,
            len: bytes.len() as u64,
        });
    }
    Ok(section)
}

/// The table's directory entry is the only one that holds a file offset, not an address in memory.
fn parse_certificate_table(bytes: &[u8], layout: HeaderLayout) -> Result<Option<Range<usize>>, PeError> {
    let Some(entry) = layout.certificate_directory else {
        return Ok(None);
    };
    let what = "the certificate table";
    let start = u32_at(bytes, entry, what)? as usize;
    let size = u32_at(bytes, entry + 4, what)? as usize;
    if start == 0 && size == 0 {
        return Ok(None);
    }
    slice(bytes, start, size, what)?;
    Ok(Some(start..start + size))
}

fn slice<'a>(bytes: &'a [u8], start: usize, len: usize, what: &str) -> Result<&'a [u8], PeError> {
    start.checked_add(len).and_then(|end| bytes.get(start..end)).ok_or_else(|| PeError::Truncated {
        what: what.to_owned(),
        needed: (start as u64).saturating_add(len as u64),
        len: bytes.len() as u64,
    })
}

fn u16_at(bytes: &[u8], offset: usize, what: &str) -> Result<u16, PeError> {
    let field = slice(bytes, offset, 2, what)?;
    Ok(u16::from_le_bytes([field[0], field[1]]))
}

fn u32_at(bytes: &[u8], offset: usize, what: &str) -> Result<u32, PeError> {
    let field = slice(bytes, offset, 4, what)?;
    Ok(u32::from_le_bytes([field[0], field[1], field[2], field[3]]))
}

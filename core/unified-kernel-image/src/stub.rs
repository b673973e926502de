//! The part of an image that is made from the stub: its headers, grown by a section table entry per payload, and its own sections.

use crate::assemble::AssembleError;
use crate::pe::{HeaderLayout, PeImage, PeSection, SECTION_HEADER_SIZE};
use crate::section::SectionName;

/// Section flags of the PE format: what a section contains and that it may be read.
const CONTAINS_CODE: u32 = 0x0000_0020;
const CONTAINS_INITIALIZED_DATA: u32 = 0x0000_0040;
const MAY_BE_READ: u32 = 0x4000_0000;

/// Bit of `DllCharacteristics`: the image can run with data pages that are not executable.
pub(crate) const NX_COMPATIBLE: u16 = 0x0100;

/// Largest file alignment the PE format allows, in bytes.
pub(crate) const MAX_FILE_ALIGNMENT: usize = 64 * 1024;

/// The growing head of an image. Its bytes always end on a multiple of the file alignment.
pub(crate) struct ImageHead {
    bytes: Vec<u8>,
    layout: HeaderLayout,
    certificate_directory: usize,
    sections: Vec<PeSection>,
    section_alignment: u32,
    file_alignment: u32,
    size_of_headers: u32,
    /// Where the next payload will start in the file.
    next_file_offset: u64,
}

impl ImageHead {
    /// Copies and checks the stub.
    pub(crate) fn from_stub(stub: &[u8]) -> Result<Self, AssembleError> {
        let image = PeImage::parse(stub)?;
        let layout = image.layout();
        let certificate_directory =
            layout.certificate_directory.ok_or(AssembleError::UnsuitableStub("it has no place for a signature"))?;
        if image.certificate_table().is_some() {
            return Err(AssembleError::UnsuitableStub("it is signed"));
        }
        let symbols = layout.signature + HeaderLayout::POINTER_TO_SYMBOL_TABLE;
        if stub.get(symbols..symbols + 4) != Some([0; 4].as_slice()) {
            return Err(AssembleError::UnsuitableStub("it has a symbol table"));
        }
        let is_payload = |section: &PeSection| {
            SectionName::from_pe_name(&section.name).is_some_and(|name| name != SectionName::Sbat)
        };
        if image.sections().iter().any(is_payload) {
            return Err(AssembleError::UnsuitableStub("it already has payload sections"));
        }
        let file_alignment = image.optional_u32(HeaderLayout::FILE_ALIGNMENT)?;
        let section_alignment = image.optional_u32(HeaderLayout::SECTION_ALIGNMENT)?;
        let is_alignment = file_alignment.is_power_of_two()
            && section_alignment.is_power_of_two()
            && (512..=MAX_FILE_ALIGNMENT).contains(&(file_alignment as usize))
            && section_alignment >= file_alignment;
        let is_aligned = |section: &PeSection| {
            section.file_offset.is_multiple_of(file_alignment) && section.file_size.is_multiple_of(file_alignment)
        };
        if !is_alignment || !image.sections().iter().all(is_aligned) {
            return Err(AssembleError::UnsuitableStub("its sections are not aligned as the PE format asks"));
        }
        let size_of_headers = image.optional_u32(HeaderLayout::SIZE_OF_HEADERS)?;
        let starts_in_headers = |section: &PeSection| {
            section.virtual_address < size_of_headers || section.file_size > 0 && section.file_offset < size_of_headers
        };
        if size_of_headers as usize > stub.len()
            || image.sections().is_empty()
            || image.sections().iter().any(starts_in_headers)
        {
            return Err(AssembleError::UnsuitableStub("its sections do not follow its headers"));
        }
        let mut head = Self {
            bytes: stub.to_vec(),
            layout,
            certificate_directory,
            sections: image.sections().to_vec(),
            section_alignment,
            file_alignment,
            size_of_headers,
            next_file_offset: 0,
        };
        head.pad();
        Ok(head)
    }

    /// Replaces the content of the stub's `.sbat`. The section grows in the file where it must, up to the next section in memory.
    /// Returns false where the stub has no such section.
    pub(crate) fn replace_sbat(&mut self, sbat: &[u8]) -> Result<bool, AssembleError> {
        let name = SectionName::Sbat.as_str();
        let Some(index) = self.sections.iter().position(|section| section.name == name) else {
            return Ok(false);
        };
        let old = self.sections[index].clone();
        if old.file_size == 0 {
            return Err(AssembleError::UnsuitableStub("its .sbat section is empty"));
        }
        let new_size = u32_of(sbat.len() as u64)?;
        let new_file_size = round_up(u64::from(new_size), self.file_alignment).max(u64::from(old.file_size));
        let room = self
            .sections
            .iter()
            .filter(|section| section.virtual_address > old.virtual_address)
            .map(|section| section.virtual_address - old.virtual_address)
            .min()
            .unwrap_or(u32::MAX);
        if new_size > room {
            return Err(AssembleError::SbatTooLong { size: new_size, room });
        }
        let mut content = sbat.to_vec();
        content.resize(usize_of(new_file_size), 0);
        let start = old.file_offset as usize;
        self.bytes.splice(start..start + old.file_size as usize, content);
        self.write_section_field(index, 8, new_size);
        self.write_section_field(index, 16, u32_of(new_file_size)?);
        self.sections[index].virtual_size = new_size;
        let growth = u32_of(new_file_size)? - old.file_size;
        for later in 0..self.sections.len() {
            let offset = self.sections[later].file_offset;
            if self.sections[later].file_size > 0 && offset > old.file_offset {
                let moved = u32_of(u64::from(offset) + u64::from(growth))?;
                self.sections[later].file_offset = moved;
                self.write_section_field(later, 20, moved);
            }
        }
        self.pad();
        Ok(true)
    }

    /// Enters a payload of `len` bytes in the section table. Payloads lie in the file one after the other, in the order they are added.
    pub(crate) fn add_section(&mut self, name: SectionName, len: usize) -> Result<PeSection, AssembleError> {
        let entry = self.layout.section_table + self.sections.len() * SECTION_HEADER_SIZE;
        if entry + SECTION_HEADER_SIZE > self.size_of_headers as usize {
            let table_space = (self.size_of_headers as usize).saturating_sub(self.layout.section_table);
            return Err(AssembleError::NoHeaderRoom { name, room: table_space / SECTION_HEADER_SIZE });
        }
        let virtual_size = u32_of(len as u64)?;
        let section = PeSection {
            name: name.as_str().to_owned(),
            virtual_address: u32_of(round_up(self.memory_end(), self.section_alignment))?,
            virtual_size,
            file_offset: u32_of(self.next_file_offset)?,
            file_size: u32_of(round_up(u64::from(virtual_size), self.file_alignment))?,
        };
        let flags = match name {
            // Kernels that use the old EFI handover protocol run where they lie.
            SectionName::Linux => CONTAINS_CODE | MAY_BE_READ,
            _ => CONTAINS_INITIALIZED_DATA | MAY_BE_READ,
        };
        let mut header = [0; SECTION_HEADER_SIZE];
        header[..section.name.len()].copy_from_slice(section.name.as_bytes());
        header[8..12].copy_from_slice(&section.virtual_size.to_le_bytes());
        header[12..16].copy_from_slice(&section.virtual_address.to_le_bytes());
        header[16..20].copy_from_slice(&section.file_size.to_le_bytes());
        header[20..24].copy_from_slice(&section.file_offset.to_le_bytes());
        header[36..40].copy_from_slice(&flags.to_le_bytes());
        self.bytes[entry..entry + SECTION_HEADER_SIZE].copy_from_slice(&header);
        self.next_file_offset += u64::from(section.file_size);
        self.sections.push(section.clone());
        // A header cannot hold as many entries as would overflow the count.
        let count = self.sections.len() as u16;
        let count_field = self.layout.signature + HeaderLayout::NUMBER_OF_SECTIONS;
        self.bytes[count_field..count_field + 2].copy_from_slice(&count.to_le_bytes());
        let data_size = self.optional_u32(HeaderLayout::SIZE_OF_INITIALIZED_DATA);
        self.set_optional_u32(
            HeaderLayout::SIZE_OF_INITIALIZED_DATA,
            u32_of(u64::from(data_size) + u64::from(virtual_size))?,
        );
        let image_size = u32_of(round_up(self.memory_end(), self.section_alignment))?;
        self.set_optional_u32(HeaderLayout::SIZE_OF_IMAGE, image_size);
        Ok(section)
    }

    /// Firmware that enforces non-executable data does so by the outer image's flag, so it must not promise more than the kernel does.
    pub(crate) fn clear_nx_compatible(&mut self) {
        let field = self.layout.optional + HeaderLayout::DLL_CHARACTERISTICS;
        let flags = u16::from_le_bytes([self.bytes[field], self.bytes[field + 1]]);
        self.bytes[field..field + 2].copy_from_slice(&(flags & !NX_COMPATIBLE).to_le_bytes());
    }

    pub(crate) fn set_checksum(&mut self, checksum: u32) {
        self.set_optional_u32(HeaderLayout::CHECKSUM, checksum);
    }

    /// Offset of the four-byte checksum field in the file.
    pub(crate) fn checksum_field(&self) -> usize {
        self.layout.optional + HeaderLayout::CHECKSUM
    }

    /// Offset of the eight-byte directory entry of the certificate table in the file.
    pub(crate) fn certificate_directory(&self) -> usize {
        self.certificate_directory
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// First address after everything that is loaded.
    fn memory_end(&self) -> u64 {
        self.sections
            .iter()
            .map(|section| u64::from(section.virtual_address) + section.memory_size())
            .max()
            .unwrap_or(0)
    }

    fn pad(&mut self) {
        let padded = round_up(self.bytes.len() as u64, self.file_alignment);
        self.bytes.resize(usize_of(padded), 0);
        self.next_file_offset = padded;
    }

    fn write_section_field(&mut self, index: usize, field: usize, value: u32) {
        let at = self.layout.section_table + index * SECTION_HEADER_SIZE + field;
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }

    fn optional_u32(&self, field: usize) -> u32 {
        let at = self.layout.optional + field;
        let bytes = &self.bytes;
        u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
    }

    fn set_optional_u32(&mut self, field: usize, value: u32) {
        let at = self.layout.optional + field;
        self.bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
}

/// PE offsets, addresses and sizes are 32 bits.
fn u32_of(value: u64) -> Result<u32, AssembleError> {
    u32::try_from(value).map_err(|_over_4_gib| AssembleError::TooLarge)
}

/// Sizes of things in memory; core runs on 64-bit machines and the values were limited to what fits a PE file.
fn usize_of(value: u64) -> usize {
    value as usize
}

fn round_up(value: u64, alignment: u32) -> u64 {
    value.next_multiple_of(u64::from(alignment))
}

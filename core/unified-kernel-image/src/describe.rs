//! What an image holds, as a value that can be printed, compared and serialised.

use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::pe::PeImage;

/// Everything `piccolo inspect` shows of an image's outside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ImageDescription {
    /// Length of the file in bytes.
    pub size: u64,
    /// Whether there is a certificate table; says nothing about who signed or whether the signature is valid.
    pub has_certificate_table: bool,
    /// The sections in the order of the section table, the stub's own included.
    pub sections: Vec<SectionDescription>,
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SectionDescription {
    /// Name, such as `.linux`.
    pub name: String,
    /// Length of the content in bytes.
    pub size: u32,
    /// Lower-case hex SHA-256 of the content.
    pub sha256: String,
    /// Where the content starts in the file, in bytes.
    pub file_offset: u32,
    /// Where it starts in memory relative to the image base, in bytes.
    pub virtual_address: u32,
    /// Length in memory, in bytes.
    pub virtual_size: u32,
}

impl PeImage<'_> {
    /// Describes the image; reads every section once.
    pub fn describe(&self) -> ImageDescription {
        let sections = self
            .sections()
            .iter()
            .map(|section| SectionDescription {
                name: section.name.clone(),
                size: section.content_size(),
                sha256: format!("{:x}", Sha256::digest(self.content(section))),
                file_offset: section.file_offset,
                virtual_address: section.virtual_address,
                virtual_size: section.virtual_size,
            })
            .collect();
        ImageDescription {
            size: self.bytes().len() as u64,
            has_certificate_table: self.certificate_table().is_some(),
            sections,
        }
    }
}

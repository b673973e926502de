//! What a kernel module says about itself: `.modinfo`, the symbols it offers and the symbols it needs.

use crate::elf::{ElfError, header};
use object::LittleEndian;
use object::elf::{SHN_UNDEF, SHT_SYMTAB};
use object::read::elf::{FileHeader as _, SectionHeader as _, Sym as _};

/// Most `.modinfo` entries or symbols of one module. The largest real module (amdgpu) has some 40,000 symbols.
const MAXIMUM_ENTRIES: usize = 1 << 20;

/// The self-description of one module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleInfo {
    /// Keys and values of `.modinfo`, in the section's order.
    pub entries: Vec<(String, String)>,
    /// Symbols the module offers to others.
    pub exports: Vec<String>,
    /// Symbols the module needs from the kernel or others, in the symbol table's order.
    pub imports: Vec<String>,
}

/// Why a module could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ModuleInfoError {
    /// Not a usable ELF file.
    #[error("it is not a readable ELF file")]
    Elf(#[from] ElfError),
    /// More entries than any module has.
    #[error("it has more than {MAXIMUM_ENTRIES} symbols or information entries")]
    TooManyEntries,
}

impl ModuleInfo {
    /// Parses the module `data`. Exports are those with a version (`__crc_` symbols) or, where there are none, the names in
    /// `__ksymtab_strings`, as libkmod has it.
    ///
    /// # Errors
    /// When the file is damaged or absurdly large inside.
    pub fn parse(data: &[u8]) -> Result<Self, ModuleInfoError> {
        let damaged = |what| move |_| ElfError::Damaged { what };
        let header = header(data)?;
        let sections = header.sections(LittleEndian, data).map_err(damaged("the section table"))?;
        let section = |name: &str| -> Result<&[u8], ElfError> {
            match sections.section_by_name(LittleEndian, name.as_bytes()) {
                Some((_, section)) => section.data(LittleEndian, data).map_err(damaged("a section")),
                None => Ok(&[]),
            }
        };
        let mut info = Self::default();
        for text in strings(section(".modinfo")?) {
            let (key, value) = text.split_once('=').unwrap_or((&text, ""));
            info.entries.push((key.to_owned(), value.to_owned()));
        }
        let symbols = sections.symbols(LittleEndian, data, SHT_SYMTAB).map_err(damaged("the symbol table"))?;
        for symbol in symbols.iter().skip(1) {
            let name = symbol.name(LittleEndian, symbols.strings()).map_err(damaged("a symbol's name"))?;
            if let Some(export) = name.strip_prefix(b"__crc_") {
                info.exports.push(String::from_utf8_lossy(export).into_owned());
            }
            if symbol.st_shndx(LittleEndian) == SHN_UNDEF && !name.is_empty() {
                info.imports.push(String::from_utf8_lossy(name).into_owned());
            }
            info.check()?;
        }
        if info.exports.is_empty() {
            info.exports = strings(section("__ksymtab_strings")?).collect();
        }
        info.check()?;
        Ok(info)
    }

    /// The values of one key, in order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.entries.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn check(&self) -> Result<(), ModuleInfoError> {
        let most = self.entries.len().max(self.exports.len()).max(self.imports.len());
        if most > MAXIMUM_ENTRIES { Err(ModuleInfoError::TooManyEntries) } else { Ok(()) }
    }
}

fn strings(section: &[u8]) -> impl Iterator<Item = String> {
    let entries = section.split(|byte| *byte == 0).filter(|entry| !entry.is_empty());
    entries.take(MAXIMUM_ENTRIES + 1).map(|entry| String::from_utf8_lossy(entry).into_owned())
}

#[cfg(test)]
mod tests {
    use super::ModuleInfo;
    use proptest::prelude::{any, proptest};

    proptest! {
        #[test]
        fn any_bytes_behind_the_magic_are_answered_without_a_panic(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut data = b"\x7fELF\x02\x01\x01".to_vec();
            data.extend(tail);
            let _ = ModuleInfo::parse(&data);
        }
    }
}

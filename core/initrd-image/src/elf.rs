//! What an ELF executable or shared library needs at run time.
//!
//! System V ABI (gABI) chapter 5 for the dynamic section, and the UAPI group's "ELF dlopen metadata" for what a program loads
//! later by name. Only 64-bit little-endian files: both architectures Piccolo runs on are.

use object::LittleEndian;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, FileHeader64, ProgramHeader64};
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use serde::Deserialize;

/// The first four bytes of every ELF file.
pub const MAGIC: &[u8; 4] = b"\x7fELF";
/// Note type of the dlopen metadata (`NT_FDO_DLOPEN_METADATA`), owner `FDO`.
const NOTE_DLOPEN: u32 = 0x407c_0c0a;
/// Most entries read of a dynamic section; real ones have fewer than a hundred.
const MAXIMUM_DYNAMIC_ENTRIES: usize = 65_536;
/// Most feature entries read of one file's dlopen metadata.
const MAXIMUM_DLOPEN_ENTRIES: usize = 1024;

type Header = FileHeader64<LittleEndian>;
type Segment = ProgramHeader64<LittleEndian>;

/// The run-time needs of one executable or shared library.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Machine the code is for (`e_machine`).
    pub machine: u16,
    /// The program interpreter (`PT_INTERP`), an absolute path; none for most libraries and for static programs.
    pub interpreter: Option<Vec<u8>>,
    /// Libraries by name (`DT_NEEDED`), in the order they are loaded.
    pub libraries: Vec<Vec<u8>>,
    /// `DT_RUNPATH` directories, `$ORIGIN` not expanded; they serve this file's own libraries only.
    pub runpath: Vec<Vec<u8>>,
    /// `DT_RPATH` directories, which libraries of libraries inherit. Ignored by the loader where there is a runpath.
    pub rpath: Vec<Vec<u8>>,
    /// What the file says it may `dlopen`.
    pub dlopen: Vec<DlopenFeature>,
}

/// One entry of the dlopen metadata: a feature and the libraries that provide it, best first.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct DlopenFeature {
    /// Short name of the feature, such as `cryptsetup`.
    #[serde(default)]
    pub feature: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// How badly it is needed.
    #[serde(default)]
    pub priority: DlopenPriority,
    /// Library names, the preferred one first; any one of them is enough.
    pub soname: Vec<String>,
}

/// How badly a program needs a library it loads by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DlopenPriority {
    /// The program does not work without.
    Required,
    /// The program works less well without. The default where the metadata does not say.
    #[default]
    Recommended,
    /// A feature that few need.
    Suggested,
}

/// Why an ELF file could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ElfError {
    /// The file contradicts itself or ends early.
    #[error("the ELF file is damaged: {what} cannot be read")]
    Damaged {
        /// The structure in question.
        what: &'static str,
    },
    /// Another class or byte order.
    #[error("the ELF file is not 64-bit little-endian, which is all that Piccolo's architectures run")]
    OtherClass,
}

/// Reads what the file `data` needs.
///
/// # Errors
/// When the file is damaged or not 64-bit little-endian. Damaged dlopen metadata is passed over: it is advice.
pub fn needs(data: &[u8]) -> Result<Needs, ElfError> {
    let header = header(data)?;
    let segments =
        header.program_headers(LittleEndian, data).map_err(|_| ElfError::Damaged { what: "the program header" })?;
    let mut needs = Needs { machine: header.e_machine(LittleEndian), ..Needs::default() };
    for segment in segments {
        if let Some(interpreter) = segment
            .interpreter(LittleEndian, data)
            .map_err(|_| ElfError::Damaged { what: "the program interpreter's name" })?
        {
            needs.interpreter = Some(interpreter.to_vec());
        }
        if let Some(entries) =
            segment.dynamic(LittleEndian, data).map_err(|_| ElfError::Damaged { what: "the dynamic section" })?
        {
            read_dynamic(&mut needs, segments, entries, data)?;
        }
        read_dlopen(&mut needs, segment, data);
    }
    Ok(needs)
}

/// The file header, where the class is one we read.
pub(crate) fn header(data: &[u8]) -> Result<&Header, ElfError> {
    // e_ident: class 2 is 64-bit, data encoding 1 is little-endian.
    if data.get(4..6) != Some(&[2, 1]) {
        return Err(ElfError::OtherClass);
    }
    Header::parse(data).map_err(|_| ElfError::Damaged { what: "the file header" })
}

fn read_dynamic(
    needs: &mut Needs,
    segments: &[Segment],
    entries: &[object::elf::Dyn64<LittleEndian>],
    data: &[u8],
) -> Result<(), ElfError> {
    let value = |tag: i64| {
        entries
            .iter()
            .take(MAXIMUM_DYNAMIC_ENTRIES)
            .take_while(|entry| entry.d_tag(LittleEndian) != 0)
            .find(|entry| entry.d_tag(LittleEndian) == tag)
            .map(|entry| entry.d_val(LittleEndian))
    };
    let (Some(address), Some(size)) = (value(DT_STRTAB), value(DT_STRSZ)) else { return Ok(()) };
    let strings = segments
        .iter()
        .find_map(|segment| segment.data_range(LittleEndian, data, address, size).ok().flatten())
        .ok_or(ElfError::Damaged { what: "the dynamic string table" })?;
    let string = |offset: u64| {
        let rest = usize::try_from(offset).ok().and_then(|offset| strings.get(offset..));
        let end = rest.and_then(|rest| rest.iter().position(|byte| *byte == 0));
        rest.zip(end).map(|(rest, end)| rest[..end].to_vec()).ok_or(ElfError::Damaged { what: "a dynamic string" })
    };
    for entry in entries.iter().take(MAXIMUM_DYNAMIC_ENTRIES).take_while(|entry| entry.d_tag(LittleEndian) != 0) {
        let directories = |list: Vec<u8>| {
            list.split(|byte| *byte == b':').filter(|name| !name.is_empty()).map(<[u8]>::to_vec).collect()
        };
        match entry.d_tag(LittleEndian) {
            DT_NEEDED => needs.libraries.push(string(entry.d_val(LittleEndian))?),
            DT_RUNPATH => needs.runpath = directories(string(entry.d_val(LittleEndian))?),
            DT_RPATH => needs.rpath = directories(string(entry.d_val(LittleEndian))?),
            _ => {}
        }
    }
    Ok(())
}

fn read_dlopen(needs: &mut Needs, segment: &Segment, data: &[u8]) {
    let Ok(Some(mut notes)) = segment.notes(LittleEndian, data) else { return };
    while let Ok(Some(note)) = notes.next() {
        if note.name() != b"FDO" || note.n_type(LittleEndian) != NOTE_DLOPEN {
            continue;
        }
        let text = note.desc().split(|byte| *byte == 0).next().unwrap_or_default();
        let Ok(features) = serde_json::from_slice::<Vec<DlopenFeature>>(text) else { continue };
        let room = MAXIMUM_DLOPEN_ENTRIES.saturating_sub(needs.dlopen.len());
        needs.dlopen.extend(features.into_iter().take(room));
    }
}

#[cfg(test)]
mod tests {
    use super::{ElfError, needs};
    use proptest::prelude::{any, proptest};

    #[test]
    fn a_text_is_not_an_elf_file() {
        assert!(matches!(needs(b"#!/bin/sh\n"), Err(ElfError::OtherClass)));
        assert!(matches!(needs(b"\x7fELF\x02\x01"), Err(ElfError::Damaged { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_behind_the_magic_are_answered_without_a_panic(tail in proptest::collection::vec(any::<u8>(), 0..600)) {
            let mut data = b"\x7fELF\x02\x01\x01".to_vec();
            data.extend(tail);
            let _ = needs(&data);
        }
    }
}

//! Seek tables of real zstd files, and of none.

use proptest::prelude::*;
use seekable_zstd::{FOOTER, Frame, Place, SeekTable, SeekTableError};
use std::io::Read;

/// A file with a frame for each content.
fn file(contents: &[Vec<u8>]) -> (Vec<u8>, SeekTable) {
    let mut bytes = Vec::new();
    let mut frames = Vec::new();
    for content in contents {
        let frame = zstd::bulk::compress(content, 3).expect("zstd compresses");
        frames.push(Frame { compressed: frame.len() as u32, decompressed: content.len() as u32 });
        bytes.extend(frame);
    }
    let table = SeekTable::new(frames).expect("few frames");
    bytes.extend(table.to_bytes());
    (bytes, table)
}

fn read_back(file: &[u8]) -> Result<SeekTable, SeekTableError> {
    let footer = file.last_chunk::<FOOTER>().ok_or(SeekTableError::Format)?;
    let start = file.len().checked_sub(SeekTable::length(footer)?).ok_or(SeekTableError::Format)?;
    SeekTable::parse(&file[start..], file.len() as u64)
}

proptest! {
    #[test]
    fn a_file_is_read_from_any_offset(
        contents in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..8),
        offset in 0..2500_u64,
    ) {
        let (file, table) = file(&contents);
        prop_assert_eq!(read_back(&file).unwrap(), table.clone());
        let whole = contents.concat();
        let Place { compressed, decompressed } = table.place_of(offset);
        prop_assert!(decompressed <= offset);
        let mut rest = Vec::new();
        // With the table at its end: zstd passes it over.
        zstd::Decoder::new(&file[compressed as usize..]).unwrap().read_to_end(&mut rest).unwrap();
        prop_assert_eq!(&rest, &whole[decompressed as usize..]);
        prop_assert_eq!(table.compressed_size(), (file.len() - table.to_bytes().len()) as u64);
    }

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200), size in any::<u64>()) {
        let _answered = SeekTable::parse(&bytes, size);
        let _answered = read_back(&bytes);
    }

    #[test]
    fn a_changed_byte_never_leads_out_of_the_file(position in 0..10_000_usize, flip in 1..=255_u8, offset in any::<u64>()) {
        let (mut file, table) = file(&[vec![1; 100], vec![2; 5000], vec![3; 7]]);
        let from = table.compressed_size() as usize;
        let position = from + position % (file.len() - from);
        file[position] ^= flip;
        if let Ok(table) = read_back(&file) {
            prop_assert!(table.place_of(offset).compressed <= file.len() as u64);
        }
    }
}

#[test]
fn the_example_of_the_specification_is_written() {
    let table = SeekTable::new(vec![Frame { compressed: 0x0102, decompressed: 0x0304 }]).unwrap();
    let expected = [
        0x5E, 0x2A, 0x4D, 0x18, 17, 0, 0, 0, // Skippable_Magic_Number, Frame_Size
        0x02, 0x01, 0, 0, 0x04, 0x03, 0, 0, // Compressed_Size, Decompressed_Size
        1, 0, 0, 0, 0, 0xB1, 0xEA, 0x92, 0x8F, // Number_Of_Frames, Seek_Table_Descriptor, Seekable_Magic_Number
    ];
    assert_eq!(table.to_bytes(), expected);
}

#[test]
fn a_table_with_checksums_is_read() {
    let mut bytes = vec![0; 5];
    bytes.extend(0x184D_2A5E_u32.to_le_bytes());
    bytes.extend(21_u32.to_le_bytes());
    bytes.extend(5_u32.to_le_bytes());
    bytes.extend(9_u32.to_le_bytes());
    bytes.extend(0xFFFF_FFFF_u32.to_le_bytes());
    bytes.extend(1_u32.to_le_bytes());
    bytes.push(0x80);
    bytes.extend(0x8F92_EAB1_u32.to_le_bytes());
    assert_eq!(read_back(&bytes).unwrap().frames(), [Frame { compressed: 5, decompressed: 9 }]);
}

#[test]
fn a_table_of_another_file_is_refused() {
    let (file, table) = file(&[vec![1; 100]]);
    let error = SeekTable::parse(&table.to_bytes(), file.len() as u64 + 1).unwrap_err();
    assert!(matches!(error, SeekTableError::Size { .. }), "{error}");
    let mut footer = [0; FOOTER];
    footer[..4].copy_from_slice(&u32::MAX.to_le_bytes());
    footer[5..].copy_from_slice(&0x8F92_EAB1_u32.to_le_bytes());
    assert_eq!(SeekTable::length(&footer), Err(SeekTableError::TooLong(u32::MAX)));
    assert!(SeekTable::new(vec![Frame { compressed: 1, decompressed: 1 }; (1 << 16) + 1]).is_err());
}

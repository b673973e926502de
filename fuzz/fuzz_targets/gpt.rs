//! A disk that nobody vouches for: reading its partition table ends with a table or an error, and a table that was read can be written
#![no_main]

use std::io::Cursor;

use libfuzzer_sys::fuzz_target;

const SECTOR: usize = 512;

fuzz_target!(|disk: &[u8]| {
    read(disk);
    // Once more behind the signature and the checksums, which no fuzzer guesses.
    let mut disk = disk.to_vec();
    disk.resize(disk.len().max(40 * SECTOR), 0);
    if with_checksums(&mut disk).is_some() {
        read(&disk);
    }
});

fn read(disk: &[u8]) {
    if let Ok(reading) = disk_layout::gpt::read(&mut Cursor::new(disk), None) {
        // Foreign tables may have more entries than ours, so writing may be refused, but it must not panic.
        let _ = reading.table.encode();
        for partition in &reading.table.partitions {
            let _ = (partition.offset(reading.table.sector_size), partition.size(reading.table.sector_size));
        }
    }
}

/// Makes the primary header one that belongs to its entries (UEFI specification, section 5.3.2).
fn with_checksums(disk: &mut [u8]) -> Option<()> {
    let number = |disk: &[u8], at: usize| {
        Some(u32::from_le_bytes(disk.get(SECTOR + at..SECTOR + at + 4)?.try_into().ok()?) as usize)
    };
    disk.get_mut(SECTOR..SECTOR + 16)?.copy_from_slice(b"EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00");
    disk.get_mut(SECTOR + 24..SECTOR + 32)?.copy_from_slice(&1_u64.to_le_bytes());
    disk.get_mut(SECTOR + 72..SECTOR + 80)?.copy_from_slice(&2_u64.to_le_bytes());
    let entries = number(disk, 80)?.checked_mul(number(disk, 84)?)?;
    let checksum = crc32(disk.get(2 * SECTOR..)?.get(..entries)?);
    disk.get_mut(SECTOR + 88..SECTOR + 92)?.copy_from_slice(&checksum.to_le_bytes());
    disk.get_mut(SECTOR + 16..SECTOR + 20)?.fill(0);
    let checksum = crc32(disk.get(SECTOR..SECTOR + 92)?);
    disk.get_mut(SECTOR + 16..SECTOR + 20)?.copy_from_slice(&checksum.to_le_bytes());
    Some(())
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 })
    })
}

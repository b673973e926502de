//! The partition table survives writing and reading, and no damage makes the reader fail otherwise than by saying so

use std::io::Cursor;

use disk_layout::gpt::{
    self, EncodeError, HeaderProblem, Partition, PartitionTable, ReadError, ReadingNote, SectorSize,
};
use disk_layout::partition_type::{Architecture, Attributes};
use disk_layout::plan::{PartitionSizes, ShippedDisk, plan_shipped_disk};
use disk_layout::root_hash::RootHash;
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::{prop_assert, prop_assert_eq, proptest};
use uuid::Uuid;

const MIB: u64 = 1 << 20;

/// A small shipped disk: 4 MiB of partitions.
fn small_table(sector_size: SectorSize) -> PartitionTable {
    let sizes = PartitionSizes { esp: MIB, root: 2 * MIB, verity: Some(MIB), var_minimum: MIB };
    let disk = ShippedDisk { architecture: Architecture::Arm64, sizes: &sizes, sector_size, seed: &[3; 32] };
    plan_shipped_disk(&disk).expect("sizes are aligned").table(&RootHash([9; 32]))
}

/// The whole disk, with nothing in its partitions.
fn disk_bytes(table: &PartitionTable) -> Vec<u8> {
    let encoded = table.encode().expect("the table is possible");
    let mut disk = vec![0; (table.disk_sectors * table.sector_size.bytes()) as usize];
    disk[..encoded.primary.len()].copy_from_slice(&encoded.primary);
    disk[encoded.backup_offset as usize..].copy_from_slice(&encoded.backup);
    disk
}

#[test]
fn a_written_table_reads_back_without_notes_at_both_sector_sizes() {
    for sector_size in [SectorSize::Bytes512, SectorSize::Bytes4096] {
        let table = small_table(sector_size);
        let reading = gpt::read(&mut Cursor::new(disk_bytes(&table)), None).unwrap();
        assert_eq!(reading.table, table);
        assert_eq!(reading.notes, []);
    }
}

#[test]
fn a_damaged_primary_is_replaced_by_the_backup_with_a_note() {
    let table = small_table(SectorSize::Bytes512);
    for (damage, problem) in [
        (512, HeaderProblem::Signature),
        (512 + 60, HeaderProblem::HeaderChecksum),
        (1024 + 32, HeaderProblem::EntriesChecksum),
    ] {
        let mut disk = disk_bytes(&table);
        disk[damage] ^= 1;
        let reading = gpt::read(&mut Cursor::new(disk), None).unwrap();
        assert_eq!(reading.table, table);
        assert_eq!(reading.notes, [ReadingNote::PrimaryUnusable(problem)]);
    }
}

#[test]
fn a_damaged_backup_and_a_grown_disk_are_noted() {
    let table = small_table(SectorSize::Bytes512);
    let mut disk = disk_bytes(&table);
    let end = disk.len();
    disk[end - 512] ^= 1;
    let reading = gpt::read(&mut Cursor::new(&disk), None).unwrap();
    assert_eq!(reading.notes, [ReadingNote::BackupUnusable(HeaderProblem::Signature)]);

    disk[end - 512] ^= 1;
    disk.resize(end * 2, 0);
    let reading = gpt::read(&mut Cursor::new(&disk), None).unwrap();
    assert_eq!(reading.notes, [ReadingNote::BackupNotAtEnd]);
    assert_eq!(reading.table.partitions, table.partitions);
}

#[test]
fn a_disk_without_a_table_says_what_is_missing() {
    let error = gpt::read(&mut Cursor::new(vec![0; 1 << 20]), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the disk has no usable GPT: at the start, it has no GPT signature; at the end, it has no GPT signature"
    );
    assert!(matches!(gpt::read(&mut Cursor::new(vec![0; 100]), None), Err(ReadError::TooSmall(100))));
}

#[test]
fn an_impossible_table_is_not_written() {
    let good = small_table(SectorSize::Bytes512);
    let change = |change: fn(&mut PartitionTable)| {
        let mut table = good.clone();
        change(&mut table);
        table.encode().unwrap_err().to_string()
    };
    assert_eq!(change(|table| table.partitions[1].number = 1), EncodeError::Number(1).to_string());
    assert_eq!(change(|table| table.partitions[1].number = 129), EncodeError::Number(129).to_string());
    assert_eq!(change(|table| table.partitions[0].type_guid = Uuid::nil()), EncodeError::NilType(1).to_string());
    assert_eq!(change(|table| table.partitions[1].first_lba -= 1), "partitions 1 and 2 overlap");
    assert_eq!(change(|table| table.partitions[0].first_lba = 1), "partition 1 lies outside the usable sectors");
    assert_eq!(
        change(|table| table.partitions[0].label = "é".repeat(37)),
        EncodeError::Label("é".repeat(37)).to_string()
    );
    assert!(change(|table| table.disk_sectors = 0).contains("no room"));
    assert!(change(|table| table.disk_sectors = u64::MAX).contains("no room"));
}

/// Tables of up to eight partitions at arbitrary places in ascending order, not all numbers used.
fn tables() -> impl Strategy<Value = PartitionTable> {
    let label = prop_oneof!["[a-z0-9-]{0,36}", "[^\0]{0,18}"];
    let partition = (1..4_u32, 0..5_u64, 1..9_u64, any::<[u128; 2]>(), any::<u64>(), label);
    let size = prop_oneof![Just(SectorSize::Bytes512), Just(SectorSize::Bytes4096)];
    (size, any::<u128>(), vec(partition, 0..8)).prop_map(|(sector_size, disk_guid, drawn)| {
        let first_usable_lba = 34;
        let mut next = (0, first_usable_lba);
        let partitions: Vec<Partition> = drawn
            .into_iter()
            .map(|(skipped, gap, sectors, [type_guid, unique_guid], attributes, label)| {
                let (number, first_lba) = (next.0 + skipped, next.1 + gap);
                next = (number, first_lba + sectors);
                Partition {
                    number,
                    type_guid: Uuid::from_u128(type_guid.max(1)),
                    unique_guid: Uuid::from_u128(unique_guid),
                    first_lba,
                    last_lba: first_lba + sectors - 1,
                    attributes: Attributes(attributes),
                    label,
                }
            })
            .collect();
        let disk_guid = Uuid::from_u128(disk_guid);
        let last_usable_lba = next.1;
        PartitionTable {
            disk_guid,
            sector_size,
            disk_sectors: next.1 + 40,
            first_usable_lba,
            last_usable_lba,
            partitions,
        }
    })
}

proptest! {
    #[test]
    fn every_table_survives_writing_and_reading(table in tables()) {
        let reading = gpt::read(&mut Cursor::new(disk_bytes(&table)), Some(table.sector_size)).unwrap();
        prop_assert_eq!(reading.notes, vec![]);
        prop_assert_eq!(reading.table, table);
    }

    /// What the fuzz target `gpt` does, small enough for every test run.
    #[test]
    fn damage_is_found_or_harmless(table in tables(), damage in vec((any::<proptest::sample::Index>(), any::<u8>()), 1..6)) {
        let mut disk = disk_bytes(&table);
        // Damage where the structures are, not in the empty space of partitions.
        let structures: Vec<usize> = (0..disk.len()).filter(|place| disk[*place] != 0).collect();
        for (place, value) in damage {
            disk[*place.get(&structures)] = value;
        }
        if let Ok(reading) = gpt::read(&mut Cursor::new(&disk), Some(table.sector_size)) {
            prop_assert!(reading.table.partitions == table.partitions, "a damaged table was believed");
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in vec(any::<u8>(), 0..8192)) {
        let _ = gpt::read(&mut Cursor::new(bytes), None);
    }
}

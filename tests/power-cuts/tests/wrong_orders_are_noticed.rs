//! An update that writes in the right order is safe, and each order that is not is noticed.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, Write as _};
use std::sync::atomic::AtomicBool;

use disk_layout::gpt::{self, Partition, PartitionTable, SectorSize};
use disk_layout::partition_type::{self, Attributes};
use disk_layout::root_hash::RootHash;
use image_files::esp::{EspImage, EspNode, make};
use image_files::sparse::Watch;
use power_cuts::SECTOR;
use power_cuts::boot_rule::{LOADER, LOADER_CONFIGURATION, look};
use power_cuts::contents::{Content, Contents, SourceNumber};
use power_cuts::disk::Disk;
use power_cuts::power_cut::for_each_power_cut;
use power_cuts::release::Release;
use power_cuts::write_log::{Operation, Write};
use uuid::Uuid;

/// The sectors of the disk and its parts.
const ESP: u64 = 2048;
const ESP_SECTORS: u64 = (34 << 20) / SECTOR;
const ROOT_SECTORS: u64 = 200;
const VERITY_SECTORS: u64 = 4;
const ROOT_A: u64 = ESP + ESP_SECTORS;
const VERITY_A: u64 = ROOT_A + ROOT_SECTORS;
const ROOT_B: u64 = VERITY_A + VERITY_SECTORS;
const VERITY_B: u64 = ROOT_B + ROOT_SECTORS;
const DISK: u64 = VERITY_B + VERITY_SECTORS + 100;

/// The release in slot B, which is overwritten. The names sort so that a file system that is made anew has the running release's file in the
/// same place every time.
const OVERWRITTEN: &str = "1.0.0~dev.1";
/// The release in slot A, which runs.
const RUNNING: &str = "1.0.0";
/// The release that comes into slot B.
const NEW: &str = "1.1.0";

/// What an update does, one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    RemoveEntry,
    Root,
    Verity,
    Uki,
    Table,
    /// The table as a tool writes it that does not think of power cuts: over the one that is in use.
    TableInPlace,
    Rename,
    Flush,
}

use Step::{Flush, RemoveEntry, Rename, Root, Table, TableInPlace, Uki, Verity};

const RIGHT: [Step; 11] = [RemoveEntry, Flush, Root, Flush, Verity, Flush, Uki, Flush, Table, Rename, Flush];

#[test]
fn the_right_order_starts_a_whole_release_wherever_power_fails() {
    let outcome = faults(&RIGHT);
    assert_eq!(outcome.faults, Vec::<String>::new());
    assert_eq!(outcome.started, [NEW, RUNNING]);
    assert!(outcome.looked_at > 500, "{} disks", outcome.looked_at);
}

#[test]
fn an_entry_of_a_slot_that_is_being_overwritten_is_noticed() {
    let order: Vec<Step> = RIGHT.into_iter().filter(|step| *step != RemoveEntry).collect();
    the_fault_is(&order, "is a boot entry of release 1.0.0~dev.1, whose slot is not whole");
    // Removed, but not flushed before the slot is written: the removal may be lost.
    let order: Vec<Step> = [RemoveEntry].into_iter().chain(RIGHT[2..].iter().copied()).collect();
    the_fault_is(&order, "is a boot entry of release 1.0.0~dev.1, whose slot is not whole");
}

#[test]
fn an_entry_before_its_slot_is_noticed() {
    let order = [RemoveEntry, Flush, Root, Flush, Uki, Flush, Table, Rename, Flush, Verity, Flush];
    the_fault_is(
        &order,
        "is a boot entry of release 1.1.0, whose slot is not whole: 4 sectors of its hash tree differ",
    );
    let order = [RemoveEntry, Flush, Root, Flush, Verity, Flush, Uki, Flush, Rename, Flush, Table];
    the_fault_is(&order, "whose slot is not whole: there is not exactly one partition with the UUID of its root");
}

#[test]
fn a_missing_flush_is_noticed() {
    let order = [RemoveEntry, Flush, Root, Verity, Uki, Flush, Table, Rename, Flush];
    assert_eq!(faults(&order).faults, Vec::<String>::new(), "nothing points there before the second flush");
    // The partition table flushes for itself, so that it has to stand before what it must not flush.
    let order = [RemoveEntry, Flush, Table, Verity, Flush, Uki, Flush, Root, Rename, Flush];
    the_fault_is(&order, "of its root image differ");
    let order = [RemoveEntry, Flush, Root, Verity, Flush, Table, Uki, Rename, Flush];
    the_fault_is(&order, "would start piccolo_1.1.0+3-0.efi, which is not the whole UKI of any release");
}

#[test]
fn a_partition_table_written_in_place_is_noticed() {
    let order: Vec<Step> = RIGHT.into_iter().map(|step| if step == Table { TableInPlace } else { step }).collect();
    the_fault_is(&order, "the kernel would find no partitions: the primary partition table is damaged");
}

#[track_caller]
fn the_fault_is(order: &[Step], expected: &str) {
    let outcome = faults(order);
    assert!(outcome.faults.iter().any(|fault| fault.contains(expected)), "{order:?} gave {:?}", outcome.faults);
}

struct Outcome {
    looked_at: usize,
    /// What was wrong with disks, each said once.
    faults: Vec<String>,
    /// The releases that started, sorted, the newest first.
    started: Vec<String>,
}

/// Carries out the steps, and says what was wrong with the disks that power cuts could have left.
fn faults(order: &[Step]) -> Outcome {
    let mut bench = Bench::new();
    let log: Vec<Operation> = order.iter().flat_map(|step| bench.operations(*step)).collect();
    let Bench { contents, base, releases, .. } = &mut bench;
    let mut disk = Disk::beginning_like(contents, *base, DISK).unwrap();
    let mut outcome = Outcome { looked_at: 0, faults: Vec::new(), started: Vec::new() };
    for_each_power_cut(
        &mut disk,
        &log,
        0..log.len(),
        |_| true,
        |disk, _| {
            outcome.looked_at += 1;
            let (list, text) = match look(disk, contents, releases) {
                Ok(appearance) => (&mut outcome.started, appearance.starts().to_owned()),
                Err(fault) => (&mut outcome.faults, fault.to_string()),
            };
            if !list.contains(&text) {
                list.push(text);
            }
        },
    );
    outcome.started.sort_by(|one, other| other.cmp(one));
    outcome
}

/// A disk before an update, and what the update will write.
struct Bench {
    contents: Contents,
    base: SourceNumber,
    releases: Vec<Release>,
    table: PartitionTable,
    before: File,
    esp: EspStates,
}

/// The ESP before and after each step that changes it.
struct EspStates {
    now: Vec<u8>,
    without_entry: Vec<u8>,
    with_uki: Vec<u8>,
    renamed: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let esp = EspStates {
            now: esp(&[(RUNNING, ".efi"), (OVERWRITTEN, ".efi")]),
            // Two files in each, so that nothing else has another place.
            without_entry: esp(&[(RUNNING, ".efi"), (OVERWRITTEN, ".gone")]),
            with_uki: esp(&[(RUNNING, ".efi"), (NEW, ".part")]),
            renamed: esp(&[(RUNNING, ".efi"), (NEW, "+3-0.efi")]),
        };
        let table = table();
        let encoded = table.encode().unwrap();
        let mut before = tempfile::tempfile().unwrap();
        let parts = [
            (0, encoded.primary.as_slice()),
            (ESP * SECTOR, &esp.now),
            (ROOT_A * SECTOR, &bytes(RUNNING, "root", ROOT_SECTORS)),
            (VERITY_A * SECTOR, &bytes(RUNNING, "verity", VERITY_SECTORS)),
            (ROOT_B * SECTOR, &bytes(OVERWRITTEN, "root", ROOT_SECTORS)),
            (VERITY_B * SECTOR, &bytes(OVERWRITTEN, "verity", VERITY_SECTORS)),
            (encoded.backup_offset, &encoded.backup),
        ];
        for (offset, bytes) in parts {
            before.seek(std::io::SeekFrom::Start(offset)).unwrap();
            before.write_all(bytes).unwrap();
        }
        let mut contents = Contents::default();
        let base = contents.add_source(before.try_clone().unwrap());
        let releases = [OVERWRITTEN, RUNNING, NEW].map(|version| release(&mut contents, version)).into();
        Self { contents, base, releases, table, before, esp }
    }

    fn operations(&mut self, step: Step) -> Vec<Operation> {
        match step {
            Flush => vec![Operation::Flush],
            Root => vec![self.write(ROOT_B * SECTOR, &bytes(NEW, "root", ROOT_SECTORS))],
            Verity => vec![self.write(VERITY_B * SECTOR, &bytes(NEW, "verity", VERITY_SECTORS))],
            RemoveEntry => self.change_esp(self.esp.without_entry.clone()),
            Uki => self.change_esp(self.esp.with_uki.clone()),
            Rename => self.change_esp(self.esp.renamed.clone()),
            Table => {
                let found = gpt::read(&mut self.before, Some(SectorSize::Bytes512)).unwrap();
                let writes = self.new_table().replace(&found).unwrap();
                writes.iter().flat_map(|write| [self.write(write.offset, &write.bytes), Operation::Flush]).collect()
            }
            TableInPlace => {
                let encoded = self.new_table().encode().unwrap();
                vec![
                    self.write(0, &encoded.primary),
                    Operation::Flush,
                    self.write(encoded.backup_offset, &encoded.backup),
                ]
            }
        }
    }

    fn new_table(&self) -> PartitionTable {
        let mut table = self.table.clone();
        let hash = root_hash(NEW);
        let uuids = [("root-b", hash.root_partition_uuid()), ("verity-b", hash.verity_partition_uuid())];
        for (label, uuid) in uuids {
            let partition = table.partitions.iter_mut().find(|partition| partition.label == label);
            partition.unwrap().unique_guid = uuid;
        }
        table
    }

    /// Writes the sectors in which the ESP differs, one by one.
    fn change_esp(&mut self, next: Vec<u8>) -> Vec<Operation> {
        let sectors = |bytes: &[u8]| bytes.chunks(SECTOR as usize).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let changed = (ESP..).zip(sectors(&self.esp.now).into_iter().zip(sectors(&next)));
        let changed = changed.filter(|(_, (old, new))| old != new);
        let writes = changed.map(|(sector, (_, new))| self.write(sector * SECTOR, &new)).collect();
        self.esp.now = next;
        writes
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> Operation {
        let contents = number(&mut self.contents, bytes);
        Operation::Write(Write { first: offset / SECTOR, contents, durable: false })
    }
}

fn number(contents: &mut Contents, bytes: &[u8]) -> Vec<Content> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    let source = contents.add_source(file);
    contents.number(source, 0, (bytes.len() as u64).div_ceil(SECTOR)).unwrap()
}

/// Bytes that are in no other part and in no other release.
fn bytes(version: &str, part: &str, sectors: u64) -> Vec<u8> {
    let line = |number| format!("{number:8} {part} of {version}");
    let sector = |number| format!("{:<width$}", line(number), width = SECTOR as usize).into_bytes();
    (0..sectors).flat_map(sector).collect()
}

fn root_hash(version: &str) -> RootHash {
    let mut hash = [7; 32];
    for (byte, letter) in hash.iter_mut().zip(version.bytes().chain(version.bytes().rev()).cycle()) {
        *byte = letter;
    }
    RootHash(hash)
}

fn release(contents: &mut Contents, version: &str) -> Release {
    Release {
        version: version.to_owned(),
        root_hash: root_hash(version),
        root: number(contents, &bytes(version, "root", ROOT_SECTORS)),
        verity: number(contents, &bytes(version, "verity", VERITY_SECTORS)),
        uki: number(contents, &bytes(version, "uki", 20)),
        loader: number(contents, &bytes("all", "loader", 3)),
        loader_configuration: number(contents, b"timeout 0\n"),
    }
}

fn table() -> PartitionTable {
    let [running, overwritten] = [RUNNING, OVERWRITTEN].map(root_hash);
    let partitions = [
        ("esp", partition_type::ESP, Uuid::from_u128(3), ESP, ESP_SECTORS),
        ("root-a", partition_type::ROOT_X86_64, running.root_partition_uuid(), ROOT_A, ROOT_SECTORS),
        ("verity-a", partition_type::ROOT_X86_64_VERITY, running.verity_partition_uuid(), VERITY_A, VERITY_SECTORS),
        ("root-b", partition_type::ROOT_X86_64, overwritten.root_partition_uuid(), ROOT_B, ROOT_SECTORS),
        ("verity-b", partition_type::ROOT_X86_64_VERITY, overwritten.verity_partition_uuid(), VERITY_B, VERITY_SECTORS),
    ];
    let partition =
        |(number, (label, type_guid, unique_guid, first_lba, sectors)): (u32, (&str, Uuid, Uuid, u64, u64))| {
            Partition {
                number,
                type_guid,
                unique_guid,
                first_lba,
                last_lba: first_lba + sectors - 1,
                attributes: Attributes(0),
                label: label.to_owned(),
            }
        };
    PartitionTable {
        disk_guid: Uuid::from_u128(1),
        sector_size: SectorSize::Bytes512,
        disk_sectors: DISK,
        first_usable_lba: ESP,
        last_usable_lba: DISK - 34,
        partitions: (1..).zip(partitions).map(partition).collect(),
    }
}

/// The bytes of an ESP with these UKIs: release, and what follows it in the file's name.
fn esp(ukis: &[(&str, &str)]) -> Vec<u8> {
    let mut nodes = BTreeMap::from([
        (LOADER.to_owned(), EspNode::Bytes(bytes("all", "loader", 3))),
        (LOADER_CONFIGURATION.to_owned(), EspNode::Bytes(b"timeout 0\n".to_vec())),
    ]);
    for (version, ending) in ukis {
        nodes.insert(format!("EFI/Linux/piccolo_{version}{ending}"), EspNode::Bytes(bytes(version, "uki", 20)));
    }
    let size = ESP_SECTORS * SECTOR;
    let mut file = tempfile::tempfile().unwrap();
    file.set_len(size).unwrap();
    let image = EspImage { size, sector_size: SectorSize::Bytes512, volume_id: 7, timestamp: 0, nodes: &nodes };
    let cancelled = AtomicBool::new(false);
    make(&mut file, &image, &mut Watch { progress: &mut |_, _| {}, cancelled: &cancelled }).unwrap();
    file.rewind().unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

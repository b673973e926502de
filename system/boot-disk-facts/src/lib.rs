//! Reads from sysfs and efivarfs what the choice of the boot disk needs.
//!
//! Every function takes the directories where `/sys` and `/dev` are, so that tests can hand over recorded ones. Partition UUIDs are
//! read from the disks themselves: kernels before 6.13 do not tell them.

use boot_disk::choice::{BootSource, Disk};
use boot_disk::device_path;
use boot_disk::hardware::Attachment;
use boot_disk::variable;
use disk_layout::gpt::{self, SectorSize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Vendor of the loader's variables (Boot Loader Interface).
const LOADER_VENDOR: &str = "4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// Vendor of the firmware's own variables (UEFI 2.10, 3.3).
const GLOBAL_VENDOR: &str = "8be4df61-93ca-11d2-aa0d-00e098032b8c";
/// Longest value read of any file below `/sys`, in bytes.
const MAXIMUM_VALUE: u64 = 64 * 1024;
/// Most disks and partitions looked at.
const MAXIMUM_DEVICES: usize = 4096;

/// Why the facts could not be read.
#[derive(Debug, thiserror::Error)]
#[error("reading {} failed", .path.display())]
pub struct FactsError {
    /// What was read.
    pub path: PathBuf,
    /// Why it failed.
    pub source: io::Error,
}

/// What the firmware and the loader say about this boot. Variables that are missing or make no sense count as silent: the
/// choice then rests on the others, or is refused with its own message.
#[must_use]
pub fn boot_source(sys: &Path) -> BootSource {
    let read =
        |name: &str, vendor: &str| bounded(&sys.join("firmware/efi/efivars").join(format!("{name}-{vendor}"))).ok();
    let loader_partition =
        read("LoaderDevicePartUUID", LOADER_VENDOR).and_then(|value| variable::partition_uuid(&value).ok());
    let device_path = read("BootCurrent", GLOBAL_VENDOR)
        .and_then(|value| variable::number(&value).ok())
        .and_then(|number| read(&format!("Boot{number:04X}"), GLOBAL_VENDOR))
        .and_then(|value| device_path::from_load_option(variable::data(&value).ok()?).ok())
        .unwrap_or_default();
    BootSource { loader_partition, device_path }
}

/// All disks with the UUIDs of their GPT partitions, in the order of their names. A disk without a readable partition table has
/// none.
///
/// # Errors
/// When sysfs cannot be listed. A disk that vanishes while it is read is left out.
pub fn disks(sys: &Path, dev: &Path) -> Result<Vec<Disk>, FactsError> {
    let class = sys.join("class/block");
    let failed = |source| FactsError { path: class.clone(), source };
    let mut disks: BTreeMap<String, Disk> = BTreeMap::new();
    for entry in fs::read_dir(&class).map_err(failed)?.take(MAXIMUM_DEVICES) {
        let link = entry.map_err(failed)?.path();
        let (Ok(place), Ok(event)) = (fs::canonicalize(&link), uevent(&link)) else { continue };
        let Some(name) = place.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        // Mappings, loop devices and the like are made of disks, they are not what firmware boots from.
        let is_virtual = place.components().any(|part| part.as_os_str() == "virtual");
        if is_virtual || event.get("DEVTYPE").map(String::as_str) != Some("disk") {
            continue;
        }
        let partitions = partitions(&place, &dev.join(&name));
        disks.insert(name.clone(), Disk { attachment: attachment(sys, &place, name), partitions });
    }
    Ok(disks.into_values().collect())
}

fn partitions(place: &Path, node: &Path) -> Vec<Uuid> {
    let size = bounded(&place.join("queue/logical_block_size")).unwrap_or_default();
    let sector_size = match String::from_utf8_lossy(&size).trim() {
        "4096" => SectorSize::Bytes4096,
        _ => SectorSize::Bytes512,
    };
    let Ok(mut disk) = File::open(node) else { return Vec::new() };
    match gpt::read(&mut disk, Some(sector_size)) {
        Ok(reading) => reading.table.partitions.iter().map(|partition| partition.unique_guid).collect(),
        Err(_) => Vec::new(),
    }
}

/// Asks the kernel to announce a disk and its partitions again, so that udev applies its rules anew.
///
/// # Errors
/// When sysfs refuses.
pub fn announce(sys: &Path, disk: &str) -> Result<(), FactsError> {
    let directory = sys.join("class/block").join(disk);
    let trigger = |path: PathBuf| fs::write(&path, "change").map_err(|source| FactsError { path, source });
    trigger(directory.join("uevent"))?;
    let entries = fs::read_dir(&directory).map_err(|source| FactsError { path: directory.clone(), source })?;
    for entry in entries.flatten().take(MAXIMUM_DEVICES) {
        if entry.path().join("partition").exists() {
            trigger(entry.path().join("uevent"))?;
        }
    }
    Ok(())
}

fn attachment(sys: &Path, place: &Path, name: String) -> Attachment {
    let root = fs::canonicalize(sys).unwrap_or_else(|_| sys.to_owned());
    let relative = place.strip_prefix(&root).unwrap_or(place);
    // …/ata2/host1/target1:0:0/… : the port's number on its controller is in …/ata2/ata_port/ata2/port_no.
    let ata = place.ancestors().find_map(|directory| {
        let name = directory.file_name()?.to_str()?;
        name.strip_prefix("ata")?.parse::<u32>().ok()?;
        bounded(&directory.join("ata_port").join(name).join("port_no")).ok()
    });
    let ata_port = ata.and_then(|value| String::from_utf8(value).ok()?.trim().parse().ok());
    Attachment { name, sysfs_path: format!("/{}", relative.display()), ata_port }
}

fn uevent(directory: &Path) -> io::Result<BTreeMap<String, String>> {
    let bytes = bounded(&directory.join("uevent"))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(|line| line.split_once('=')).map(|(key, value)| (key.into(), value.into())).collect())
}

fn bounded(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAXIMUM_VALUE).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::{boot_source, disks};
    use boot_disk::device_path::Node;
    use disk_layout::gpt::SectorSize;
    use disk_layout::partition_type::Architecture;
    use disk_layout::plan::{PartitionSizes, ShippedDisk, plan_shipped_disk};
    use disk_layout::root_hash::RootHash;
    use std::fs::{self, File};
    use std::os::unix::fs::{FileExt, symlink};
    use std::path::Path;
    use tempfile::TempDir;

    fn write(path: &Path, value: impl AsRef<[u8]>) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, value).unwrap();
    }

    /// A SATA disk on port 2 with the partition table of a shipped image, and a mapping that is no disk.
    fn recorded() -> (TempDir, RootHash) {
        let root = TempDir::new().unwrap();
        let sys = root.path().join("sys");
        let place = "devices/pci0000:00/0000:00:1f.2/ata2/host1/target1:0:0/1:0:0:0/block/sda";
        write(&sys.join(place).join("uevent"), "MAJOR=8\nMINOR=0\nDEVNAME=sda\nDEVTYPE=disk\nDISKSEQ=3\n");
        write(&sys.join(place).join("queue/logical_block_size"), "512\n");
        write(&sys.join(place).join("sda1/uevent"), "DEVNAME=sda1\nDEVTYPE=partition\nPARTN=1\nPARTNAME=esp\n");
        write(&sys.join("devices/pci0000:00/0000:00:1f.2/ata2/ata_port/ata2/port_no"), "2\n");
        write(&sys.join("devices/virtual/block/dm-0/uevent"), "DEVNAME=dm-0\nDEVTYPE=disk\n");
        fs::create_dir_all(sys.join("class/block")).unwrap();
        symlink(format!("../../{place}"), sys.join("class/block/sda")).unwrap();
        symlink(format!("../../{place}/sda1"), sys.join("class/block/sda1")).unwrap();
        symlink("../../devices/virtual/block/dm-0", sys.join("class/block/dm-0")).unwrap();

        let plan = plan_shipped_disk(&ShippedDisk {
            architecture: Architecture::X86_64,
            sizes: &PartitionSizes::default(),
            sector_size: SectorSize::Bytes512,
            seed: &[7; 32],
        })
        .unwrap();
        let hash = RootHash([9; 32]);
        let table = plan.table(&hash).encode().unwrap();
        fs::create_dir_all(root.path().join("dev")).unwrap();
        let disk = File::create(root.path().join("dev/sda")).unwrap();
        disk.set_len(plan.disk_bytes).unwrap();
        disk.write_all_at(&table.primary, 0).unwrap();
        disk.write_all_at(&table.backup, table.backup_offset).unwrap();
        (root, hash)
    }

    #[test]
    fn a_disk_comes_with_its_place_its_port_and_its_partitions() {
        let (root, hash) = recorded();
        let found = disks(&root.path().join("sys"), &root.path().join("dev")).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].attachment.name, "sda");
        assert_eq!(found[0].attachment.ata_port, Some(2));
        assert!(found[0].attachment.sysfs_path.starts_with("/devices/pci0000:00/0000:00:1f.2/ata2/"));
        assert_eq!(found[0].partitions.len(), 3);
        assert!(found[0].partitions.contains(&hash.root_partition_uuid()));
    }

    #[test]
    fn a_disk_with_garbage_has_no_partitions() {
        let (root, _) = recorded();
        fs::write(root.path().join("dev/sda"), [0xff; 40_000]).unwrap();
        assert!(disks(&root.path().join("sys"), &root.path().join("dev")).unwrap()[0].partitions.is_empty());
    }

    #[test]
    fn the_boot_source_follows_boot_current() {
        let (root, _) = recorded();
        let variables = root.path().join("sys/firmware/efi/efivars");
        write(&variables.join("BootCurrent-8be4df61-93ca-11d2-aa0d-00e098032b8c"), [6, 0, 0, 0, 0x1a, 0]);
        let path = [0x01, 0x01, 6, 0, 0, 3, 0x7f, 0xff, 4, 0];
        let option = [&[7, 0, 0, 0, 1, 0, 0, 0, 10, 0, 0, 0][..], &path].concat();
        write(&variables.join("Boot001A-8be4df61-93ca-11d2-aa0d-00e098032b8c"), option);
        let source = boot_source(&root.path().join("sys"));
        assert_eq!(source.device_path, [Node::Pci { device: 3, function: 0 }]);
        assert_eq!(source.loader_partition, None);
    }
}

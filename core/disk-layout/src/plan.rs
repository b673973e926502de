//! From sizes in the recipe to partitions with addresses

use sha2::{Digest, Sha256};
use thiserror::Error;
use uuid::{Builder, Uuid};

use crate::gpt::{Partition, PartitionTable, SectorSize};
use crate::partition_type::{Architecture, Attributes};
use crate::root_hash::RootHash;
use crate::slot::{PartitionRole, SlotName};

/// Partitions start and end at multiples of this: 1 MiB, a multiple of every erase block and sector size in use.
pub const ALIGNMENT: u64 = 1 << 20;
const GIB: u64 = 1 << 30;
/// Larger than any disk, and small enough that sums of partition sizes cannot overflow.
const MAX_PARTITION_BYTES: u64 = 1 << 60;
/// dm-verity data and hash blocks.
const VERITY_BLOCK: u64 = 4096;
/// SHA-256 hashes in one hash block.
const VERITY_FANOUT: u64 = VERITY_BLOCK / 32;

/// The recipe's partition sizes, in bytes. Both slots have the same sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionSizes {
    /// The EFI system partition.
    pub esp: u64,
    /// The root partition of a slot.
    pub root: u64,
    /// The verity partition of a slot; nothing means what a root file system of size `root` needs.
    pub verity: Option<u64>,
    /// The least that must remain for `var`; on the device it takes all the rest.
    pub var_minimum: u64,
}

impl Default for PartitionSizes {
    fn default() -> Self {
        Self { esp: GIB, root: 3 * GIB, verity: None, var_minimum: GIB }
    }
}

impl PartitionSizes {
    /// The size of a verity partition: as set, or what a root partition of size `root` needs.
    pub fn verity_or_automatic(&self) -> u64 {
        self.verity.unwrap_or_else(|| verity_bytes(self.root).next_multiple_of(ALIGNMENT))
    }

    /// Says which size cannot be used, and why.
    ///
    /// # Errors
    /// A size is zero, not a multiple of 1 MiB or absurdly large.
    pub fn check(&self) -> Result<(), PlanError> {
        let sizes = [
            ("image.sizes.esp", self.esp, ALIGNMENT),
            ("image.sizes.root", self.root, ALIGNMENT),
            ("image.sizes.verity", self.verity.unwrap_or(ALIGNMENT), ALIGNMENT),
            ("image.sizes.var_minimum", self.var_minimum, 1),
        ];
        for (setting, bytes, alignment) in sizes {
            if bytes == 0 || bytes > MAX_PARTITION_BYTES || bytes % alignment != 0 {
                return Err(PlanError::Size { setting, bytes });
            }
        }
        Ok(())
    }

    /// The smallest disk that has room for both slots and the least `var`: what a device needs.
    pub fn smallest_disk(&self) -> u64 {
        2 * ALIGNMENT
            + self.esp
            + 2 * (self.root + self.verity_or_automatic())
            + self.var_minimum.next_multiple_of(ALIGNMENT)
    }
}

/// The bytes that dm-verity needs for `data_bytes` of data: superblock and hash tree, SHA-256, 4096-byte blocks.
/// Saturates where the data is larger than any disk.
pub fn verity_bytes(data_bytes: u64) -> u64 {
    let mut blocks = data_bytes.div_ceil(VERITY_BLOCK);
    let mut hash_blocks = 0;
    loop {
        blocks = blocks.div_ceil(VERITY_FANOUT);
        hash_blocks += blocks;
        if blocks <= 1 {
            return (1 + hash_blocks) * VERITY_BLOCK;
        }
    }
}

/// Everything that decides the layout of a shipped disk image.
#[derive(Debug, Clone, Copy)]
pub struct ShippedDisk<'a> {
    /// Selects the partition types.
    pub architecture: Architecture,
    /// The recipe's sizes.
    pub sizes: &'a PartitionSizes,
    /// The unit of the table's addresses.
    pub sector_size: SectorSize,
    /// A hash of the build's inputs: GUIDs derive from it, so that equal inputs give equal bytes.
    pub seed: &'a [u8; 32],
}

/// One partition of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedPartition {
    /// What it is for.
    pub role: PartitionRole,
    /// Where it starts on the disk, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
}

/// A planned disk. The addresses are known before the root hash is, so that root and verity can be written in place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskPlan {
    /// The size of the whole disk in bytes.
    pub disk_bytes: u64,
    /// The partitions, in the order of the table.
    pub partitions: Vec<PlannedPartition>,
    architecture: Architecture,
    sector_size: SectorSize,
    seed: [u8; 32],
}

/// The layout is not possible.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PlanError {
    /// A size from the recipe cannot be used.
    #[error("{setting} is {bytes} bytes; partition sizes are multiples of 1 MiB, above zero and at most 1 EiB")]
    Size {
        /// The recipe setting.
        setting: &'static str,
        /// Its value in bytes.
        bytes: u64,
    },
    /// What is to go into a partition is larger than the partition.
    #[error(
        "the content of partition {role} is {} but the partition has only {}; raise {setting} in the recipe to at least {}",
        mebibytes(*content), mebibytes(*partition), mebibytes(content.next_multiple_of(ALIGNMENT))
    )]
    ContentTooLarge {
        /// The partition.
        role: PartitionRole,
        /// The recipe setting that gives its size.
        setting: &'static str,
        /// Bytes of the content.
        content: u64,
        /// Bytes of the partition.
        partition: u64,
    },
    /// The plan has no such partition.
    #[error("the planned disk has no partition {0}")]
    NoPartition(PartitionRole),
}

/// Plans the disk image that is shipped: `esp`, `root-a`, `verity-a` and nothing else. Slot B and `var` are made on the
/// device's first boot (see [`crate::repart`]).
///
/// # Errors
/// When a size cannot be used.
pub fn plan_shipped_disk(disk: &ShippedDisk<'_>) -> Result<DiskPlan, PlanError> {
    disk.sizes.check()?;
    let wanted = [
        (PartitionRole::Esp, disk.sizes.esp),
        (PartitionRole::Root(SlotName::A), disk.sizes.root),
        (PartitionRole::Verity(SlotName::A), disk.sizes.verity_or_automatic()),
    ];
    // The first MiB holds the primary table, the last one the backup.
    let mut offset = ALIGNMENT;
    let mut partitions = Vec::with_capacity(wanted.len());
    for (role, size) in wanted {
        partitions.push(PlannedPartition { role, offset, size });
        offset += size;
    }
    Ok(DiskPlan {
        disk_bytes: offset + ALIGNMENT,
        partitions,
        architecture: disk.architecture,
        sector_size: disk.sector_size,
        seed: *disk.seed,
    })
}

impl DiskPlan {
    /// The partition with this role.
    ///
    /// # Errors
    /// When the plan has none.
    pub fn partition(&self, role: PartitionRole) -> Result<PlannedPartition, PlanError> {
        let found = self.partitions.iter().find(|partition| partition.role == role);
        found.copied().ok_or(PlanError::NoPartition(role))
    }

    /// Says whether `content` bytes fit into a partition, and which setting to raise if not.
    ///
    /// # Errors
    /// When they do not, or there is no such partition.
    pub fn check_fits(&self, role: PartitionRole, content: u64) -> Result<(), PlanError> {
        let partition = self.partition(role)?.size;
        if content <= partition {
            return Ok(());
        }
        let setting = match role {
            PartitionRole::Esp => "image.sizes.esp",
            PartitionRole::Root(_) => "image.sizes.root",
            PartitionRole::Verity(_) => "image.sizes.verity",
            PartitionRole::Var => "image.sizes.var_minimum",
        };
        Err(PlanError::ContentTooLarge { role, setting, content, partition })
    }

    /// The unit of the table's addresses.
    pub fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    /// The finished partition table of a disk whose slot A has this root hash.
    pub fn table(&self, root_hash: &RootHash) -> PartitionTable {
        let sector = self.sector_size.bytes();
        let table_sectors = 2 + self.sector_size.entry_sectors();
        let disk_sectors = self.disk_bytes / sector;
        let partitions = self.partitions.iter().zip(1..).map(|(planned, number)| Partition {
            number,
            type_guid: self.architecture.partition_type(planned.role),
            unique_guid: match planned.role {
                PartitionRole::Root(_) => root_hash.root_partition_uuid(),
                PartitionRole::Verity(_) => root_hash.verity_partition_uuid(),
                PartitionRole::Esp | PartitionRole::Var => derived_guid(&self.seed, planned.role.label()),
            },
            first_lba: planned.offset / sector,
            last_lba: (planned.offset + planned.size) / sector - 1,
            attributes: Attributes::of_role(planned.role),
            label: planned.role.label().to_owned(),
        });
        PartitionTable {
            disk_guid: derived_guid(&self.seed, "disk"),
            sector_size: self.sector_size,
            disk_sectors,
            first_usable_lba: table_sectors,
            last_usable_lba: disk_sectors - table_sectors,
            partitions: partitions.collect(),
        }
    }
}

/// A GUID that is the same for the same seed and name, marked as version 8 (RFC 9562: content of the maker's choosing).
pub fn derived_guid(seed: &[u8; 32], name: &str) -> Uuid {
    let hash = Sha256::new().chain_update("piccolo disk guid\0").chain_update(seed).chain_update(name).finalize();
    Builder::from_custom_bytes(std::array::from_fn(|index| hash[index])).into_uuid()
}

/// A FAT volume serial number that is the same for the same seed.
pub fn derived_volume_id(seed: &[u8; 32]) -> u32 {
    let hash = Sha256::new().chain_update("piccolo fat volume id\0").chain_update(seed).finalize();
    u32::from_le_bytes(std::array::from_fn(|index| hash[index]))
}

/// A size for people; rounded up, because it answers "how much is needed".
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::{
        ALIGNMENT, GIB, PartitionSizes, PlanError, ShippedDisk, derived_guid, plan_shipped_disk, verity_bytes,
    };
    use crate::gpt::SectorSize;
    use crate::partition_type::{Architecture, Attributes};
    use crate::root_hash::RootHash;
    use crate::slot::{PartitionRole, SlotName};

    fn disk(sizes: &PartitionSizes) -> ShippedDisk<'_> {
        ShippedDisk { architecture: Architecture::X86_64, sizes, sector_size: SectorSize::Bytes512, seed: &[7; 32] }
    }

    #[test]
    fn the_shipped_disk_holds_esp_and_slot_a_aligned_and_adjacent() {
        let plan = plan_shipped_disk(&disk(&PartitionSizes::default())).unwrap();
        let roles: Vec<_> = plan.partitions.iter().map(|partition| partition.role.label()).collect();
        assert_eq!(roles, ["esp", "root-a", "verity-a"]);
        let mut expected = ALIGNMENT;
        for partition in &plan.partitions {
            assert_eq!(partition.offset, expected);
            assert_eq!(partition.size % ALIGNMENT, 0);
            expected += partition.size;
        }
        assert_eq!(plan.disk_bytes, expected + ALIGNMENT);
        assert_eq!(plan.partitions[1].size, 3 * GIB);
        // 786432 data blocks: 6144 + 48 + 1 hash blocks and the superblock are 24.2 MiB.
        assert_eq!(plan.partitions[2].size, 25 << 20);
    }

    #[test]
    fn sector_size_changes_addresses_and_nothing_else() {
        let sizes = PartitionSizes::default();
        let small = plan_shipped_disk(&disk(&sizes)).unwrap().table(&RootHash([1; 32]));
        let large = ShippedDisk { sector_size: SectorSize::Bytes4096, ..disk(&sizes) };
        let large = plan_shipped_disk(&large).unwrap().table(&RootHash([1; 32]));
        for (left, right) in small.partitions.iter().zip(&large.partitions) {
            assert_eq!(left.offset(SectorSize::Bytes512), right.offset(SectorSize::Bytes4096));
            assert_eq!(left.size(SectorSize::Bytes512), right.size(SectorSize::Bytes4096));
            assert_eq!(left.unique_guid, right.unique_guid);
        }
        assert!(small.encode().is_ok() && large.encode().is_ok());
        assert_eq!(small.partitions[1].attributes, Attributes::READ_ONLY);
    }

    #[test]
    fn guids_depend_on_the_seed_and_are_version_8() {
        let guid = derived_guid(&[0; 32], "esp");
        assert_eq!(guid, derived_guid(&[0; 32], "esp"));
        assert_ne!(guid, derived_guid(&[1; 32], "esp"));
        assert_ne!(guid, derived_guid(&[0; 32], "var"));
        assert_eq!(guid.get_version_num(), 8);
        assert_eq!(guid.get_variant(), uuid::Variant::RFC4122);
    }

    #[test]
    fn content_that_does_not_fit_names_the_setting_to_raise() {
        let plan = plan_shipped_disk(&disk(&PartitionSizes::default())).unwrap();
        let role = PartitionRole::Root(SlotName::A);
        assert_eq!(plan.check_fits(role, 3 * GIB), Ok(()));
        assert_eq!(
            plan.check_fits(role, 3 * GIB + 1).unwrap_err().to_string(),
            "the content of partition root-a is 3073 MiB but the partition has only 3072 MiB; \
             raise image.sizes.root in the recipe to at least 3073 MiB"
        );
    }

    #[test]
    fn refuses_sizes_that_are_not_whole_mebibytes() {
        for esp in [0, ALIGNMENT + 512, u64::MAX] {
            let sizes = PartitionSizes { esp, ..PartitionSizes::default() };
            assert_eq!(
                plan_shipped_disk(&disk(&sizes)),
                Err(PlanError::Size { setting: "image.sizes.esp", bytes: esp })
            );
        }
    }

    #[test]
    fn verity_sizes_are_those_of_veritysetup() {
        // `veritysetup format` of 1, 128, 129 and 16385 blocks; one block alone needs no tree, a block is kept for it.
        for (data_blocks, blocks) in [(1, 2), (128, 2), (129, 1 + 2 + 1), (16_385, 1 + 129 + 2 + 1)] {
            assert_eq!(verity_bytes(data_blocks * 4096), blocks * 4096, "{data_blocks} blocks");
        }
        assert!(verity_bytes(u64::MAX) > 0);
    }
}

//! The same layout said to systemd-repart (repart.d(5)), which completes the disk on the device's first boot
//!
//! repart matches definitions with existing partitions of the same type in order: the first definition of a type gets the first
//! partition of it. So slot A's definitions come before slot B's, and all of a slot's sizes are fixed: repart neither grows nor
//! moves what the image brought. It never changes the UUID or the label of a partition that exists.

use crate::partition_type::Architecture;
use crate::plan::PartitionSizes;
use crate::slot::{PartitionRole, SlotName};

/// A file of a `repart.d` directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// Its file name; repart reads them in this order.
    pub file_name: String,
    /// Its text.
    pub text: String,
}

/// The definitions for a device: the three partitions that the image has, then slot B and `var`, which takes the rest.
///
/// Give them the sizes that the disk was planned with, after [`PartitionSizes::check`].
pub fn definitions(architecture: Architecture, sizes: &PartitionSizes) -> Vec<Definition> {
    let verity = sizes.verity_or_automatic();
    [
        (10, PartitionRole::Esp, sizes.esp),
        (20, PartitionRole::Root(SlotName::A), sizes.root),
        (21, PartitionRole::Verity(SlotName::A), verity),
        (30, PartitionRole::Root(SlotName::B), sizes.root),
        (31, PartitionRole::Verity(SlotName::B), verity),
        (40, PartitionRole::Var, sizes.var_minimum),
    ]
    .map(|(order, role, size)| Definition {
        file_name: format!("{order}-{}.conf", role.label()),
        text: text(architecture, role, size),
    })
    .into()
}

fn text(architecture: Architecture, role: PartitionRole, size: u64) -> String {
    let partition_type = architecture.partition_type_identifier(role);
    let start = format!("[Partition]\nType={partition_type}\nLabel={}\nSizeMinBytes={size}\n", role.label());
    match role {
        PartitionRole::Esp => format!("{start}SizeMaxBytes={size}\n"),
        PartitionRole::Root(_) | PartitionRole::Verity(_) => {
            format!("{start}SizeMaxBytes={size}\nReadOnly=yes\n")
        }
        PartitionRole::Var => format!("{start}Format=ext4\nGrowFileSystem=yes\n"),
    }
}

#[cfg(test)]
mod tests {
    use super::definitions;
    use crate::partition_type::Architecture;
    use crate::plan::PartitionSizes;

    #[test]
    fn definitions_come_in_the_order_of_the_table() {
        let definitions = definitions(Architecture::X86_64, &PartitionSizes::default());
        let names: Vec<_> = definitions.iter().map(|definition| definition.file_name.as_str()).collect();
        assert_eq!(
            names,
            ["10-esp.conf", "20-root-a.conf", "21-verity-a.conf", "30-root-b.conf", "31-verity-b.conf", "40-var.conf"]
        );
        assert_eq!(
            definitions[4].text,
            "[Partition]\nType=root-x86-64-verity\nLabel=verity-b\nSizeMinBytes=26214400\nSizeMaxBytes=26214400\nReadOnly=yes\n"
        );
        assert_eq!(
            definitions[5].text,
            "[Partition]\nType=var\nLabel=var\nSizeMinBytes=1073741824\nFormat=ext4\nGrowFileSystem=yes\n"
        );
    }
}

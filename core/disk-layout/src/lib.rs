//! GPT partitions, Discoverable Partitions types and the layout of a Piccolo OS disk
//!
//! Start at [`plan`]: sizes from the recipe become partitions with addresses. [`gpt`] turns them into bytes and back,
//! [`repart`] says the same layout to systemd-repart, which makes slot B and `var` on the device's first boot, and
//! [`boot_entry`] names the UKIs in the ESP.

pub mod boot_entry;
pub mod gpt;
pub mod partition_type;
pub mod plan;
pub mod repart;
pub mod root_hash;
pub mod slot;

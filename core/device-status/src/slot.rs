//! Which of the two slots runs.

use crate::facts::StateFacts;

/// A root partition, its verity partition, and the UKI that boots it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// The slot of `root-a` and `verity-a`.
    A,
    /// The slot of `root-b` and `verity-b`.
    B,
}

impl Slot {
    /// `a` or `b`, as in partition labels and in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }
}

/// The slot whose partition `/` stands on, or `None` where `/` does not come from a slot (a live medium, a development machine).
///
/// It is found from what is mounted, not from a label looked up on some disk: a second disk may carry the same labels.
pub fn running_slot(state: &StateFacts) -> Option<Slot> {
    let root = state.mount_at("/")?;
    state.devices_below(root).iter().find_map(|device| match device.partition_label.as_deref()? {
        "root-a" => Some(Slot::A),
        "root-b" => Some(Slot::B),
        _ => None,
    })
}

//! What runs, and from which slot.

use anyhow::Context;
use device_facts::FactsSource;
use disk_layout::boot_entry::EntryState as NamedState;
use disk_layout::root_hash::RootHash;
use disk_layout::slot::SlotName;
use release_metadata::Architecture;
use release_metadata::stream::StreamName;
use release_metadata::version::Version;
use update_engine::event::{Boot, Entry, EntryState};
use update_slots::boot_entries::BootEntries;
use update_slots::table::slot_root_hash;
use update_store::trial::TrialFile;

use crate::paths::Paths;

/// What does not change until the device boots again.
#[derive(Debug, Clone)]
pub struct Device {
    /// The release that runs.
    pub version: Version,
    /// Its root file system.
    pub root_hash: RootHash,
    /// The slot it runs from.
    pub active: SlotName,
    /// The processor's architecture.
    pub architecture: Architecture,
    /// The stream that the release belongs to.
    pub stream: StreamName,
    /// Identifies the device, and nothing else: whether a rollout has reached it follows from this.
    pub machine_id: String,
}

impl Device {
    /// Looks at the running system.
    ///
    /// # Errors
    /// When it is no Piccolo OS that was booted from a slot.
    pub fn find(paths: &Paths) -> anyhow::Result<Self> {
        let facts = FactsSource::new("/").boot().facts;
        let version = facts
            .release
            .image_version
            .context("/etc/os-release has no IMAGE_VERSION: this is no image of Piccolo OS")?;
        let version = version.parse().context("IMAGE_VERSION of /etc/os-release")?;
        let root_hash =
            facts.root_hash.context("the kernel's command line has no roothash=: the root is not verified")?;
        let root_hash: RootHash = root_hash.parse().context("roothash= of the kernel's command line")?;
        let disk = paths.slots.disk();
        let mut slots = [SlotName::A, SlotName::B].into_iter();
        // A slot that was never made has no name yet.
        let active = slots.find(|slot| slot_root_hash(&disk, *slot).is_ok_and(|found| found == root_hash));
        let active = active.with_context(|| {
            format!(
                "no slot of {} is named after the root hash {root_hash} that runs; updates are not possible",
                disk.display()
            )
        })?;
        let stream = facts.release.stream.unwrap_or_else(|| "stable".to_owned());
        let architecture = match facts.architecture.as_str() {
            "aarch64" => Architecture::Arm64,
            _ => Architecture::X86_64,
        };
        let machine_id = std::fs::read_to_string("/etc/machine-id").unwrap_or_default().trim().to_owned();
        let stream = stream.parse().context("PICCOLO_STREAM of /etc/os-release")?;
        Ok(Self { version, root_hash, active, architecture, stream, machine_id })
    }

    /// What the disk says about this boot.
    ///
    /// # Errors
    /// When the boot entries cannot be read.
    pub fn boot(&self, paths: &Paths) -> anyhow::Result<Boot> {
        let entries = BootEntries::on(paths.slots.esp()).list()?;
        let entries = entries.into_iter().filter_map(|found| {
            let version = found.entry.version().parse().ok()?;
            let state = match found.entry.state() {
                NamedState::Good => EntryState::Good,
                NamedState::Trying => {
                    EntryState::Trying { done: found.entry.counter().map_or(0, |counter| counter.done) }
                }
                NamedState::Bad => EntryState::Bad,
            };
            Some(Entry { version, state })
        });
        // Whatever an earlier boot of a release on trial left behind is about that release, which may not be the one that runs.
        let entries: Vec<Entry> = entries.collect();
        let trial = TrialFile::below(&paths.state);
        let trial_failure =
            entries.iter().map(|entry| entry.version).find_map(|version| trial.failure(version).ok().flatten());
        Ok(Boot { version: self.version, root_hash: self.root_hash, entries, trial_failure })
    }
}

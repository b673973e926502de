//! From an image in the inactive slot to a release that can be started.

use std::path::Path;

use anyhow::Context;
use device_facts::text::command_line::root_hash;
use release_metadata::release::Release;
use unified_kernel_image::PeImage;
use update_engine::event::Problem;
use update_engine::offer::Offer;
use update_engine::record::Progress;
use update_slots::boot_entries::BootEntries;
use update_slots::seal::seal;
use update_slots::table::name_slot;
use update_store::release::ReleaseFile;

use super::{Worker, problem};

/// Tries that a new release has to come up healthy.
const TRIES: u32 = 3;

/// Reads the slot back, compares it with its root hash and writes the hash tree; reads the UKI back, too.
pub fn verify(worker: &Worker, operation: u64, offer: &Offer) -> Result<(), Problem> {
    let release = release(worker, offer)?;
    let slot = worker.device.active.other();
    let slots = &worker.paths.slots;
    let flag = worker.cancel.flag();
    let [root, verity] = [slots.root(slot), slots.verity(slot)];
    let mut told = 0;
    let mut progress = |done: u64, total: u64| {
        // A hundred steps are enough for people.
        if done.saturating_sub(told) >= total / 100 {
            told = done;
            worker.progress(operation, Progress { image: done, ..Progress::default() });
        }
    };
    seal(&root, &verity, &release.root, &mut progress, &flag).map_err(|error| problem(&error))?;
    let entries = BootEntries::on(slots.esp());
    entries.check_unfinished(offer.version, release.uki.sha256).map_err(|error| problem(&error))
}

/// Whether the device would start under the release.
pub fn preflight(worker: &Worker, offer: &Offer) -> Result<(), Problem> {
    let release = release(worker, offer)?;
    // The UKI looks for its slot by the root hash in its command line; another one would find no root.
    let path = BootEntries::on(worker.paths.slots.esp()).unfinished(offer.version);
    let found = command_line_root_hash(&path).map_err(|error| problem(error.as_ref()))?;
    let expected = release.root.root_hash.to_string();
    if found.as_deref() == Some(expected.as_str()) {
        return Ok(());
    }
    let found = found.unwrap_or_else(|| "none".to_owned());
    let reason = format!(
        "the UKI of release {} asks for the root hash {found}, and its root image has {expected}: it was published wrongly; \
         tell its publisher",
        offer.version
    );
    Err(Problem { reason })
}

/// Names the slot and gives the UKI its name: from here on a boot may choose the release.
pub fn install(worker: &Worker, offer: &Offer) -> Result<(), Problem> {
    let release = release(worker, offer)?;
    let slots = &worker.paths.slots;
    let slot = worker.device.active.other();
    name_slot(&slots.disk(), slot, &release.root.root_hash).map_err(|error| problem(&error))?;
    let entries = BootEntries::on(slots.esp());
    let installed = entries.install(offer.version, release.uki.sha256, TRIES, worker.device.version);
    installed.map_err(|error| problem(&error))
}

/// The document that was verified when the image was made: none of this needs a network.
fn release(worker: &Worker, offer: &Offer) -> Result<Release, Problem> {
    ReleaseFile::below(&worker.paths.state).load(offer.root_hash).map_err(|error| problem(&error))
}

fn command_line_root_hash(uki: &Path) -> anyhow::Result<Option<String>> {
    let bytes = std::fs::read(uki).with_context(|| uki.display().to_string())?;
    let image = PeImage::parse(&bytes).with_context(|| uki.display().to_string())?;
    let section = image.section(".cmdline").context("the UKI has no command line")?;
    let command_line = String::from_utf8_lossy(image.content(section)).into_owned();
    Ok(root_hash(command_line.trim_end_matches('\0')))
}

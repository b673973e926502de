//! `GET /api/v1/updates`, and what can be asked for below it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where the updates of a device stand. Times are RFC 3339 in UTC, sizes are bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Updates {
    /// What is going on.
    pub state: UpdateState,
    /// One sentence about it, for people.
    #[schema(example = "Release 1.4.0 is the newest.")]
    pub message: String,
    /// The release that runs.
    #[schema(example = "1.4.0")]
    pub running: String,
    /// The stream that the device follows.
    #[schema(example = "stable")]
    pub stream: String,
    /// Where releases come from; absent if the device looks nowhere by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The release that the device is going to, or could go to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub release: Option<OfferedRelease>,
    /// How far the new image is, while it is being made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<UpdateProgress>,
    /// The medium with releases that is inserted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<UpdateMedium>,
    /// Why nothing happens at present, where something could.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<Waiting>,
    /// The place at a lock manager that the device has, or may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reboot_lock: Option<UpdateRebootLock>,
    /// The last failure that has not been overcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<UpdateFailure>,
    /// When the repository last answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_check: Option<String>,
    /// When the device looks again, or tries again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_try: Option<String>,
    /// The version that the device stays on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pinned: Option<String>,
    /// What was found damaged in the system that runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot_damage: Option<SlotDamage>,
    /// Releases that are not taken again until the operator says so.
    pub bad: Vec<BadUpdate>,
    /// What is wrong with the files of settings, a sentence each. What was set before holds; a device that starts with such files does not update
    /// and restart by itself.
    pub settings_problems: Vec<String>,
}

/// What is going on. More may come: treat an unknown one as "something is under way".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateState {
    /// Nothing.
    Idle,
    /// Asking the repository.
    Checking,
    /// A release is there, and nobody has started it.
    Available,
    /// The new image is being made.
    Writing,
    /// The new image is being checked.
    Verifying,
    /// Finding out whether the device would start with it.
    Preflight,
    /// The device would not start with it; see `waits`.
    Blocked,
    /// The boot entry is being made.
    Installing,
    /// Ready; waits for the restart.
    Staged,
    /// Restarting.
    Rebooting,
    /// The release runs and has not yet been found healthy.
    Trial,
    /// Restarting into the release before.
    GoingBack,
}

/// A release and what it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferedRelease {
    /// Its version.
    #[schema(example = "1.5.0")]
    pub version: String,
    /// Size of its root image.
    pub image_bytes: u64,
    /// The ways to get it, the cheapest first.
    pub ways: Vec<OfferedWay>,
    /// The way that is taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<UpdateWay>,
    /// The medium that it was found on; absent if it is in the repository of the settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(example = "vfat-1A2B-3C4D")]
    pub medium: Option<String>,
}

/// A medium with releases.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateMedium {
    /// The type of its file system and that one's UUID.
    #[schema(example = "vfat-1A2B-3C4D")]
    pub name: String,
    /// Whether the settings allow taking releases from it. If not, it is not even mounted.
    pub allowed: bool,
}

/// A place at a lock manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateRebootLock {
    /// Where it stands.
    pub state: RebootLockState,
    /// The lock manager.
    pub url: String,
    /// The device's group there.
    pub group: String,
    /// When it was first asked for.
    pub since: String,
    /// Why the last request did not lead to a yes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When the device asks again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_try: Option<String>,
}

/// Where a place at a lock manager stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RebootLockState {
    /// The lock manager is being asked for it.
    Asking,
    /// It was refused, or there was no answer; asked again.
    Refused,
    /// The device has it.
    Held,
    /// The device gives it back, and goes on trying until the lock manager confirms.
    GivingBack,
}

/// One way to get a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OfferedWay {
    /// How.
    pub way: UpdateWay,
    /// Bytes to download.
    pub download_bytes: u64,
}

/// How an image is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateWay {
    /// By patches, from the running release.
    Patch,
    /// By chunks: those that the device has are not downloaded.
    Chunks,
    /// By downloading the whole image.
    Full,
}

/// How far the new image is, in the states `writing` and `verifying`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateProgress {
    /// Bytes of the image that are made; in the state `verifying`, that were read back and checked.
    pub image_bytes: u64,
    /// Bytes downloaded so far.
    pub downloaded_bytes: u64,
    /// Whether work is under way, paused or put off.
    pub activity: UpdateActivity,
}

/// Whether work is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateActivity {
    /// Yes.
    Running,
    /// The operator paused it.
    Paused,
    /// It failed and is tried again; see `failure` and `next_try`.
    Waiting,
}

/// Why nothing happens at present.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Waiting {
    /// Why, for people.
    #[schema(example = "The maintenance window opens on Saturday at 23:30.")]
    pub reason: String,
    /// Until when, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
}

/// Parts of the running system that an update could not read from the disk, or found changed. It made them otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SlotDamage {
    /// What it means and what to do, for people.
    pub message: String,
    /// When it was found, the last time.
    pub at: String,
    /// How many places.
    pub places: u32,
    /// How many bytes, at most.
    pub bytes: u64,
}

/// Something that went wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateFailure {
    /// What, and what to do, for people.
    pub reason: String,
    /// When, the last time.
    pub at: String,
    /// How many times in a row.
    pub times: u32,
}

/// A release that is not taken again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BadUpdate {
    /// The release.
    pub version: String,
    /// Since when.
    pub since: String,
    /// Why.
    pub reason: String,
    /// What the failed check printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// What happened, newest first: `GET /api/v1/updates/history`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateHistory {
    /// What came to an end.
    pub entries: Vec<UpdateHistoryEntry>,
}

/// Something that came to an end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UpdateHistoryEntry {
    /// When.
    pub at: String,
    /// The release before.
    pub from: String,
    /// The release after, or that was tried.
    pub to: String,
    /// How its image was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub way: Option<UpdateWay>,
    /// Bytes downloaded.
    pub downloaded_bytes: u64,
    /// The medium that the release was found on, if it was on one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub medium: Option<String>,
    /// How it ended.
    pub outcome: UpdateOutcome,
    /// Why, where it did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How an update ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum UpdateOutcome {
    /// The release came up healthy.
    Updated,
    /// It did not, and the device went back.
    RolledBack,
    /// The operator went back.
    WentBack,
    /// The operator cancelled.
    Cancelled,
    /// It could not be built or installed.
    Failed,
}

/// What the operator can ask for: `POST /api/v1/updates/actions`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "action", rename_all = "kebab-case", deny_unknown_fields)]
pub enum UpdateRequest {
    /// Look for a release.
    Check,
    /// Read the settings again. Where something is wrong with them, what was set before holds.
    ReloadSettings,
    /// Go to the release on offer, or to this version, also an older one.
    Start {
        /// The version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// Stop the download, and keep what is there.
    Pause,
    /// Stop what is going on, and forget it.
    Cancel,
    /// Restart into the staged release now.
    Reboot,
    /// Go back to the release in the other slot.
    Rollback,
    /// Stay on this version; without one, on the running one.
    Pin {
        /// The version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// Stay no longer.
    Unpin,
    /// Take a release again although it was bad.
    Forgive {
        /// The version.
        version: String,
    },
}

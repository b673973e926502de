//! `GET /api/v1/system`

use device_status::boot_count::BootCount;
use device_status::facts::{BootFacts, Release, StateFacts, Vitals as VitalFacts};
use device_status::protection::protection_report;
use device_status::slot::{Slot, running_slot};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::protection::ProtectionEntry;

/// What this device is and how it does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct System {
    /// What stays as it is until something on the device changes.
    #[serde(flatten)]
    pub identity: Identity,
    /// Figures that change all the time.
    #[serde(flatten)]
    pub vitals: Vitals,
}

/// The part of the system document that stays as it is until something on the device changes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Identity {
    /// The device's name.
    #[schema(example = "kitchen")]
    pub name: String,
    /// Version of the daemon that answers.
    #[schema(example = "0.1.0")]
    pub daemon_version: String,
    /// The release that runs.
    pub release: ReleaseName,
    /// The slot that runs; null where the device was not booted from a slot.
    #[schema(required = true)]
    pub slot: Option<SlotName>,
    /// This boot.
    pub boot: Boot,
    /// The machine.
    pub machine: Machine,
    /// What protects the device and what does not.
    pub protection: Vec<ProtectionEntry>,
}

/// Names of a release, from os-release(5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReleaseName {
    /// Identifier of the operating system (`ID`).
    #[schema(example = "piccolo")]
    pub id: String,
    /// Name of the operating system for people (`NAME`).
    #[schema(example = "Piccolo OS")]
    pub name: String,
    /// Version (`VERSION_ID`); null where the system does not say.
    #[schema(example = "1.4.0", required = true)]
    pub version: Option<String>,
    /// The stream the release belongs to (`PICCOLO_STREAM`); null where the system is not a Piccolo release.
    #[schema(example = "stable", required = true)]
    pub stream: Option<String>,
    /// The recipe the image was built from (`IMAGE_ID`).
    #[schema(example = "vm", required = true)]
    pub image: Option<String>,
    /// Version of the image (`IMAGE_VERSION`).
    #[schema(example = "1.4.0", required = true)]
    pub image_version: Option<String>,
}

/// One of the two slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SlotName {
    /// `root-a` and `verity-a`.
    A,
    /// `root-b` and `verity-b`.
    B,
}

/// The boot that the device is in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Boot {
    /// Random identifier; another value means that the device restarted.
    #[schema(example = "7a9a5c1e-6f0e-4c83-9e5c-0a7c2f0f4d11")]
    pub id: String,
    /// Set while the release is on trial: the boot loader counted this boot. Null when it did not.
    #[schema(required = true)]
    pub trial: Option<Trial>,
}

/// Boot counting as the boot loader left it (UAPI Boot Loader Specification, "Boot counting").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Trial {
    /// Boots that may still fail before the boot loader goes back to the other slot.
    pub tries_left: u32,
    /// Boots started so far without having been found good, this one included.
    pub tries_done: u32,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Machine {
    /// Architecture, as `uname -m` prints it.
    #[schema(example = "x86_64")]
    pub architecture: String,
    /// Kernel release, as `uname -r` prints it.
    #[schema(example = "6.12.107+deb13-cloud-amd64")]
    pub kernel: String,
}

/// Figures that change all the time. Also sent as events of their own.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Vitals {
    /// Seconds since the kernel started.
    pub uptime_seconds: u64,
    /// Memory.
    pub memory: Memory,
    /// Runnable tasks.
    pub load: Load,
}

/// Memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Memory {
    /// What the kernel manages.
    pub total_bytes: u64,
    /// What a new program could have without swapping.
    pub available_bytes: u64,
    /// Resident memory of the daemon that answers.
    pub daemon_bytes: u64,
}

/// Average number of runnable tasks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Load {
    /// Over the last minute.
    pub one: f64,
    /// Over the last five minutes.
    pub five: f64,
    /// Over the last fifteen minutes.
    pub fifteen: f64,
}

impl Identity {
    /// The document for these facts, answered by a daemon of `daemon_version`.
    pub fn from_facts(daemon_version: &str, boot: &BootFacts, state: &StateFacts) -> Self {
        let boot_count_path = boot.firmware.as_ref().and_then(|firmware| firmware.boot_count_path.as_deref());
        Self {
            name: state.host_name.clone(),
            daemon_version: daemon_version.into(),
            release: ReleaseName::from(&boot.release),
            slot: running_slot(state).map(SlotName::from),
            boot: Boot {
                id: boot.boot_id.clone(),
                trial: boot_count_path.and_then(BootCount::from_path).map(Trial::from),
            },
            machine: Machine { architecture: boot.architecture.clone(), kernel: boot.kernel.clone() },
            protection: protection_report(boot, state).iter().map(ProtectionEntry::from).collect(),
        }
    }
}

impl From<&Release> for ReleaseName {
    fn from(release: &Release) -> Self {
        Self {
            id: release.id.clone(),
            name: release.name.clone(),
            version: release.version.clone(),
            stream: release.stream.clone(),
            image: release.image_id.clone(),
            image_version: release.image_version.clone(),
        }
    }
}

impl From<Slot> for SlotName {
    fn from(slot: Slot) -> Self {
        match slot {
            Slot::A => Self::A,
            Slot::B => Self::B,
        }
    }
}

impl From<BootCount> for Trial {
    fn from(count: BootCount) -> Self {
        Self { tries_left: count.tries_left, tries_done: count.tries_done }
    }
}

impl From<VitalFacts> for Vitals {
    fn from(facts: VitalFacts) -> Self {
        let [one, five, fifteen] = facts.load;
        Self {
            uptime_seconds: facts.uptime_seconds,
            memory: Memory {
                total_bytes: facts.memory_total_bytes,
                available_bytes: facts.memory_available_bytes,
                daemon_bytes: facts.daemon_resident_bytes,
            },
            load: Load { one, five, fifteen },
        }
    }
}

//! What was read from a running device, before anyone decides what it means.

/// What cannot change until the device boots again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BootFacts {
    /// The release that the root tree says it is.
    pub release: Release,
    /// Random identifier of this boot (`/proc/sys/kernel/random/boot_id`).
    pub boot_id: String,
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// Machine architecture, as `uname -m` prints it.
    pub architecture: String,
    /// `roothash=` of the kernel command line: the root the boot loader asked for, in hexadecimal.
    pub root_hash: Option<String>,
    /// What the UEFI firmware says; `None` where the device was not booted by UEFI.
    pub firmware: Option<Firmware>,
    /// Major version of the first TPM, `None` where there is none.
    pub tpm_major_version: Option<u32>,
}

/// The fields of os-release(5) that name a release.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// `ID`, `piccolo` on a device built from our recipes.
    pub id: String,
    /// `NAME`: the operating system's name for people.
    pub name: String,
    /// `VERSION_ID`, absent on rolling distributions.
    pub version: Option<String>,
    /// `PICCOLO_STREAM`: the stream this release belongs to.
    pub stream: Option<String>,
    /// `IMAGE_ID`: the recipe's name.
    pub image_id: Option<String>,
    /// `IMAGE_VERSION`: the image's version.
    pub image_version: Option<String>,
}

/// Variables of the UEFI firmware and of what it booted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Firmware {
    /// `SecureBoot`: the firmware verified what it started (UEFI 2.10, section 3.3).
    pub secure_boot: Option<bool>,
    /// `SetupMode`: no platform key is enrolled, so anybody may enrol keys.
    pub setup_mode: Option<bool>,
    /// `LoaderBootCountPath`: the counted file this boot came from (systemd Boot Loader Interface).
    pub boot_count_path: Option<String>,
    /// `StubPcrKernelImage`: the register into which systemd-stub measured the UKI.
    pub kernel_image_pcr: Option<u32>,
}

/// What can change while the device runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StateFacts {
    /// The device's name (`/proc/sys/kernel/hostname`).
    pub host_name: String,
    /// The mount table, in the order in which the kernel lists it.
    pub mounts: Vec<Mount>,
    /// Block devices and how they stand on each other.
    pub block_devices: Vec<BlockDevice>,
}

/// One line of `/proc/self/mountinfo` (proc_pid_mountinfo(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// `major:minor` of the file system.
    pub device: DeviceNumber,
    /// Where it is mounted, with the kernel's escapes undone.
    pub target: String,
    /// File system type, such as `erofs`.
    pub file_system: String,
    /// The *file system* is read-only. A bind mount that is read-only (every mount is, below `ProtectSystem=strict`) does not count:
    /// that says something about the reader, not about the device.
    pub read_only: bool,
}

/// Number of a block device, as the kernel writes it: `major:minor`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which device of the driver.
    pub minor: u32,
}

/// One entry of `/sys/class/block`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockDevice {
    /// Kernel name, such as `vda2` or `dm-0`.
    pub name: String,
    /// Its number.
    pub number: DeviceNumber,
    /// `PARTNAME` of the uevent: the GPT label, where it is a partition.
    pub partition_label: Option<String>,
    /// `dm/uuid`, where it is a device-mapper device; its prefix says what made it (`CRYPT-VERITY-`, `CRYPT-LUKS2-`).
    pub mapper_uuid: Option<String>,
    /// Kernel names of the devices it stands on.
    pub slaves: Vec<String>,
}

/// Figures that change all the time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Vitals {
    /// Seconds since the kernel started.
    pub uptime_seconds: u64,
    /// Memory the kernel manages, in bytes.
    pub memory_total_bytes: u64,
    /// Memory a new program could have without swapping, in bytes (`MemAvailable`).
    pub memory_available_bytes: u64,
    /// Resident memory of the daemon itself, in bytes.
    pub daemon_resident_bytes: u64,
    /// Runnable tasks, averaged over 1, 5 and 15 minutes.
    pub load: [f64; 3],
}

/// Reads `major:minor`.
impl std::str::FromStr for DeviceNumber {
    type Err = NotADeviceNumber;

    fn from_str(text: &str) -> Result<Self, NotADeviceNumber> {
        let (major, minor) = text.split_once(':').ok_or(NotADeviceNumber)?;
        Ok(Self {
            major: major.parse().map_err(|_| NotADeviceNumber)?,
            minor: minor.parse().map_err(|_| NotADeviceNumber)?,
        })
    }
}

/// The text is not `major:minor` in decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotADeviceNumber;

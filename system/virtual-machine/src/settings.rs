//! What a machine is made of.

use std::path::PathBuf;

/// The port on which a device's API answers, inside the machine.
pub const GUEST_API_PORT: u16 = 8080;

/// What a machine is made of. [`MachineSettings::of_image`] gives the usual one.
#[derive(Clone, Debug)]
pub struct MachineSettings {
    /// The raw disk image. It is read, never written: the machine writes to an overlay.
    pub image: PathBuf,
    /// Memory, in bytes; QEMU takes whole MiB.
    pub memory: u64,
    /// Virtual processors.
    pub cpus: u16,
    /// Whether there is a TPM 2.0.
    pub tpm: bool,
    /// What the firmware checks.
    pub secure_boot: SecureBoot,
    /// The port of 127.0.0.1 that leads to the guest's [`GUEST_API_PORT`].
    pub port: ForwardedPort,
    /// The size of the disk that the guest sees, in bytes, when larger than the image: what a real disk looks like after flashing.
    pub disk_size: Option<u64>,
    /// Where the overlay, the firmware's variables, the TPM's memory and the sockets are.
    pub state: StateDirectory,
    /// Where the serial console is logged; in the state directory when not given. Appended to.
    pub console_log: Option<PathBuf>,
    /// Where every write, discard and flush of the guest to its system disk is logged in their order, if it is: in the format of Linux's
    /// `dm-log-writes`. A log of an earlier start is overwritten.
    pub write_log: Option<PathBuf>,
    /// Further disks.
    pub extra_disks: Vec<ExtraDisk>,
    /// Whether there is a serial port for the QEMU guest agent, which a test image may contain.
    pub guest_agent: bool,
    /// Whether there is a watchdog device (i6300esb), which resets the machine.
    pub watchdog: bool,
    /// How instructions are run.
    pub acceleration: AccelerationRequest,
    /// How far what the guest flushes goes.
    pub flushes: Flushes,
}

/// How far what the guest flushes to its disks goes before the guest goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Flushes {
    /// To the host's disk: nothing of it is lost when the host's power fails.
    #[default]
    ToTheDisk,
    /// To the host's memory: nothing of it is lost when the machine is killed, which is the guest's power cut. Quicker; for tests.
    ToTheHost,
}

/// What the firmware checks before it starts something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecureBoot {
    /// The firmware has no Secure Boot.
    #[default]
    Off,
    /// Secure Boot is there but no keys are: everything starts, and keys can be enrolled.
    SetupMode,
    /// The keys that computers are sold with are enrolled: only what they vouch for starts.
    Enrolled,
}

/// The host's side of the forwarded port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ForwardedPort {
    /// A free one, chosen when the machine starts.
    AnyFree,
    /// This one; the machine does not start when it is taken.
    Exactly(u16),
}

impl From<u16> for ForwardedPort {
    /// Port 0 stands for a free one, as everywhere.
    fn from(port: u16) -> Self {
        if port == 0 { Self::AnyFree } else { Self::Exactly(port) }
    }
}

/// Where a machine keeps what it writes, and for how long.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StateDirectory {
    /// In a directory that disappears with the machine.
    #[default]
    Temporary,
    /// Here, so that the machine goes on where it was when it is started again.
    Kept(PathBuf),
}

/// A further disk.
#[derive(Clone, Debug)]
pub struct ExtraDisk {
    /// Its serial number in the guest (`/dev/disk/by-id/virtio-NAME`): ASCII letters, digits and `-`, at most 20.
    pub name: String,
    /// What is on it at first.
    pub contents: DiskContents,
    /// Whether it comes before the system disk in the guest, as `vda`.
    pub before_system: bool,
    /// Its place in the firmware's boot order; the system disk has 10. Not started from when not given.
    pub boot_index: Option<u16>,
}

/// What is on a further disk when the machine is made.
#[derive(Clone, Debug)]
pub enum DiskContents {
    /// Nothing; this many bytes.
    Blank(u64),
    /// The same as a raw image, which is read and never written.
    SameAs(PathBuf),
}

/// How instructions are to be run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccelerationRequest {
    /// By the processor where a trial shows that this works, else by emulation.
    #[default]
    Probe,
    /// By emulation.
    Emulation,
}

impl MachineSettings {
    /// Two processors, 2 GiB, a TPM, no Secure Boot, any free port, nothing kept.
    #[must_use]
    pub fn of_image(image: impl Into<PathBuf>) -> Self {
        Self {
            image: image.into(),
            memory: 2 << 30,
            cpus: 2,
            tpm: true,
            secure_boot: SecureBoot::Off,
            port: ForwardedPort::AnyFree,
            disk_size: None,
            state: StateDirectory::Temporary,
            console_log: None,
            write_log: None,
            extra_disks: Vec::new(),
            guest_agent: false,
            watchdog: false,
            acceleration: AccelerationRequest::Probe,
            flushes: Flushes::ToTheDisk,
        }
    }
}

//! Reads what a running device is: `/proc`, `/sys`, EFI variables, os-release. Decides nothing.
//!
//! A fact whose file does not exist is absent, because hardware differs. A file that exists and cannot be read, or says
//! something else than its format allows, is a [`FactsError`] beside the facts that could be read.

pub mod activity;
mod block_devices;
mod efi_variables;
mod files;
pub mod text;

use std::path::PathBuf;

use device_status::facts::{BootFacts, DeviceNumber, Release, StateFacts, Vitals};

pub use files::FactsError;
use files::Files;

/// Where facts are read: the running system, or a recorded tree.
#[derive(Debug, Clone)]
pub struct FactsSource {
    files: Files,
}

/// Facts, and what could not be read of them.
#[derive(Debug)]
pub struct Reading<T> {
    /// What was read; the default stands where nothing was.
    pub facts: T,
    /// Files that exist and could not be read or understood.
    pub problems: Vec<FactsError>,
}

impl FactsSource {
    /// Facts of the system whose root directory is `root`: `/` for the running one.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { files: Files::below(root.into()) }
    }

    /// What cannot change until the device boots again.
    pub fn boot(&self) -> Reading<BootFacts> {
        let mut problems = Vec::new();
        let files = &self.files;
        let facts = BootFacts {
            release: self.release(&mut problems),
            boot_id: files.line("proc/sys/kernel/random/boot_id", &mut problems).unwrap_or_default(),
            kernel: files.line("proc/sys/kernel/osrelease", &mut problems).unwrap_or_default(),
            // Linux before 6.1 has no such file; then the daemon's own architecture is the best answer.
            architecture: files
                .line("proc/sys/kernel/arch", &mut problems)
                .unwrap_or_else(|| std::env::consts::ARCH.into()),
            root_hash: files.text("proc/cmdline", &mut problems).as_deref().and_then(text::command_line::root_hash),
            firmware: efi_variables::read(files, &mut problems),
            tpm_major_version: files.parsed("sys/class/tpm/tpm0/tpm_version_major", text::number, &mut problems),
        };
        Reading { facts, problems }
    }

    /// What can change while the device runs: its name, mounts and block devices.
    pub fn state(&self) -> Reading<StateFacts> {
        let mut problems = Vec::new();
        let facts = StateFacts {
            host_name: self.files.line("proc/sys/kernel/hostname", &mut problems).unwrap_or_default(),
            mounts: self
                .files
                .parsed("proc/self/mountinfo", text::mount_table::parse, &mut problems)
                .unwrap_or_default(),
            block_devices: block_devices::read(&self.files, &mut problems),
        };
        Reading { facts, problems }
    }

    /// Figures that change all the time.
    pub fn vitals(&self) -> Reading<Vitals> {
        let mut problems = Vec::new();
        let memory = self.files.parsed("proc/meminfo", text::memory::parse, &mut problems).unwrap_or_default();
        let facts = Vitals {
            uptime_seconds: self.files.parsed("proc/uptime", text::uptime_seconds, &mut problems).unwrap_or_default(),
            memory_total_bytes: memory.total_bytes,
            memory_available_bytes: memory.available_bytes,
            daemon_resident_bytes: self
                .files
                .parsed("proc/self/status", text::memory::resident_bytes, &mut problems)
                .unwrap_or_default(),
            load: self.files.parsed("proc/loadavg", text::load_averages, &mut problems).unwrap_or_default(),
        };
        Reading { facts, problems }
    }

    /// A document that another daemon of the device published for everybody to read, at this absolute path; nothing where there is none.
    pub fn published(&self, path: &str) -> Reading<Option<Vec<u8>>> {
        let mut problems = Vec::new();
        let facts = self.files.bytes(path.trim_start_matches('/'), &mut problems);
        Reading { facts, problems }
    }

    /// The copy below `/usr` comes first, although os-release(5) asks for `/etc` first: the root is verified, `/etc` is whatever drifted into it.
    fn release(&self, problems: &mut Vec<FactsError>) -> Release {
        let text =
            self.files.text("usr/lib/os-release", problems).or_else(|| self.files.text("etc/os-release", problems));
        text.as_deref().map(text::os_release::parse).unwrap_or_default()
    }
}

/// The number in `/sys/class/block/*/dev`.
fn device_number(text: &str) -> Option<DeviceNumber> {
    text.trim_end().parse().ok()
}

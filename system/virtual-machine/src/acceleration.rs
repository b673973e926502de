//! Whether the processor can run guests (KVM), found out by trying.
//!
//! That `/dev/kvm` can be opened says little: inside many clouds and sandboxes it opens, runs a few instructions and then fails on
//! a register or an instruction. So the trial is the real thing: the firmware, until it writes to its console.

use crate::firmware;
use crate::qemu::QemuVersion;
use crate::settings::{AccelerationRequest, SecureBoot};
use host::cancel::Cancel;
use host::invocation::Invocation;
use host::program::Program;
use rustix::fs::{Access, access};
use std::env;
use std::fmt;
use std::fs;
use std::io::{Seek, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// How long the firmware may take to write to its console under KVM; a working one needs about two seconds.
const TRIAL_DEADLINE: Duration = Duration::from_secs(10);
/// How often the trial looks at the console.
const TRIAL_INTERVAL: Duration = Duration::from_millis(20);
/// Bytes on the console that count as the firmware running.
const SIGN_OF_LIFE: u64 = 8;

/// How instructions are run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acceleration {
    /// By the processor.
    Kvm,
    /// By emulation (QEMU's TCG), about ten times slower.
    Emulation,
}

/// What was chosen, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// How instructions are run.
    pub acceleration: Acceleration,
    /// Why, as the end of a sentence.
    pub reason: String,
}

impl fmt::Display for Choice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.acceleration {
            Acceleration::Kvm => write!(formatter, "KVM, because {}", self.reason),
            Acceleration::Emulation => write!(formatter, "emulation (slow), because {}", self.reason),
        }
    }
}

impl Choice {
    fn kvm(reason: impl Into<String>) -> Self {
        Self { acceleration: Acceleration::Kvm, reason: reason.into() }
    }

    fn emulation(reason: impl Into<String>) -> Self {
        Self { acceleration: Acceleration::Emulation, reason: reason.into() }
    }
}

/// Chooses as asked. A trial's result is remembered until the computer is restarted or QEMU changes.
#[must_use]
pub fn choose(request: AccelerationRequest, version: Option<QemuVersion>, cancel: &Cancel) -> Choice {
    if request == AccelerationRequest::Emulation {
        return Choice::emulation("it was asked for");
    }
    if let Err(error) = access("/dev/kvm", Access::READ_OK | Access::WRITE_OK) {
        return Choice::emulation(format!("/dev/kvm cannot be opened ({error})"));
    }
    let memory = memory_of_trials(version);
    if let Some(choice) = memory.as_deref().and_then(remembered) {
        return choice;
    }
    let choice = try_kvm(cancel);
    if !cancel.is_cancelled()
        && let Some(file) = &memory
    {
        remember(file, &choice);
    }
    choice
}

/// Starts the firmware under KVM and watches its console.
fn try_kvm(cancel: &Cancel) -> Choice {
    let firmware = match firmware::find(SecureBoot::Off) {
        Ok(firmware) => firmware,
        Err(error) => return Choice::emulation(format!("KVM could not be tried: {error}")),
    };
    let console = tempfile::tempfile().and_then(|file| Ok((file.try_clone()?, file)));
    let (writer, mut console) = match console {
        Ok(pair) => pair,
        Err(error) => return Choice::emulation(format!("KVM could not be tried: {error}")),
    };
    let flash = format!("if=pflash,readonly=on,format={},file=", firmware.code.format);
    let trial = Invocation::new(Program::QemuSystemX86)
        .arguments(["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "256", "-smp", "2"])
        .arguments(["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"])
        .argument("-drive")
        .argument(flash + &firmware.code.filename.to_string_lossy().replace(',', ",,"))
        .output_to(writer)
        .ends_with_thread()
        .start();
    let mut trial = match trial {
        Ok(trial) => trial,
        Err(error) => return Choice::emulation(format!("KVM could not be tried: {error}")),
    };
    let deadline = Instant::now() + TRIAL_DEADLINE;
    while Instant::now() < deadline && !cancel.is_cancelled() {
        if console.seek(SeekFrom::End(0)).is_ok_and(|length| length >= SIGN_OF_LIFE) {
            trial.kill();
            return Choice::kvm("a trial guest ran");
        }
        if !matches!(trial.ended(), Ok(None)) {
            return Choice::emulation("/dev/kvm opens, but QEMU ended when a trial guest was started with it");
        }
        thread::sleep(TRIAL_INTERVAL);
    }
    trial.kill();
    let seconds = TRIAL_DEADLINE.as_secs();
    Choice::emulation(format!("/dev/kvm opens, but a trial guest showed no sign of life in {seconds} s"))
}

/// The file that remembers the trial of this start of this computer with this QEMU; nothing when there is no safe place for it.
fn memory_of_trials(version: Option<QemuVersion>) -> Option<PathBuf> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let user = rustix::process::geteuid().as_raw();
    let folder = match env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|path| path.is_dir()) {
        Some(runtime) => runtime.join("piccolo"),
        None => env::temp_dir().join(format!("piccolo-{user}")),
    };
    if let Err(error) = fs::DirBuilder::new().mode(0o700).create(&folder)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return None;
    }
    // In a folder that everybody may write to, somebody else may have made it first.
    let metadata = folder.symlink_metadata().ok()?;
    if !metadata.is_dir() || metadata.uid() != user {
        return None;
    }
    let version = version.map_or_else(|| "unknown".to_owned(), |version| version.to_string());
    Some(folder.join(format!("kvm-{}-qemu-{version}", boot.trim())))
}

fn remembered(file: &std::path::Path) -> Option<Choice> {
    let text = fs::read_to_string(file).ok()?;
    let (word, reason) = text.split_once(": ")?;
    match word {
        "kvm" => Some(Choice::kvm(reason)),
        "emulation" => Some(Choice::emulation(reason)),
        _ => None,
    }
}

fn remember(file: &std::path::Path, choice: &Choice) {
    let word = match choice.acceleration {
        Acceleration::Kvm => "kvm",
        Acceleration::Emulation => "emulation",
    };
    // Not remembering costs a few seconds the next time and nothing else.
    let _ = fs::write(file, format!("{word}: {}", choice.reason));
}

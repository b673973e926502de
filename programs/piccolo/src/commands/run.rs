//! `piccolo run`.

use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::Report;
use host::cancel::Cancel;
use recipe::Size;
use serde::Serialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
use tempfile::NamedTempFile;
use virtual_machine::acceleration::Acceleration;
use virtual_machine::machine::{Lifetime, Machine, MachineError};
use virtual_machine::readiness::{HEALTH_PATH, Progress, WaitError};
use virtual_machine::registry::{DetachedMachine, Registry, Stopped, process_start};
use virtual_machine::settings::{AccelerationRequest, ForwardedPort, MachineSettings, SecureBoot, StateDirectory};
use virtual_machine::terminal::{self, ConsoleEnd};

/// How often a running machine is looked at.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long a guest may take to switch itself off.
const POWER_DOWN_TIMEOUT: Duration = Duration::from_secs(90);

/// Boot an image in a virtual machine
///
/// Starts QEMU with UEFI firmware and a TPM, says when the device's API answers and at which URL, and runs until Ctrl-C. The image is not
/// changed: what the machine writes goes to an overlay that disappears with it, unless --keep or --detach says otherwise.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The raw disk image.
    #[arg(required_unless_present = "stop")]
    image: Option<PathBuf>,
    /// Firmware with Secure Boot: without keys (`setup`), or with the keys computers are sold with (`enrolled`).
    #[arg(long, value_name = "MODE", num_args = 0..=1, require_equals = true, default_missing_value = "setup")]
    secure_boot: Option<SecureBootMode>,
    /// Leave the TPM out.
    #[arg(long)]
    no_tpm: bool,
    /// Memory.
    #[arg(long, default_value = "2GiB", value_parser = size, value_name = "SIZE")]
    memory: Size,
    /// Virtual processors.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=255), value_name = "COUNT")]
    cpus: u16,
    /// The port of 127.0.0.1 that leads to the device's port 8080; 0 chooses a free one.
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// The size of the disk, as if the image had been written to one of that size.
    #[arg(long, default_value = "16GiB", value_parser = size, value_name = "SIZE")]
    disk_size: Size,
    /// Emulate the processor even where KVM works.
    #[arg(long)]
    emulate: bool,
    /// Keep the machine in this directory: started again with it, the machine goes on where it was.
    #[arg(long, value_name = "DIRECTORY")]
    keep: Option<PathBuf>,
    /// Where the serial console is logged [default: in the machine's directory].
    #[arg(long, value_name = "FILE")]
    console_log: Option<PathBuf>,
    /// Show the serial console; Ctrl-] ends the machine.
    #[arg(long, conflicts_with_all = ["detach", "json"])]
    console: bool,
    /// Return when the API answers and leave the machine running.
    #[arg(long)]
    detach: bool,
    /// The name of a detached machine [default: the image's].
    #[arg(long, requires = "detach")]
    name: Option<String>,
    /// Switch off the detached machine of this name.
    #[arg(long, value_name = "NAME", conflicts_with = "image")]
    stop: Option<String>,
    /// How long the API may take to answer, in seconds.
    #[arg(long, default_value_t = 600, value_name = "SECONDS")]
    timeout: u64,
}

/// What the firmware checks.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SecureBootMode {
    Setup,
    Enrolled,
}

#[derive(Debug, Serialize)]
struct Answering {
    url: String,
    seconds: f64,
    image: PathBuf,
    name: Option<String>,
    acceleration: &'static str,
    acceleration_reason: String,
    console_log: PathBuf,
}

#[derive(Debug, Serialize)]
struct StoppedMachine {
    name: String,
    ended: &'static str,
}

/// Boots an image, or stops a machine that was left running.
pub fn run(args: Args, report: &Report) -> Result<(), Failure> {
    match (&args.stop, &args.image) {
        (Some(name), _) => stop(name, report),
        (None, Some(image)) if args.detach => run_detached(image, &args, report),
        (None, Some(image)) => run_attached(image, &args, report),
        (None, None) => Err(Failure::new(FailureKind::Usage, anyhow::anyhow!("name an image"))),
    }
}

fn run_attached(image: &Path, args: &Args, report: &Report) -> Result<(), Failure> {
    let mut settings = settings(image, args);
    let log = temporary_log(&settings)?;
    if let Some(log) = &log {
        settings.console_log = Some(log.path().to_owned());
    }
    let mut machine = start(&settings, Lifetime::Bound, report)?;
    if args.console {
        return show_console(machine, args, report);
    }
    let waited = wait_for_api(&mut machine, args, report);
    if waited.is_err()
        && !report.cancel().is_cancelled()
        && let Some(log) = log
    {
        // The message names the log: it must outlive the machine.
        let _ = log.keep();
    }
    let answering = waited?;
    print_answering(&answering, "Ctrl-C ends the machine.", report);
    wait_for_end(machine, args, report)
}

fn run_detached(image: &Path, args: &Args, report: &Report) -> Result<(), Failure> {
    let registry = Registry::of_this_user().or_fail(FailureKind::Requirement)?;
    let name = args.name.clone().unwrap_or_else(|| name_of(image));
    let folder = registry.reserve(&name).or_fail(FailureKind::Usage)?;
    let mut settings = settings(image, args);
    if args.keep.is_none() {
        settings.state = StateDirectory::Kept(folder.join("machine"));
    }
    let started = start_detached(&name, &settings, args, &registry, report);
    if started.is_err() {
        // The failure has the end of the console in it; what is left is of no use.
        let _ = registry.forget(&name);
    }
    let (machine, answering) = started?;
    let _runs_on = machine.into_detached();
    print_answering(&answering, &format!("piccolo run --stop {name} ends the machine."), report);
    Ok(())
}

fn start_detached(
    name: &str,
    settings: &MachineSettings,
    args: &Args,
    registry: &Registry,
    report: &Report,
) -> Result<(Machine, Answering), Failure> {
    let mut machine = start(settings, Lifetime::Detached, report)?;
    let process = machine.process_id().unwrap_or_default();
    // Before the long wait: were this program killed now, the machine could still be stopped by its name.
    registry
        .note(&DetachedMachine {
            name: name.to_owned(),
            image: machine_image(args),
            directory: machine.directory().to_owned(),
            kept: args.keep.is_some(),
            port: machine.port(),
            process,
            process_start: process_start(process).unwrap_or_default(),
        })
        .or_fail(FailureKind::Internal)?;
    let answering = wait_for_api(&mut machine, args, report)?;
    Ok((machine, Answering { name: Some(name.to_owned()), ..answering }))
}

fn stop(name: &str, report: &Report) -> Result<(), Failure> {
    let registry = Registry::of_this_user().or_fail(FailureKind::Requirement)?;
    let phase = report.phase(&format!("Switching off {name}"));
    let stopped = registry.stop(name, POWER_DOWN_TIMEOUT).or_fail(FailureKind::Input)?;
    drop(phase);
    let (text, ended) = match stopped {
        Stopped::Off => ("is switched off", "off"),
        Stopped::PowerCut => ("did not switch itself off; its power was cut", "power-cut"),
        Stopped::AlreadyOff => ("was off already", "already-off"),
    };
    report.result(&format!("{name} {text}"), &StoppedMachine { name: name.to_owned(), ended });
    Ok(())
}

fn settings(image: &Path, args: &Args) -> MachineSettings {
    MachineSettings {
        memory: args.memory.bytes(),
        cpus: args.cpus,
        tpm: !args.no_tpm,
        secure_boot: match args.secure_boot {
            None => SecureBoot::Off,
            Some(SecureBootMode::Setup) => SecureBoot::SetupMode,
            Some(SecureBootMode::Enrolled) => SecureBoot::Enrolled,
        },
        port: ForwardedPort::from(args.port),
        disk_size: Some(args.disk_size.bytes()),
        state: args.keep.clone().map_or(StateDirectory::Temporary, StateDirectory::Kept),
        console_log: args.console_log.clone(),
        acceleration: if args.emulate { AccelerationRequest::Emulation } else { AccelerationRequest::Probe },
        ..MachineSettings::of_image(image)
    }
}

fn start(settings: &MachineSettings, lifetime: Lifetime, report: &Report) -> Result<Machine, Failure> {
    let phase = report.phase("Starting the machine");
    let machine = Machine::start(settings, lifetime, report.cancel());
    drop(phase);
    let machine = machine.map_err(|error| Failure::new(kind_of(&error), error))?;
    report.note(&format!("using {}", machine.acceleration()));
    machine.warnings().iter().for_each(|warning| report.note(warning));
    Ok(machine)
}

fn wait_for_api(machine: &mut Machine, args: &Args, report: &Report) -> Result<Answering, Failure> {
    let timeout = Duration::from_secs(args.timeout);
    let mut phase = Some(report.phase("Booting: firmware"));
    let elapsed = machine.wait_for_api(HEALTH_PATH, timeout, report.cancel(), |progress| {
        if let Progress::Phase(reached, _) = progress {
            // The old line goes before the new one comes.
            phase = None;
            phase = Some(report.phase(&format!("Booting: {reached}")));
        }
    });
    drop(phase);
    let elapsed = elapsed.map_err(|error| match error {
        WaitError::Cancelled => Failure::new(FailureKind::Cancelled, error),
        error => Failure::new(FailureKind::Machine, error),
    })?;
    let choice = machine.acceleration();
    Ok(Answering {
        url: machine.url(),
        seconds: (elapsed.as_secs_f64() * 10.0).round() / 10.0,
        image: machine_image(args),
        name: None,
        acceleration: match choice.acceleration {
            Acceleration::Kvm => "kvm",
            Acceleration::Emulation => "emulation",
        },
        acceleration_reason: choice.reason.clone(),
        console_log: machine.console_log().to_owned(),
    })
}

fn print_answering(answering: &Answering, ending: &str, report: &Report) {
    let text = format!(
        "{} answers, {:.1} s after power-on.\nConsole log: {}\n{ending}",
        answering.url,
        answering.seconds,
        answering.console_log.display()
    );
    report.result(&text, answering);
}

/// Until the guest switches itself off, or Ctrl-C.
fn wait_for_end(mut machine: Machine, args: &Args, report: &Report) -> Result<(), Failure> {
    while !report.cancel().is_cancelled() {
        if machine.has_ended().map_err(|error| Failure::new(kind_of(&error), error))? {
            report.note("the machine has switched itself off");
            return Ok(());
        }
        thread::sleep(INTERVAL);
    }
    if args.keep.is_some() {
        // What is kept should be whole. A second Ctrl-C ends everything at once.
        let _phase = report.phase("Switching the machine off");
        machine.power_down(POWER_DOWN_TIMEOUT, &Cancel::new()).or_fail(FailureKind::Machine)?;
    }
    Ok(())
}

fn show_console(machine: Machine, args: &Args, report: &Report) -> Result<(), Failure> {
    report.note(&format!("{} leads to the device; Ctrl-] ends the machine", machine.url()));
    let console = machine.console().or_fail(FailureKind::Machine)?;
    let end = terminal::attach(console, || report.cancel().is_cancelled()).or_fail(FailureKind::Machine)?;
    if end == ConsoleEnd::Left {
        report.cancel().cancel();
    }
    wait_for_end(machine, args, report)
}

/// A console log of its own for a machine whose directory disappears: it is kept when the boot fails.
fn temporary_log(settings: &MachineSettings) -> Result<Option<NamedTempFile>, Failure> {
    if settings.console_log.is_some() || settings.state != StateDirectory::Temporary {
        return Ok(None);
    }
    let log = tempfile::Builder::new().prefix("piccolo-console-").suffix(".log").tempfile();
    log.map(Some).or_fail(FailureKind::Requirement)
}

fn machine_image(args: &Args) -> PathBuf {
    let image = args.image.clone().unwrap_or_default();
    fs::canonicalize(&image).unwrap_or(image)
}

/// The image's file name without its ending, with dashes for what a name cannot hold.
fn name_of(image: &Path) -> String {
    let stem = image.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
    let name: String =
        stem.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '-' }).collect();
    name.trim_start_matches(['.', '_', '-']).chars().take(64).collect()
}

fn kind_of(error: &MachineError) -> FailureKind {
    match error {
        MachineError::Disk(_) => FailureKind::Input,
        MachineError::Firmware(_) | MachineError::PortTaken { .. } | MachineError::Directory(_) => {
            FailureKind::Requirement
        }
        MachineError::Cancelled => FailureKind::Cancelled,
        _ => FailureKind::Machine,
    }
}

fn size(text: &str) -> Result<Size, String> {
    Size::new(text).map_err(|problem| format!("`{text}` {problem}"))
}

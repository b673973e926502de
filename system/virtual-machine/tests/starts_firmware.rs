//! Real machines as far as their firmware: what can be said without an operating system.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use host::cancel::Cancel;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use virtual_machine::machine::{Lifetime, Machine, MachineError};
use virtual_machine::readiness::{HEALTH_PATH, WaitError};
use virtual_machine::registry::{DetachedMachine, Registry, Stopped, process_start};
use virtual_machine::settings::{ForwardedPort, MachineSettings, SecureBoot, StateDirectory};

/// Emulated, on a busy computer.
const TIMEOUT: Duration = Duration::from_secs(300);

fn blank_image(directory: &TempDir) -> PathBuf {
    let image = directory.path().join("blank, with a comma.raw");
    fs::File::create(&image).unwrap().set_len(1 << 20).unwrap();
    image
}

fn settings(directory: &TempDir) -> MachineSettings {
    MachineSettings { memory: 256 << 20, cpus: 1, ..MachineSettings::of_image(blank_image(directory)) }
}

fn start(settings: &MachineSettings) -> Machine {
    Machine::start(settings, Lifetime::Bound, &Cancel::new()).unwrap()
}

fn is_running(process: u32) -> bool {
    process_start(process).is_some()
}

#[test]
fn every_firmware_starts_with_a_tpm() {
    let directory = tempfile::tempdir().unwrap();
    for secure_boot in [SecureBoot::Off, SecureBoot::SetupMode, SecureBoot::Enrolled] {
        let mut machine = start(&MachineSettings { secure_boot, ..settings(&directory) });
        machine.wait_for_console("BdsDxe", TIMEOUT, &Cancel::new()).unwrap();
    }
}

#[test]
fn nothing_is_left_of_a_dropped_machine_and_the_image_is_unchanged() {
    let directory = tempfile::tempdir().unwrap();
    let settings = settings(&directory);
    let before = settings.image.metadata().unwrap().modified().unwrap();
    let machine = start(&settings);
    let (process, path) = (machine.process_id().unwrap(), machine.directory().to_owned());
    assert!(is_running(process));
    assert!(
        !path.join("system.qcow2").exists(),
        "a temporary overlay has a name that a killed program would leave behind"
    );
    drop(machine);
    assert!(!is_running(process));
    assert!(!path.exists());
    assert_eq!(settings.image.metadata().unwrap().modified().unwrap(), before);
}

#[test]
fn a_kept_machine_is_one_machine_and_starts_again_after_a_power_cut() {
    let directory = tempfile::tempdir().unwrap();
    // Longer than a socket's address may be.
    let state = directory.path().join("long".repeat(30));
    let settings = MachineSettings { state: StateDirectory::Kept(state.clone()), ..settings(&directory) };
    let mut machine = start(&settings);
    let error = Machine::start(&settings, Lifetime::Bound, &Cancel::new()).unwrap_err();
    assert!(matches!(error, MachineError::Directory(_)), "{error}");
    let (process, port) = (machine.process_id().unwrap(), machine.port());
    assert_ne!(port, 0);
    machine.cut_power();
    assert!(!is_running(process));
    assert!(machine.has_ended().unwrap());
    drop(machine);
    assert!(state.join("system.qcow2").is_file() && state.join("tpm/tpm2-00.permall").is_file());
    start(&settings);
}

#[test]
fn a_taken_port_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let settings = MachineSettings { port: ForwardedPort::Exactly(port), ..settings(&directory) };
    let error = Machine::start(&settings, Lifetime::Bound, &Cancel::new()).unwrap_err();
    assert!(error.to_string().starts_with(&format!("port {port} of 127.0.0.1 is taken")), "{error}");
}

#[test]
fn a_device_that_does_not_answer_is_given_up_with_its_console() {
    let directory = tempfile::tempdir().unwrap();
    let mut machine = start(&settings(&directory));
    machine.wait_for_console("BdsDxe", TIMEOUT, &Cancel::new()).unwrap();
    let error = machine.wait_for_api(HEALTH_PATH, Duration::ZERO, &Cancel::new(), |_| {}).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, WaitError::TooLate { .. }), "{text}");
    assert!(text.contains("BdsDxe") && text.contains("console.log"), "{text}");
    let cancel = Cancel::new();
    cancel.cancel();
    let cancelled = machine.wait_for_api(HEALTH_PATH, TIMEOUT, &cancel, |_| {});
    assert!(matches!(cancelled, Err(WaitError::Cancelled)));
}

#[test]
fn a_detached_machine_runs_on_until_it_is_stopped_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let registry = Registry::at(directory.path().join("machines"));
    let folder = registry.reserve("vm").unwrap();
    let settings = MachineSettings { state: StateDirectory::Kept(folder.join("machine")), ..settings(&directory) };
    let machine = Machine::start(&settings, Lifetime::Detached, &Cancel::new()).unwrap();
    let port = machine.port();
    let (process, path) = machine.into_detached().unwrap();
    assert!(is_running(process));
    let note = DetachedMachine {
        name: "vm".into(),
        image: settings.image.clone(),
        directory: path,
        kept: false,
        port,
        process,
        process_start: process_start(process).unwrap(),
    };
    registry.note(&note).unwrap();
    // The firmware does not listen to the power button.
    assert_eq!(registry.stop("vm", Duration::ZERO).unwrap(), Stopped::PowerCut);
    assert!(!is_running(process));
    assert!(!folder.exists());
}

#[test]
fn a_detached_machine_that_is_given_up_does_not_run_on() {
    let directory = tempfile::tempdir().unwrap();
    let state = StateDirectory::Kept(directory.path().join("machine"));
    let settings = MachineSettings { state, tpm: false, ..settings(&directory) };
    let machine = Machine::start(&settings, Lifetime::Detached, &Cancel::new()).unwrap();
    let process = machine.process_id().unwrap();
    drop(machine);
    let deadline = Instant::now() + TIMEOUT;
    while is_running(process) {
        assert!(Instant::now() < deadline, "QEMU runs on");
        thread::yield_now();
    }
}

#[test]
fn an_image_that_is_missing_is_named() {
    let error =
        Machine::start(&MachineSettings::of_image("/nowhere/x.raw"), Lifetime::Bound, &Cancel::new()).unwrap_err();
    assert_eq!(error.to_string(), "the disk image /nowhere/x.raw cannot be read");
    assert!(!Path::new("/nowhere").exists());
}

//! `bench boot`: power-on to API, against mkosi's image of the same packages to its login prompt

use crate::Options;
use crate::build::megabytes;
use crate::ours::Ours;
use crate::paired::median_of;
use crate::peer::Peer;
use crate::table::{self, Figure, Target};
use crate::workplace::{circumstances, folder};
use anyhow::{Context, ensure};
use host::cancel::Cancel;
use serde_json::Value;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;
use virtual_machine::boot_phase::{BootPhase, phase_begun_by};
use virtual_machine::console::{ConsoleReader, last_lines};
use virtual_machine::http;
use virtual_machine::machine::{Lifetime, Machine};
use virtual_machine::readiness::{HEALTH_PATH, Progress};
use virtual_machine::settings::MachineSettings;

/// The initrd unpacked, in millions of bytes.
const TARGET_INITRD: f64 = 40.0;
/// Memory of the idle daemon, in MiB.
const TARGET_DAEMON: f64 = 20.0;
/// How long a boot may take: emulated, on a busy computer.
const TIMEOUT: Duration = Duration::from_secs(1200);
/// How long one answer of the API may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);
/// How often the console of mkosi's image is looked at, as often as ours.
const INTERVAL: Duration = Duration::from_millis(100);
/// Lines of the console that a failure shows.
const SHOWN_LINES: usize = 25;
/// Size of both machines' disks, in bytes.
const DISK_SIZE: u64 = 16 << 30;
/// What a getty says when somebody can log in.
const LOGIN_PROMPT: &str = "login:";

/// Where the system document says how much memory the daemon uses.
const DAEMON_BYTES: &str = "/memory/daemon_bytes";

/// What one boot of ours took, in seconds since power-on.
#[derive(Clone, Copy, Debug, Default)]
struct Boot {
    kernel: f64,
    initrd: f64,
    system: f64,
    api: f64,
    daemon: f64,
}

/// Builds both images unless they are there, and boots them in turns.
///
/// # Errors
/// When an image cannot be built or does not come up.
pub fn run(options: &Options) -> anyhow::Result<()> {
    let rounds = if options.quick { 1 } else { 2 };
    let ours = Ours::prepare()?;
    ours.build()?;
    let peer = Peer::prepare(&ours.lockfile()?)?;
    if !peer.is_built() {
        peer.forget()?;
        peer.build()?;
    }
    let before = circumstances();
    let mut boots = Vec::new();
    let mut logins = Vec::new();
    let mut how = String::new();
    for round in 0..rounds {
        let our_settings = settings(ours.image(), &format!("ours-{round}"))?;
        let their_settings = settings(peer.image(), &format!("mkosi-{round}"))?;
        if round % 2 == 0 {
            let (boot, acceleration) = boot_ours(&our_settings)?;
            how = acceleration;
            boots.push(boot);
            logins.push(boot_theirs(&their_settings)?);
        } else {
            logins.push(boot_theirs(&their_settings)?);
            boots.push(boot_ours(&our_settings)?.0);
        }
    }

    let ours_to = |phase: fn(&Boot) -> f64| median_of(boots.iter().map(phase).collect());
    let theirs_to = |phase: fn(&Boot) -> f64| median_of(logins.iter().map(phase).collect());
    let figures = [
        Figure::new("power-on to kernel", "s", ours_to(|boot| boot.kernel)).against(theirs_to(|boot| boot.kernel)),
        Figure::new("power-on to initrd", "s", ours_to(|boot| boot.initrd)).against(theirs_to(|boot| boot.initrd)),
        Figure::new("power-on to switch root", "s", ours_to(|boot| boot.system)).against(theirs_to(|boot| boot.system)),
        Figure::new("power-on to API, to login prompt", "s", ours_to(|boot| boot.api))
            .against(theirs_to(|boot| boot.api)),
        Figure::new("initrd, ours uncompressed", "MB", megabytes(ours.described("/initrd_size")?))
            .against(megabytes(peer.initrd_size()?))
            .target(Target::AtMost(TARGET_INITRD)),
        Figure::new("idle piccolod", "MiB", ours_to(|boot| boot.daemon)).target(Target::AtMost(TARGET_DAEMON)),
    ];
    let notes = [format!("{how}; median of {rounds}, boots in turns; afterwards: {}", circumstances())];
    table::print(&before, &notes, &figures, options.json);
    Ok(())
}

fn settings(image: PathBuf, name: &str) -> anyhow::Result<MachineSettings> {
    let log = folder("boot")?.join(format!("{name}.log"));
    // Lines of an earlier run would be shown with a failure.
    let _ = std::fs::remove_file(&log);
    Ok(MachineSettings { disk_size: Some(DISK_SIZE), console_log: Some(log), ..MachineSettings::of_image(image) })
}

fn boot_ours(settings: &MachineSettings) -> anyhow::Result<(Boot, String)> {
    let cancel = Cancel::new();
    let mut machine = Machine::start(settings, Lifetime::Bound, &cancel)?;
    let how = format!("guests run by {}", machine.acceleration());
    let mut boot = Boot::default();
    let answered = machine.wait_for_api(HEALTH_PATH, TIMEOUT, &cancel, |progress| note_phase(&mut boot, progress))?;
    boot.api = answered.as_secs_f64();
    boot.daemon = daemon_mebibytes(machine.port())?;
    Ok((boot, how))
}

/// mkosi's image has no API: its console says when somebody can log in.
fn boot_theirs(settings: &MachineSettings) -> anyhow::Result<Boot> {
    let mut machine = Machine::start(settings, Lifetime::Bound, &Cancel::new())?;
    let mut console = ConsoleReader::open(machine.console_log(), machine.console_start())?;
    let mut boot = Boot::default();
    let mut reached = None;
    loop {
        let ended = machine.has_ended()?;
        let mut lines = console.new_lines()?;
        for phase in lines.iter().filter_map(|line| phase_begun_by(line)) {
            if Some(phase) > reached {
                reached = Some(phase);
                note_phase(&mut boot, Progress::Phase(phase, machine.started().elapsed()));
            }
        }
        lines.push(console.unfinished_line());
        if lines.iter().any(|line| line.contains(LOGIN_PROMPT)) {
            boot.api = machine.started().elapsed().as_secs_f64();
            return Ok(boot);
        }
        let log = machine.console_log().to_owned();
        let end = || last_lines(&log, SHOWN_LINES).join("\n");
        ensure!(!ended, "mkosi's image switched itself off; its console log is {}\n{}", log.display(), end());
        let waited = machine.started().elapsed();
        ensure!(waited < TIMEOUT, "mkosi's image has no login prompt; console log {}\n{}", log.display(), end());
        thread::sleep(INTERVAL);
    }
}

fn note_phase(boot: &mut Boot, progress: Progress) {
    if let Progress::Phase(phase, after) = progress {
        let seconds = after.as_secs_f64();
        match phase {
            BootPhase::Kernel => boot.kernel = seconds,
            BootPhase::Initrd => boot.initrd = seconds,
            BootPhase::System => boot.system = seconds,
            BootPhase::BootLoader => {}
        }
    }
}

fn daemon_mebibytes(port: u16) -> anyhow::Result<f64> {
    let answer = http::get(port, "/api/v1/system", ANSWER_TIMEOUT)?;
    let system: Value = serde_json::from_slice(&answer.body).context("reading what the device says of itself")?;
    let bytes = system.pointer(DAEMON_BYTES).and_then(Value::as_u64);
    Ok(bytes.context("the device does not say how much memory its daemon uses")? as f64 / f64::from(1 << 20))
}

//! A machine under test.

use crate::disk::IdleDisk;
use crate::guest_agent::{CommandOutput, GuestAgent};
use crate::slot::MachineSlot;
use host::cancel::Cancel;
use serde_json::Value;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use virtual_machine::console::last_lines;
use virtual_machine::http::{self, Response};
use virtual_machine::machine::{Lifetime, Machine};
use virtual_machine::readiness::HEALTH_PATH;
use virtual_machine::settings::{ExtraDisk, Flushes, MachineSettings, SecureBoot, StateDirectory};

/// The environment variable that names the folder of the console logs.
pub const LOGS_VARIABLE: &str = "PICCOLO_VM_LOGS";
/// How long a boot may take: emulated, on a busy computer.
const BOOT_TIMEOUT: Duration = Duration::from_secs(600);
/// How long a command in the guest may take.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);
/// How long one answer of the API may take.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How often something awaited is looked at.
const INTERVAL: Duration = Duration::from_millis(200);
/// Lines of the console that a failed test shows.
const SHOWN_LINES: usize = 40;

/// What the machine of a test is made of, where that matters to the test.
#[derive(Clone, Debug)]
pub struct TestOptions {
    /// Memory, in bytes.
    pub memory: u64,
    /// Virtual processors. By default one: an emulated machine with two, that shares the computer with another one, does a third more
    /// work for the same.
    pub cpus: u16,
    /// Whether there is a TPM.
    pub tpm: bool,
    /// What the firmware checks.
    pub secure_boot: SecureBoot,
    /// The size of the disk, in bytes.
    pub disk_size: u64,
    /// Further disks.
    pub extra_disks: Vec<ExtraDisk>,
    /// Whether there is a watchdog device.
    pub watchdog: bool,
    /// Where what the guest does to its system disk is logged (`dm-log-writes`), if it is.
    pub write_log: Option<PathBuf>,
}

impl Default for TestOptions {
    fn default() -> Self {
        Self {
            memory: 2 << 30,
            cpus: 1,
            tpm: true,
            secure_boot: SecureBoot::Off,
            disk_size: 16 << 30,
            extra_disks: Vec::new(),
            watchdog: false,
            write_log: None,
        }
    }
}

/// A machine under test. What it wrote survives power cuts within the test and disappears with the value.
///
/// Its console is logged to `CRATE.TEST.log` in [`LOGS_VARIABLE`]'s folder, or in `vm-logs` of cargo's target directory; a failed test
/// prints its end.
#[derive(Debug)]
pub struct TestMachine {
    machine: Option<Machine>,
    settings: MachineSettings,
    log: PathBuf,
    conversations: u32,
    state: TempDir,
    _slot: MachineSlot,
}

impl TestMachine {
    /// Starts a machine and waits until its API says that it is healthy.
    ///
    /// # Panics
    /// When it does not.
    #[must_use]
    #[track_caller]
    pub fn start(image: &Path, options: TestOptions) -> Self {
        let mut machine = Self::power_on(image, options);
        machine.wait_for_api();
        machine
    }

    /// Starts a machine and does not wait.
    ///
    /// # Panics
    /// When QEMU does not start.
    #[must_use]
    #[track_caller]
    pub fn power_on(image: &Path, options: TestOptions) -> Self {
        let slot = MachineSlot::wait();
        let state = tempfile::Builder::new().prefix("piccolo-test-").tempdir_in(large_temporary_folder());
        let state = state.expect("a temporary directory can be made");
        let log = log_of_this_test();
        // The log of an earlier run would be searched, too.
        let _ = fs::remove_file(&log);
        let settings = MachineSettings {
            memory: options.memory,
            cpus: options.cpus,
            tpm: options.tpm,
            secure_boot: options.secure_boot,
            disk_size: Some(options.disk_size),
            state: StateDirectory::Kept(state.path().join("machine")),
            console_log: Some(log.clone()),
            extra_disks: options.extra_disks,
            guest_agent: true,
            watchdog: options.watchdog,
            flushes: Flushes::ToTheHost,
            write_log: options.write_log,
            ..MachineSettings::of_image(image)
        };
        let mut machine = Self { machine: None, settings, log, conversations: 0, state, _slot: slot };
        machine.power_on_again();
        machine
    }

    /// Starts the machine after it was switched off or its power was cut: same disks, same TPM, same firmware variables.
    ///
    /// # Panics
    /// When QEMU does not start.
    #[track_caller]
    pub fn power_on_again(&mut self) {
        assert!(self.machine.is_none(), "the machine is on");
        match Machine::start(&self.settings, Lifetime::Bound, &Cancel::new()) {
            Ok(machine) => self.machine = Some(machine),
            Err(error) => panic!("the machine did not start: {}", chain(&error)),
        }
    }

    /// Waits until the API says that the machine is healthy, and gives how long after its start that was.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn wait_for_api(&mut self) -> Duration {
        let result = self.machine_mut().wait_for_api(HEALTH_PATH, BOOT_TIMEOUT, &Cancel::new(), |_| {});
        result.unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// Waits until the console of this start has a line with `text`, and gives it.
    ///
    /// # Panics
    /// When there is none.
    #[track_caller]
    pub fn wait_for_console(&mut self, text: &str) -> String {
        let result = self.machine_mut().wait_for_console(text, BOOT_TIMEOUT, &Cancel::new());
        result.unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// Runs a command of the guest's shell, as root.
    ///
    /// # Panics
    /// When it cannot be run; not when it fails.
    #[track_caller]
    pub fn run(&mut self, command: &str) -> CommandOutput {
        let mut agent = self.agent();
        agent.run(command, COMMAND_TIMEOUT).unwrap_or_else(|error| panic!("`{command}` could not be run: {error}"))
    }

    /// Runs a command of the guest's shell, as root, if the guest can just now: it may be restarting itself.
    ///
    /// # Errors
    /// When the guest agent does not answer, or stops doing so before the command has ended.
    pub fn try_run(&mut self, command: &str) -> io::Result<CommandOutput> {
        self.try_agent()?.run(command, COMMAND_TIMEOUT)
    }

    /// Runs a command of the guest's shell and gives its standard output without the final line end.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn succeed(&mut self, command: &str) -> String {
        let output = self.run(command);
        assert_eq!(output.status, 0, "`{command}` failed:\n{}{}", output.stdout, output.stderr);
        output.stdout.trim_end_matches('\n').to_owned()
    }

    /// Asks the API, and gives the JSON document.
    ///
    /// # Panics
    /// When the answer is not a success or not JSON.
    #[must_use]
    #[track_caller]
    pub fn api_get(&self, path: &str) -> Value {
        let response = self.http_get(path);
        let text = String::from_utf8_lossy(&response.body);
        assert!((200..300).contains(&response.status), "GET {path} gave {}: {text}", response.status);
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("GET {path} is not JSON ({error}): {text}"))
    }

    /// Asks the API, whatever it says.
    ///
    /// # Panics
    /// When it does not answer.
    #[must_use]
    #[track_caller]
    pub fn http_get(&self, path: &str) -> Response {
        let port = self.machine().port();
        http::get(port, path, ANSWER_TIMEOUT).unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// What names this start of the guest's kernel.
    ///
    /// # Panics
    /// When it cannot be read.
    #[track_caller]
    pub fn boot_id(&mut self) -> String {
        self.succeed("cat /proc/sys/kernel/random/boot_id")
    }

    /// Has the guest restart itself, and waits until it runs anew and its API answers.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn reboot(&mut self) {
        let before = self.boot_id();
        // Later, so that the agent can still answer.
        let mut agent = self.agent();
        agent.start("sleep 0.5; systemctl reboot").unwrap_or_else(|error| panic!("the guest did not restart: {error}"));
        drop(agent);
        self.wait_for_restart(&before);
    }

    /// Waits until the guest has restarted since the boot with the id `before`, and its API answers.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn wait_for_restart(&mut self, before: &str) {
        let deadline = Instant::now() + BOOT_TIMEOUT;
        loop {
            match self.try_run("cat /proc/sys/kernel/random/boot_id") {
                Ok(now) if now.stdout.trim_end() != before => break,
                _ => assert!(Instant::now() < deadline, "the guest did not restart in {} s", BOOT_TIMEOUT.as_secs()),
            }
            thread::sleep(INTERVAL);
        }
        self.wait_for_api();
    }

    /// Presses the power button and waits until the guest is off.
    ///
    /// # Panics
    /// When it stays on.
    #[track_caller]
    pub fn shut_down(&mut self) {
        let result = self.machine_mut().power_down(BOOT_TIMEOUT, &Cancel::new());
        result.unwrap_or_else(|error| panic!("{}", chain(&error)));
        self.machine = None;
    }

    /// Cuts the power.
    ///
    /// # Panics
    /// When the machine is off.
    #[track_caller]
    pub fn cut_power(&mut self) {
        self.machine_mut().cut_power();
        self.machine = None;
    }

    /// Whether QEMU still runs. It ends when the guest switches itself off.
    ///
    /// # Panics
    /// When QEMU failed.
    #[must_use]
    #[track_caller]
    pub fn is_on(&mut self) -> bool {
        let Some(machine) = &mut self.machine else { return false };
        !machine.has_ended().unwrap_or_else(|error| panic!("{}", chain(&error)))
    }

    /// The system disk, while the machine is off.
    ///
    /// # Panics
    /// When it is on.
    #[must_use]
    #[track_caller]
    pub fn disk(&self) -> IdleDisk {
        self.disk_named("system")
    }

    /// A disk, while the machine is off.
    ///
    /// # Panics
    /// When it is on or has no such disk.
    #[must_use]
    #[track_caller]
    pub fn disk_named(&self, name: &str) -> IdleDisk {
        assert!(self.machine.is_none(), "the disk of a machine that is on cannot be touched");
        let overlay = self.state.path().join("machine").join(format!("{name}.qcow2"));
        assert!(overlay.is_file(), "the machine has no disk {name:?}");
        IdleDisk::new(overlay)
    }

    /// All that the console has said since the machine was first started, with its escape sequences.
    #[must_use]
    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// What the machine is made of; changes count from the next start.
    pub fn settings_mut(&mut self) -> &mut MachineSettings {
        &mut self.settings
    }

    /// The machine itself, for what has no method here.
    ///
    /// # Panics
    /// When it is off.
    #[must_use]
    #[track_caller]
    pub fn machine(&self) -> &Machine {
        self.machine.as_ref().expect("the machine is on")
    }

    #[track_caller]
    fn machine_mut(&mut self) -> &mut Machine {
        self.machine.as_mut().expect("the machine is on")
    }

    /// Waits for the guest agent: it starts after the API on some boots, and the guest may be restarting itself.
    #[track_caller]
    fn agent(&mut self) -> GuestAgent {
        let deadline = Instant::now() + BOOT_TIMEOUT;
        loop {
            match self.try_agent() {
                Ok(agent) => return agent,
                Err(error) => assert!(
                    Instant::now() < deadline,
                    "the guest agent does not answer ({error}): does the image contain qemu-guest-agent?"
                ),
            }
            thread::sleep(INTERVAL);
        }
    }

    fn try_agent(&mut self) -> io::Result<GuestAgent> {
        self.conversations += 1;
        let Some(machine) = &self.machine else { return Err(io::Error::other("the machine is off")) };
        GuestAgent::new(machine.guest_agent()?, self.conversations)
    }
}

impl Drop for TestMachine {
    fn drop(&mut self) {
        if thread::panicking() {
            let lines = last_lines(&self.log, SHOWN_LINES).join("\n");
            eprintln!("--- end of the console, all of it in {} ---\n{lines}\n---", self.log.display());
        }
    }
}

/// An error and what it came from, in one line each.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(&format!("\n  because {source}"));
        next = source.source();
    }
    text
}

/// A file named after the test that this thread runs, in [`LOGS_VARIABLE`]'s folder or `vm-logs` in cargo's target directory.
fn log_of_this_test() -> PathBuf {
    let program = env::current_exe().unwrap_or_default();
    let is_target = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    let target = || program.ancestors().find(is_target).map_or_else(env::temp_dir, Path::to_owned);
    let folder = env::var_os(LOGS_VARIABLE).map_or_else(|| target().join("vm-logs"), PathBuf::from);
    fs::create_dir_all(&folder).expect("the folder of the logs can be made");
    let crate_name = program.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    // Cargo appends a hash to the program's name.
    let crate_name = crate_name.rsplit_once('-').map_or(crate_name.as_str(), |(name, _)| name).to_owned();
    let test = thread::current().name().unwrap_or("test").replace("::", ".");
    folder.join(format!("{crate_name}.{test}.log"))
}

/// Where large files of tests go: overlays grow, and `/tmp` is often memory.
#[must_use]
pub fn large_temporary_folder() -> PathBuf {
    let large = Path::new("/var/tmp");
    if env::var_os("TMPDIR").is_none() && large.is_dir() { large.to_owned() } else { env::temp_dir() }
}

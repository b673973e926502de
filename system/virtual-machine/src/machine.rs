//! A running machine.

use crate::acceleration::{self, Acceleration, Choice};
use crate::command_line::{self, Parts};
use crate::directory::{DirectoryError, MachineDirectory};
use crate::disks::{self, DiskError};
use crate::firmware::{self, Firmware, NoFirmware};
use crate::keeper::Keeper;
use crate::qmp::{self, POWER_BUTTON_INTERVAL, Qmp, QmpError};
use crate::settings::{ForwardedPort, MachineSettings};
use crate::software_tpm::{self, TpmError};
use crate::{qemu, unix_socket};
use host::cancel::Cancel;
use host::invocation::{HostError, Invocation};
use host::program::Program;
use host::running::RunningProgram;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io;
use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How long QEMU and swtpm may take until they listen; the host may be busy.
const START_DEADLINE: Duration = Duration::from_secs(60);
/// How often a start or an end is looked for.
const INTERVAL: Duration = Duration::from_millis(20);
/// QEMU's note of its process, in the machine's directory, when it runs on by itself.
const PID_FILE: &str = "qemu.pid";
/// The firmware's variables, in the machine's directory.
const VARIABLES_FILE: &str = "variables.fd";
/// The console log, in the machine's directory.
const CONSOLE_FILE: &str = "console.log";

/// A machine that was started. When it is dropped, QEMU ends without the guest being asked.
#[derive(Debug)]
pub struct Machine {
    process: Process,
    port: u16,
    console_log: PathBuf,
    console_start: u64,
    started: Instant,
    choice: Choice,
    warnings: Vec<String>,
    directory: MachineDirectory,
}

/// Who looks after QEMU.
#[derive(Debug)]
enum Process {
    /// We: it ends when we end.
    Bound(Box<BoundProcesses>),
    /// Nobody: it runs on when we end.
    Detached(DetachedProcess),
}

/// Declared in this order so that QEMU ends before its TPM, and both before the thread that keeps them.
#[derive(Debug)]
struct BoundProcesses {
    qemu: Option<RunningProgram>,
    swtpm: Option<RunningProgram>,
    _keeper: Keeper,
}

/// A QEMU that runs by itself. It is killed when this is dropped, unless it was let go of: a start that fails leaves nothing behind.
#[derive(Debug)]
struct DetachedProcess {
    pid: Pid,
    let_go: bool,
}

impl DetachedProcess {
    fn kill(&self) {
        // Gone already is what we want.
        let _ = kill_process(self.pid, Signal::KILL);
    }
}

impl Drop for DetachedProcess {
    fn drop(&mut self) {
        if !self.let_go {
            self.kill();
        }
    }
}

/// How long a machine lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// As long as the value that stands for it, and not longer than our process.
    Bound,
    /// Until it is stopped.
    Detached,
}

/// Why a machine did not start or do as told.
#[derive(Debug, thiserror::Error)]
pub enum MachineError {
    /// Its directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// Its disks.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Its firmware.
    #[error(transparent)]
    Firmware(#[from] NoFirmware),
    /// Its TPM.
    #[error(transparent)]
    Tpm(#[from] TpmError),
    /// A program.
    #[error(transparent)]
    Program(#[from] HostError),
    /// Its control socket.
    #[error(transparent)]
    Qmp(#[from] QmpError),
    /// Somebody else listens there.
    #[error("port {port} of 127.0.0.1 is taken; choose another one, or 0 for a free one")]
    PortTaken {
        /// Which.
        port: u16,
        /// What the kernel said.
        source: io::Error,
    },
    /// QEMU does not say where it listens.
    #[error("QEMU does not say which port it forwards; it said: {0}")]
    NoPort(String),
    /// A file in its directory.
    #[error("{path} could not be used")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A part of the machine did not get ready.
    #[error("{part} was not ready after {} s", START_DEADLINE.as_secs())]
    NotReady {
        /// Which.
        part: &'static str,
    },
    /// The machine did not switch itself off.
    #[error("the machine was asked to switch itself off and did not within {} s", .0.as_secs())]
    StaysOn(Duration),
    /// The work was cancelled.
    #[error("starting the machine was cancelled")]
    Cancelled,
}

impl Machine {
    /// Starts a machine.
    ///
    /// # Errors
    /// When something that it needs is missing, or QEMU refuses. The message says what to do.
    pub fn start(settings: &MachineSettings, lifetime: Lifetime, cancel: &Cancel) -> Result<Self, MachineError> {
        let version = qemu::installed_version(cancel)?;
        let firmware = firmware::find(settings.secure_boot)?;
        let choice = acceleration::choose(settings.acceleration, version, cancel);
        let emulated = choice.acceleration == Acceleration::Emulation;
        let warnings = version.filter(|_| emulated).and_then(qemu::emulation_warning).into_iter().collect();
        check_port(settings.port)?;

        let directory = MachineDirectory::open(&settings.state)?;
        remove_old_sockets(directory.path());
        let disks = disks::prepare(settings, directory.path(), cancel)?;
        let variables = prepare_variables(&firmware, directory.path())?;
        let console_log = match &settings.console_log {
            Some(path) => std::path::absolute(path).map_err(|source| file_error(path, source))?,
            None => directory.path().join(CONSOLE_FILE),
        };
        let console_start = touch(&console_log)?;
        if settings.tpm {
            software_tpm::prepare(directory.path(), cancel)?;
        }

        let parts = Parts {
            acceleration: choice.acceleration,
            firmware: &firmware,
            variables: &variables,
            disks: &disks,
            console_log: &console_log,
        };
        let arguments = command_line::arguments(settings, &parts);
        let qemu = Invocation::new(Program::QemuSystemX86).arguments(arguments).directory(directory.path());
        let started = Instant::now();
        let process = match lifetime {
            Lifetime::Bound => start_bound(qemu, settings.tpm, directory.path(), cancel)?,
            Lifetime::Detached => start_detached(qemu, settings.tpm, directory.path(), cancel)?,
        };
        let mut machine = Self { process, port: 0, console_log, console_start, started, choice, warnings, directory };
        machine.port = machine.wait_for_control(cancel)?;
        if machine.directory.is_temporary() && lifetime == Lifetime::Bound {
            // QEMU has the overlays open. Without a name they disappear with it, even if nobody is left to remove them.
            for disk in &disks {
                let _ = fs::remove_file(&disk.overlay);
            }
        }
        Ok(machine)
    }

    /// The port of 127.0.0.1 that leads to the guest's API.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where the guest's pages are.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/", self.port)
    }

    /// When it was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// How its instructions are run, and why.
    #[must_use]
    pub fn acceleration(&self) -> &Choice {
        &self.choice
    }

    /// What the operator should know, one sentence each.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Where its console is logged.
    #[must_use]
    pub fn console_log(&self) -> &Path {
        &self.console_log
    }

    /// Where in the console log this start of the machine begins, in bytes.
    #[must_use]
    pub fn console_start(&self) -> u64 {
        self.console_start
    }

    /// Its directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// The process of QEMU, when it is still there.
    #[must_use]
    pub fn process_id(&self) -> Option<u32> {
        match &self.process {
            Process::Bound(bound) => bound.qemu.as_ref().map(RunningProgram::id),
            Process::Detached(detached) => u32::try_from(detached.pid.as_raw_nonzero().get()).ok(),
        }
    }

    /// Opens a conversation with QEMU.
    ///
    /// # Errors
    /// When the machine has ended.
    pub fn qmp(&self) -> Result<Qmp, QmpError> {
        Qmp::connect(self.directory.path())
    }

    /// Connects to the guest agent's serial port, when the machine has one.
    ///
    /// # Errors
    /// When it has none or has ended.
    pub fn guest_agent(&self) -> io::Result<UnixStream> {
        unix_socket::connect(self.directory.path(), command_line::AGENT_SOCKET)
    }

    /// Connects to the serial console. One at a time can.
    ///
    /// # Errors
    /// When the machine has ended.
    pub fn console(&self) -> io::Result<UnixStream> {
        unix_socket::connect(self.directory.path(), command_line::SERIAL_SOCKET)
    }

    /// Whether it has ended: switched off, or QEMU stopped.
    ///
    /// # Errors
    /// When QEMU failed; the error carries what it said.
    pub fn has_ended(&mut self) -> Result<bool, MachineError> {
        match &mut self.process {
            Process::Detached(detached) => Ok(test_kill_process(detached.pid).is_err()),
            Process::Bound(bound) => {
                let Some(running) = &mut bound.qemu else { return Ok(true) };
                if running.ended()?.is_none() {
                    return Ok(false);
                }
                match bound.qemu.take() {
                    Some(ended) => ended.wait(&Cancel::new()).map(|_| true).map_err(MachineError::from),
                    None => Ok(true),
                }
            }
        }
    }

    /// Presses the power button, now and then again, and waits until the guest has switched itself off.
    ///
    /// # Errors
    /// When it does not within `timeout`; it then still runs.
    pub fn power_down(&mut self, timeout: Duration, cancel: &Cancel) -> Result<(), MachineError> {
        let deadline = Instant::now() + timeout;
        let mut next_press = Instant::now();
        while !self.has_ended()? {
            if Instant::now() >= next_press {
                next_press = Instant::now() + POWER_BUTTON_INTERVAL;
                let pressed = self.qmp().and_then(|mut qmp| qmp.execute("system_powerdown", json!({})));
                // It may have ended since it was looked at.
                if let Err(error) = pressed
                    && !self.has_ended()?
                {
                    return Err(error.into());
                }
            }
            if cancel.is_cancelled() {
                return Err(MachineError::Cancelled);
            }
            if Instant::now() > deadline {
                return Err(MachineError::StaysOn(timeout));
            }
            thread::sleep(INTERVAL);
        }
        Ok(())
    }

    /// Presses the reset button: the guest starts anew without having been asked.
    ///
    /// # Errors
    /// When QEMU does not answer.
    pub fn reset(&mut self) -> Result<(), MachineError> {
        self.qmp()?.execute("system_reset", json!({}))?;
        Ok(())
    }

    /// Cuts the power: QEMU is killed, and what the guest had not written is lost.
    pub fn cut_power(&mut self) {
        match &mut self.process {
            Process::Bound(bound) => {
                if let Some(mut qemu) = bound.qemu.take() {
                    qemu.kill();
                }
                // It notices that QEMU is gone; but a machine that is started again at once must not find it.
                if let Some(mut swtpm) = bound.swtpm.take() {
                    swtpm.kill();
                }
            }
            Process::Detached(detached) => detached.kill(),
        }
    }

    /// Lets a detached machine run on, and gives its process and directory.
    #[must_use]
    pub fn into_detached(mut self) -> Option<(u32, PathBuf)> {
        let Process::Detached(detached) = &mut self.process else { return None };
        detached.let_go = true;
        Some((self.process_id()?, self.directory.path().to_owned()))
    }

    /// Waits until QEMU answers on its control socket, and gives the forwarded port.
    fn wait_for_control(&mut self, cancel: &Cancel) -> Result<u16, MachineError> {
        let deadline = Instant::now() + START_DEADLINE;
        let mut qmp = loop {
            if self.has_ended()? {
                return Err(MachineError::NotReady { part: "QEMU" });
            }
            if cancel.is_cancelled() {
                return Err(MachineError::Cancelled);
            }
            match self.qmp() {
                Ok(qmp) => break qmp,
                Err(_) if Instant::now() < deadline => thread::sleep(INTERVAL),
                Err(error) => return Err(error.into()),
            }
        };
        let command = json!({ "command-line": "info usernet" });
        let answer = qmp.execute("human-monitor-command", command)?;
        let text = answer.as_str().unwrap_or_default();
        forwarded_port(text).ok_or_else(|| MachineError::NoPort(text.to_owned()))
    }
}

fn start_bound(qemu: Invocation, tpm: bool, directory: &Path, cancel: &Cancel) -> Result<Process, MachineError> {
    let (directory, cancel) = (directory.to_owned(), cancel.clone());
    let ((qemu, swtpm), keeper) = Keeper::hold(move || {
        let mut swtpm = None;
        if tpm {
            let mut running = software_tpm::invocation(&directory).ends_with_thread().start()?;
            let deadline = Instant::now() + START_DEADLINE;
            while !software_tpm::is_listening(&directory) {
                if running.ended()?.is_some() {
                    running.wait(&cancel)?;
                    return Err(MachineError::NotReady { part: "the software TPM" });
                }
                if cancel.is_cancelled() {
                    return Err(MachineError::Cancelled);
                }
                if Instant::now() > deadline {
                    return Err(MachineError::NotReady { part: "the software TPM" });
                }
                thread::sleep(INTERVAL);
            }
            swtpm = Some(running);
        }
        Ok((qemu.ends_with_thread().start()?, swtpm))
    })?;
    Ok(Process::Bound(Box::new(BoundProcesses { qemu: Some(qemu), swtpm, _keeper: keeper })))
}

fn start_detached(qemu: Invocation, tpm: bool, directory: &Path, cancel: &Cancel) -> Result<Process, MachineError> {
    if tpm {
        // It returns when the socket is there.
        software_tpm::invocation(directory).argument("--daemon").run(cancel)?;
    }
    let pid_file = directory.join(PID_FILE);
    // It returns when the machine runs, and says on standard error why not.
    qemu.arguments(["-daemonize", "-pidfile", PID_FILE]).run(cancel)?;
    let text = fs::read_to_string(&pid_file).map_err(|source| file_error(&pid_file, source))?;
    let pid = text.trim().parse().ok().and_then(Pid::from_raw);
    pid.map(|pid| Process::Detached(DetachedProcess { pid, let_go: false }))
        .ok_or(MachineError::NotReady { part: "QEMU" })
}

/// Says which port is the trouble before QEMU says that some rule is.
fn check_port(port: ForwardedPort) -> Result<(), MachineError> {
    match port {
        ForwardedPort::AnyFree => Ok(()),
        ForwardedPort::Exactly(port) => match TcpListener::bind(("127.0.0.1", port)) {
            Ok(_free) => Ok(()),
            Err(source) => Err(MachineError::PortTaken { port, source }),
        },
    }
}

/// The host's port in what `info usernet` prints.
fn forwarded_port(text: &str) -> Option<u16> {
    let line = text.lines().find(|line| line.contains("TCP[HOST_FORWARD]"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

fn remove_old_sockets(directory: &Path) {
    for name in [qmp::SOCKET, software_tpm::SOCKET, command_line::SERIAL_SOCKET, command_line::AGENT_SOCKET] {
        // Usually there is none; a socket that cannot be removed makes QEMU say so.
        let _ = fs::remove_file(directory.join(name));
    }
}

fn prepare_variables(firmware: &Firmware, directory: &Path) -> Result<PathBuf, MachineError> {
    let path = directory.join(VARIABLES_FILE);
    if !path.exists() {
        let template = &firmware.variables.filename;
        let bytes = fs::read(template).map_err(|source| file_error(template, source))?;
        // Not fs::copy: the template is often read-only, and the copy would be.
        fs::write(&path, bytes).map_err(|source| file_error(&path, source))?;
    }
    Ok(path)
}

fn touch(path: &Path) -> Result<u64, MachineError> {
    let file = OpenOptions::new().create(true).append(true).open(path).map_err(|source| file_error(path, source))?;
    Ok(file.metadata().map_err(|source| file_error(path, source))?.len())
}

fn file_error(path: &Path, source: io::Error) -> MachineError {
    MachineError::File { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use super::forwarded_port;

    #[test]
    fn finds_the_forwarded_port() {
        let text = "Hub -1 (network):\r\n  Protocol[State]    FD  Source Address  Port   Dest. Address  Port RecvQ SendQ\r\n  \
                    TCP[HOST_FORWARD]  13       127.0.0.1 43211       10.0.2.15  8080     0     0\r\n";
        assert_eq!(forwarded_port(text), Some(43211));
        assert_eq!(forwarded_port("nothing"), None);
    }
}

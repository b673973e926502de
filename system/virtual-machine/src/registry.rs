//! Detached machines by name: where they are and how to stop them.

use crate::qmp::{POWER_BUTTON_INTERVAL, Qmp};
use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// How often a stopping machine is looked at.
const INTERVAL: Duration = Duration::from_millis(50);
/// How long QEMU may take to end once told so.
const QUIT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest name of a machine, in bytes.
const MAXIMUM_NAME: usize = 64;

/// A detached machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DetachedMachine {
    /// Its name.
    pub name: String,
    /// The image that it was started from.
    pub image: PathBuf,
    /// Its directory.
    pub directory: PathBuf,
    /// Whether the directory outlives the machine.
    pub kept: bool,
    /// The port of 127.0.0.1 that leads to its API.
    pub port: u16,
    /// QEMU's process.
    pub process: u32,
    /// When that process began, in clock ticks since the host's start (proc_pid_stat(5), field 22): identifiers are used again.
    pub process_start: u64,
}

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It switched itself off.
    Off,
    /// It did not in time, and its power was cut.
    PowerCut,
    /// It was not running any more.
    AlreadyOff,
}

/// Why the register of machines could not be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is nobody whose machines these could be.
    #[error("neither XDG_STATE_HOME nor HOME is set, so there is no place to note running machines")]
    NoHome,
    /// Not a name.
    #[error(
        "{0:?} cannot name a machine: use letters, digits, dots, dashes and underscores, at most 64, a letter or digit first"
    )]
    Name(String),
    /// There is no such machine.
    #[error("no machine is named {name:?}; {}", known_names(.known))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Those that there are.
        known: Vec<String>,
    },
    /// There is one already.
    #[error("a machine named {0:?} is running; stop it with `piccolo run --stop {0}` or choose another --name")]
    Taken(String),
    /// The note could not be read or written.
    #[error("{path} could not be used")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() { "none is running".to_owned() } else { format!("running: {}", known.join(", ")) }
}

/// The register: one folder for each machine, with a note in it.
#[derive(Clone, Debug)]
pub struct Registry {
    folder: PathBuf,
}

impl Registry {
    /// The register of the person who runs this program.
    ///
    /// # Errors
    /// When that person has no home.
    pub fn of_this_user() -> Result<Self, RegistryError> {
        let state = env::var_os("XDG_STATE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
        let home = || env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        let state = state.or_else(home).ok_or(RegistryError::NoHome)?;
        Ok(Self::at(state.join("piccolo/machines")))
    }

    /// A register in a folder of its own.
    #[must_use]
    pub fn at(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Makes the folder of a new machine. It may serve as its directory, too.
    ///
    /// # Errors
    /// When the name is not one, or a machine of that name is running.
    pub fn reserve(&self, name: &str) -> Result<PathBuf, RegistryError> {
        let folder = self.folder_of(name)?;
        match self.read(name)? {
            Some(known) if known.is_running() => return Err(RegistryError::Taken(name.to_owned())),
            _ => remove(&folder)?,
        }
        fs::create_dir_all(&folder).map_err(|source| RegistryError::Io { path: folder.clone(), source })?;
        Ok(folder)
    }

    /// Notes a machine that runs.
    ///
    /// # Errors
    /// When the note cannot be written.
    pub fn note(&self, machine: &DetachedMachine) -> Result<(), RegistryError> {
        let path = self.folder_of(&machine.name)?.join("machine.json");
        let write = || fs::write(&path, serde_json::to_vec_pretty(machine)?);
        write().map_err(|source| RegistryError::Io { path: path.clone(), source })
    }

    /// The machine of that name.
    ///
    /// # Errors
    /// When there is none.
    pub fn find(&self, name: &str) -> Result<DetachedMachine, RegistryError> {
        self.read(name)?.ok_or_else(|| RegistryError::Unknown { name: name.to_owned(), known: self.names() })
    }

    /// Switches a machine off and forgets it: by its power button, then, after `timeout`, by cutting its power.
    ///
    /// # Errors
    /// When there is none of that name, or what it left cannot be removed.
    pub fn stop(&self, name: &str, timeout: Duration) -> Result<Stopped, RegistryError> {
        let machine = self.find(name)?;
        let stopped = machine.stop(timeout);
        remove(&self.folder_of(name)?)?;
        Ok(stopped)
    }

    /// Forgets a machine that did not start.
    ///
    /// # Errors
    /// When its folder cannot be removed.
    pub fn forget(&self, name: &str) -> Result<(), RegistryError> {
        remove(&self.folder_of(name)?)
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    fn folder_of(&self, name: &str) -> Result<PathBuf, RegistryError> {
        let allowed = |character: char| character.is_ascii_alphanumeric() || "._-".contains(character);
        let fits = name.len() <= MAXIMUM_NAME
            && name.starts_with(|first: char| first.is_ascii_alphanumeric())
            && name.chars().all(allowed);
        if fits { Ok(self.folder.join(name)) } else { Err(RegistryError::Name(name.to_owned())) }
    }

    fn read(&self, name: &str) -> Result<Option<DetachedMachine>, RegistryError> {
        let path = self.folder_of(name)?.join("machine.json");
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(RegistryError::Io { path, source }),
        };
        serde_json::from_slice(&bytes).map(Some).map_err(|source| RegistryError::Io { path, source: source.into() })
    }
}

fn remove(folder: &Path) -> Result<(), RegistryError> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(RegistryError::Io { path: folder.to_owned(), source: error })
        }
        _ => Ok(()),
    }
}

impl DetachedMachine {
    /// Whether its QEMU is still there.
    #[must_use]
    pub fn is_running(&self) -> bool {
        process_start(self.process) == Some(self.process_start)
    }

    fn stop(&self, timeout: Duration) -> Stopped {
        if !self.is_running() {
            return Stopped::AlreadyOff;
        }
        let tell = |command| Qmp::connect(&self.directory).and_then(|mut qmp| qmp.execute(command, json!({})));
        let deadline = Instant::now() + timeout;
        while tell("system_powerdown").is_ok() {
            let left = deadline.saturating_duration_since(Instant::now());
            if self.ends_within(left.min(POWER_BUTTON_INTERVAL)) {
                return Stopped::Off;
            }
            if left.is_zero() {
                break;
            }
        }
        if tell("quit").is_ok() && self.ends_within(QUIT_TIMEOUT) {
            return Stopped::PowerCut;
        }
        if self.is_running()
            && let Some(pid) = i32::try_from(self.process).ok().and_then(Pid::from_raw)
        {
            let _ = kill_process(pid, Signal::KILL);
            self.ends_within(QUIT_TIMEOUT);
        }
        Stopped::PowerCut
    }

    fn ends_within(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while self.is_running() {
            if Instant::now() > deadline {
                return false;
            }
            thread::sleep(INTERVAL);
        }
        true
    }
}

/// When a process began, in clock ticks since the host's start; nothing when it is not there or only waits to be buried.
#[must_use]
pub fn process_start(process: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The second field is the program's name in parentheses, which may itself contain spaces and parentheses.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" || state == "X" { None } else { fields.nth(18)?.parse().ok() }
}

#[cfg(test)]
mod tests {
    use super::{DetachedMachine, Registry, RegistryError, Stopped, process_start};
    use std::time::Duration;

    #[test]
    fn a_name_cannot_leave_the_register() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::at(folder.path().join("machines"));
        for name in ["", "..", "../x", "a/b", ".hidden", "-x"] {
            assert!(matches!(registry.reserve(name), Err(RegistryError::Name(_))), "{name:?}");
        }
        registry.reserve("vm_1.2~3".replace('~', "-").as_str()).unwrap();
    }

    #[test]
    fn a_running_name_is_taken_and_a_stale_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let registry = Registry::at(folder.path().to_owned());
        let directory = registry.reserve("vm").unwrap();
        let us = std::process::id();
        let mut machine = DetachedMachine {
            name: "vm".into(),
            image: "/image".into(),
            directory,
            kept: false,
            port: 1,
            process: us,
            process_start: process_start(us).unwrap(),
        };
        registry.note(&machine).unwrap();
        assert_eq!(registry.find("vm").unwrap(), machine);
        assert!(matches!(registry.reserve("vm"), Err(RegistryError::Taken(_))));
        machine.process_start += 1;
        registry.note(&machine).unwrap();
        assert_eq!(registry.stop("vm", Duration::ZERO).unwrap(), Stopped::AlreadyOff);
        let error = registry.find("vm").unwrap_err();
        assert_eq!(error.to_string(), "no machine is named \"vm\"; none is running");
    }
}

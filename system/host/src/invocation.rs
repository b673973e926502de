//! One run of a program: what to run, how, and what came of it.

use crate::cancel::Cancel;
use crate::program::Program;
use crate::running::{RunningProgram, StandardInput};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

/// Most bytes of each output stream kept for an error message; the end is what tells.
pub const KEPT_OUTPUT: usize = 64 * 1024;

/// What to run and how. The child gets nothing on standard input unless told otherwise, and the locale `C.UTF-8`.
#[derive(Debug)]
pub struct Invocation {
    program: Program,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    clear_environment: bool,
    directory: Option<PathBuf>,
    input: StandardInput,
    output: Option<File>,
    ends_with_thread: bool,
}

/// What a successful run printed.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Standard output; empty when it went to a file.
    pub stdout: Vec<u8>,
    /// Standard error, at most the last [`KEPT_OUTPUT`] bytes.
    pub stderr: Vec<u8>,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The program is not installed.
    #[error("{command} is not installed; on Debian: apt-get install {package}")]
    NotInstalled {
        /// What was to be started.
        command: &'static str,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// The kernel would not start it.
    #[error("{command} could not be started")]
    NotStarted {
        /// The rendered command.
        command: String,
        /// Why not.
        source: io::Error,
    },
    /// It ran and said no.
    #[error("{command}\n{}", failure_text(.status, .stdout, .stderr))]
    Failed {
        /// The rendered command.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of its standard output.
        stdout: String,
        /// The end of its standard error.
        stderr: String,
    },
    /// It was ended because the work was cancelled.
    #[error("{command} was stopped because the work was cancelled")]
    Cancelled {
        /// The rendered command.
        command: String,
    },
    /// Talking to it failed.
    #[error("reading from or writing to {command} failed")]
    Io {
        /// The rendered command.
        command: String,
        /// What went wrong.
        source: io::Error,
    },
}

fn failure_text(status: &ExitStatus, stdout: &str, stderr: &str) -> String {
    let mut text = format!("ended with {status}");
    for (name, stream) in [("standard error", stderr), ("standard output", stdout)] {
        let stream = stream.trim_end();
        if !stream.is_empty() {
            text.push_str(&format!("\n{name}:\n{stream}"));
        }
    }
    text
}

impl Invocation {
    /// A run of `program` without arguments.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self {
            program,
            arguments: Vec::new(),
            environment: vec![("LC_ALL".into(), "C.UTF-8".into())],
            clear_environment: false,
            directory: None,
            input: StandardInput::Nothing,
            output: None,
            ends_with_thread: false,
        }
    }

    /// Appends an argument. Secrets never go here: everybody on the machine can read a command line.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Appends several arguments.
    #[must_use]
    pub fn arguments(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Starts from an empty environment instead of the caller's, but for a fixed `PATH`.
    #[must_use]
    pub fn clear_environment(mut self) -> Self {
        self.clear_environment = true;
        self
    }

    /// Runs in a directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Feeds standard input.
    #[must_use]
    pub fn input(mut self, input: StandardInput) -> Self {
        self.input = input;
        self
    }

    /// Sends standard output to a file instead of memory.
    #[must_use]
    pub fn output_to(mut self, file: File) -> Self {
        self.output = Some(file);
        self
    }

    /// Has the kernel end the program (SIGKILL) when the *thread* that starts it ends, even if our process is killed.
    ///
    /// The kernel watches the thread (`PR_SET_PDEATHSIG`), so start it from one that lives as long as the program should.
    #[must_use]
    pub fn ends_with_thread(mut self) -> Self {
        self.ends_with_thread = true;
        self
    }

    /// The command as a person would type it.
    #[must_use]
    pub fn rendered(&self) -> String {
        let mut text = self.program.command().to_owned();
        for argument in &self.arguments {
            text.push(' ');
            text.push_str(&quoted(&argument.to_string_lossy()));
        }
        text
    }

    /// Runs to the end and gives what it printed.
    ///
    /// # Errors
    /// When the program is missing, cannot be started, fails, or `cancel` is set meanwhile.
    pub fn run(self, cancel: &Cancel) -> Result<Output, HostError> {
        self.start()?.wait(cancel)
    }

    /// Starts the program and leaves it running.
    ///
    /// # Errors
    /// When the program is missing or cannot be started.
    pub fn start(self) -> Result<RunningProgram, HostError> {
        let rendered = self.rendered();
        if self.ends_with_thread && self.program.installed_at().is_none() {
            // The wrapper would start and then say so only by its exit status.
            return Err(HostError::NotInstalled {
                command: self.program.command(),
                package: self.program.debian_package(),
            });
        }
        let mut command = self.command();
        let output_elsewhere = self.output.is_some();
        command.stdin(match &self.input {
            StandardInput::Nothing => Stdio::null(),
            StandardInput::Bytes(_) => Stdio::piped(),
            StandardInput::File(file) => {
                Stdio::from(file.try_clone().map_err(|source| HostError::Io { command: rendered.clone(), source })?)
            }
        });
        command.stdout(self.output.map_or_else(Stdio::piped, Stdio::from));
        command.stderr(Stdio::piped());
        command.process_group(0);
        let child = command.spawn().map_err(|source| match source.kind() {
            io::ErrorKind::NotFound if self.directory.as_deref().is_none_or(Path::is_dir) => {
                HostError::NotInstalled { command: self.program.command(), package: self.program.debian_package() }
            }
            _ => HostError::NotStarted { command: rendered.clone(), source },
        })?;
        Ok(RunningProgram::new(rendered, child, self.input, output_elsewhere))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the one place that runs programs")]
    fn command(&self) -> Command {
        let mut command = if self.ends_with_thread {
            let mut command = Command::new(Program::Setpriv.command());
            command.args(["--pdeathsig", "KILL", "--", self.program.command()]);
            command
        } else {
            Command::new(self.program.command())
        };
        if self.clear_environment {
            command.env_clear();
            command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        }
        command.args(&self.arguments);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }
}

fn quoted(argument: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "-_./=:,+@%".contains(character);
    if !argument.is_empty() && argument.chars().all(plain) {
        argument.to_owned()
    } else {
        format!("'{}'", argument.replace('\'', "'\\''"))
    }
}

//! A program while it runs.

use crate::cancel::Cancel;
use crate::invocation::{HostError, KEPT_OUTPUT, Output};
use rustix::process::{Pid, Signal, kill_process_group};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// How often a waiting caller looks at the cancel flag.
const CANCEL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a program may take to end after SIGTERM before it is killed.
const TERMINATION_GRACE: Duration = Duration::from_secs(5);
/// Most bytes of standard output kept in memory for the caller.
const MAXIMUM_STDOUT: usize = 256 * 1024 * 1024;

/// What a program reads.
#[derive(Debug, Default)]
pub enum StandardInput {
    /// End of file at once.
    #[default]
    Nothing,
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file from its current position.
    File(File),
}

/// A started program. Dropping it ends the program and everything it started in its process group.
#[derive(Debug)]
pub struct RunningProgram {
    command: String,
    child: Child,
    ended: Option<ExitStatus>,
    stdout: Option<JoinHandle<io::Result<Vec<u8>>>>,
    stderr: Option<JoinHandle<io::Result<Vec<u8>>>>,
    streams_closed: Receiver<()>,
}

impl RunningProgram {
    pub(crate) fn new(command: String, mut child: Child, input: StandardInput, output_elsewhere: bool) -> Self {
        if let (StandardInput::Bytes(bytes), Some(mut stdin)) = (input, child.stdin.take()) {
            // A program that stops reading early tells so by its exit status, not by our broken pipe.
            thread::spawn(move || stdin.write_all(&bytes));
        }
        let (sender, streams_closed) = channel::<()>();
        let stdout = child.stdout.take().filter(|_| !output_elsewhere).map(|mut stream| {
            let sender = sender.clone();
            thread::spawn(move || {
                let result = read_bounded(&mut stream);
                drop(sender);
                result
            })
        });
        let stderr = child.stderr.take().map(|mut stream| {
            thread::spawn(move || {
                let result = read_tail(&mut stream);
                drop(sender);
                result
            })
        });
        Self { command, child, ended: None, stdout, stderr, streams_closed }
    }

    /// The process identifier, also that of its process group.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, and how.
    ///
    /// # Errors
    /// When the kernel does not answer.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>, HostError> {
        if self.ended.is_none() {
            self.ended = self.child.try_wait().map_err(|source| self.io_error(source))?;
        }
        Ok(self.ended)
    }

    /// Waits for the end, looking at `cancel` meanwhile.
    ///
    /// # Errors
    /// When it fails, or `cancel` is set: then the program has been ended.
    pub fn wait(mut self, cancel: &Cancel) -> Result<Output, HostError> {
        // The output streams close when the program (and whatever inherited them) ends: waiting on them costs no polling delay.
        while self.streams_closed.recv_timeout(CANCEL_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            if cancel.is_cancelled() {
                self.stop();
                return Err(HostError::Cancelled { command: self.command.clone() });
            }
            if self.ended()?.is_some() {
                // It left something behind that holds its streams open: nobody will wait for that.
                self.signal(Signal::KILL);
                break;
            }
        }
        loop {
            if self.ended()?.is_some() {
                break;
            }
            if cancel.is_cancelled() {
                self.stop();
                return Err(HostError::Cancelled { command: self.command.clone() });
            }
            thread::sleep(Duration::from_millis(1));
        }
        self.finish()
    }

    /// Asks the program to end (SIGTERM), waits a little, then ends it (SIGKILL), and everything in its process group.
    pub fn stop(&mut self) {
        self.signal(Signal::TERM);
        let deadline = Instant::now() + TERMINATION_GRACE;
        while Instant::now() < deadline {
            if !matches!(self.ended(), Ok(None)) {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }

    /// Ends the program and its process group at once (SIGKILL), as a power cut would.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        if self.ended.is_none() {
            self.ended = self.child.wait().ok();
        }
    }

    fn signal(&self, signal: Signal) {
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // The group may be gone already, which is what we want.
            let _ = kill_process_group(group, signal);
        }
    }

    fn finish(&mut self) -> Result<Output, HostError> {
        let stdout = self.collect(StreamName::Stdout)?;
        let stderr = self.collect(StreamName::Stderr)?;
        match self.ended {
            Some(status) if !status.success() => Err(HostError::Failed {
                command: self.command.clone(),
                status,
                stdout: tail_text(&stdout),
                stderr: tail_text(&stderr),
            }),
            _ => Ok(Output { stdout, stderr }),
        }
    }

    fn collect(&mut self, name: StreamName) -> Result<Vec<u8>, HostError> {
        let handle = match name {
            StreamName::Stdout => self.stdout.take(),
            StreamName::Stderr => self.stderr.take(),
        };
        let Some(handle) = handle else { return Ok(Vec::new()) };
        match handle.join() {
            Ok(result) => result.map_err(|source| self.io_error(source)),
            Err(_) => Err(self.io_error(io::Error::other("the reading thread panicked"))),
        }
    }

    fn io_error(&self, source: io::Error) -> HostError {
        HostError::Io { command: self.command.clone(), source }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        if matches!(self.ended(), Ok(None)) {
            self.stop();
        }
    }
}

#[derive(Clone, Copy)]
enum StreamName {
    Stdout,
    Stderr,
}

fn tail_text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(KEPT_OUTPUT)..]).into_owned()
}

fn read_bounded(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    stream.take(MAXIMUM_STDOUT as u64 + 1).read_to_end(&mut bytes)?;
    if bytes.len() > MAXIMUM_STDOUT {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it printed more than 256 MiB"));
    }
    Ok(bytes)
}

fn read_tail(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut tail = VecDeque::new();
    let mut buffer = [0; 8192];
    loop {
        let count = match stream.read(&mut buffer) {
            Ok(0) => return Ok(tail.into()),
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        tail.extend(&buffer[..count]);
        let excess = tail.len().saturating_sub(KEPT_OUTPUT);
        tail.drain(..excess);
    }
}

//! Waiting until a machine has come somewhere: its API answers, or its console says something.

use crate::boot_phase::{BootPhase, phase_begun_by};
use crate::console::{ConsoleReader, last_lines};
use crate::http::{self, Response};
use crate::machine::{Machine, MachineError};
use host::cancel::Cancel;
use std::io;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

/// Where a device says how it is.
pub const HEALTH_PATH: &str = "/api/v1/health";
/// How often the console and the API are looked at.
const INTERVAL: Duration = Duration::from_millis(100);
/// How long one question to the API may take; an emulated guest is slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Lines of the console that a failure shows.
const SHOWN_LINES: usize = 20;

/// What waiting reports on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A line on the console.
    ConsoleLine(String),
    /// The boot has come this far, this long after the start of the machine.
    Phase(BootPhase, Duration),
}

/// Why the machine did not come there.
#[derive(Debug, thiserror::Error)]
pub enum WaitError {
    /// It took too long.
    #[error("no {what} within {} s; console log: {}\n{}", .after.as_secs(), .console_log.display(), .last_lines.join("\n"))]
    TooLate {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// Where the console log is.
        console_log: PathBuf,
        /// Its end.
        last_lines: Vec<String>,
    },
    /// The machine ended before.
    #[error("no {what}, and the machine has ended; console log: {}\n{}", .console_log.display(), .last_lines.join("\n"))]
    Ended {
        /// What was waited for.
        what: String,
        /// Where the console log is.
        console_log: PathBuf,
        /// Its end.
        last_lines: Vec<String>,
    },
    /// The wait was cancelled.
    #[error("waiting for the machine was cancelled")]
    Cancelled,
    /// The console log could not be read.
    #[error("the console log {console_log} could not be read")]
    Console {
        /// Which.
        console_log: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// QEMU failed.
    #[error(transparent)]
    Machine(#[from] MachineError),
}

impl Machine {
    /// Waits until a GET of `path` on the forwarded port succeeds (2xx), and gives how long after the machine's start that was.
    ///
    /// # Errors
    /// When that does not happen within `timeout`, the machine ends, or `cancel` is set.
    pub fn wait_for_api(
        &mut self,
        path: &str,
        timeout: Duration,
        cancel: &Cancel,
        report: impl FnMut(Progress),
    ) -> Result<Duration, WaitError> {
        let port = self.port();
        let answers = || {
            let answer = http::get(port, path, ANSWER_TIMEOUT);
            matches!(answer, Ok(Response { status: 200..300, .. }))
        };
        self.wait(&format!("answer from http://127.0.0.1:{port}{path}"), timeout, cancel, report, |_, _| answers())?;
        Ok(self.started().elapsed())
    }

    /// Waits until a line of the console contains `text`, and gives that line. The console is searched from its beginning.
    ///
    /// # Errors
    /// When that does not happen within `timeout`, the machine ends, or `cancel` is set.
    pub fn wait_for_console(&mut self, text: &str, timeout: Duration, cancel: &Cancel) -> Result<String, WaitError> {
        let mut found = None;
        let what = format!("console line with {text:?}");
        self.wait(
            &what,
            timeout,
            cancel,
            |_| {},
            |lines, unfinished| {
                found = lines
                    .iter()
                    .map(String::as_str)
                    .chain([unfinished])
                    .find(|line| line.contains(text))
                    .map(str::to_owned);
                found.is_some()
            },
        )?;
        Ok(found.unwrap_or_default())
    }

    fn wait(
        &mut self,
        what: &str,
        timeout: Duration,
        cancel: &Cancel,
        mut report: impl FnMut(Progress),
        mut done: impl FnMut(&[String], &str) -> bool,
    ) -> Result<(), WaitError> {
        let console_log = self.console_log().to_owned();
        let console_error = |source| WaitError::Console { console_log: console_log.clone(), source };
        let mut console = ConsoleReader::open(&console_log, self.console_start()).map_err(console_error)?;
        let mut phase = None;
        let deadline = Instant::now() + timeout;
        loop {
            // Asked before the console is read: the last words of a machine that ends are read, too.
            let ended = self.has_ended()?;
            let lines = console.new_lines().map_err(console_error)?;
            for line in &lines {
                if let Some(begun) = phase_begun_by(line).filter(|begun| Some(*begun) > phase) {
                    phase = Some(begun);
                    report(Progress::Phase(begun, self.started().elapsed()));
                }
                report(Progress::ConsoleLine(line.clone()));
            }
            if done(&lines, &console.unfinished_line()) {
                return Ok(());
            }
            let (what, last_lines) = (what.to_owned(), last_lines(&console_log, SHOWN_LINES));
            if ended {
                return Err(WaitError::Ended { what, console_log, last_lines });
            }
            if cancel.is_cancelled() {
                return Err(WaitError::Cancelled);
            }
            if Instant::now() > deadline {
                return Err(WaitError::TooLate { what, after: timeout, console_log, last_lines });
            }
            thread::sleep(INTERVAL);
        }
    }
}

//! The guest's serial console on the operator's terminal.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{OptionalActions, Termios, isatty, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Ctrl-], as telnet has it: leaves the console.
const ESCAPE: u8 = 0x1d;
/// How often the console looks whether it should end, in nanoseconds.
const INTERVAL: i64 = 100_000_000;

/// Why the console ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleEnd {
    /// The operator pressed Ctrl-].
    Left,
    /// The machine ended.
    MachineEnded,
    /// `should_end` said so.
    Asked,
}

/// Gives the terminal back as it was.
struct RawTerminal {
    terminal: File,
    before: Termios,
}

impl RawTerminal {
    fn enter(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&terminal, OptionalActions::Now, &raw)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for RawTerminal {
    fn drop(&mut self) {
        // Nobody is left to tell.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}

/// Connects the console with standard input and output until Ctrl-], the machine's end, or `should_end`.
/// In raw mode every key goes to the guest, Ctrl-C too. Without a terminal on standard input the guest's output is shown and nothing is sent.
///
/// # Errors
/// When the terminal or the console fails.
pub fn attach(mut console: UnixStream, mut should_end: impl FnMut() -> bool) -> io::Result<ConsoleEnd> {
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut output = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    let interactive = isatty(&input);
    let _raw = if interactive { Some(RawTerminal::enter(input.try_clone()?)?) } else { None };
    let mut buffer = [0; 4096];
    let interval = Timespec { tv_sec: 0, tv_nsec: INTERVAL };
    while !should_end() {
        let mut ready = vec![PollFd::new(&console, PollFlags::IN)];
        if interactive {
            ready.push(PollFd::new(&input, PollFlags::IN));
        }
        match poll(&mut ready, Some(&interval)) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other?,
        };
        let has = |index: usize| ready.get(index).is_some_and(|entry| !entry.revents().is_empty());
        let (from_guest, from_operator) = (has(0), has(1));
        if from_guest {
            let count = console.read(&mut buffer)?;
            if count == 0 {
                return Ok(ConsoleEnd::MachineEnded);
            }
            output.write_all(&buffer[..count])?;
        }
        if from_operator {
            let count = input.read(&mut buffer)?;
            let typed = &buffer[..count];
            if count == 0 || typed.contains(&ESCAPE) {
                return Ok(ConsoleEnd::Left);
            }
            console.write_all(typed)?;
        }
    }
    Ok(ConsoleEnd::Asked)
}

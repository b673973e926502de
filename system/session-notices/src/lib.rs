//! Tells logged-in people something, on their terminals, as wall(1) does.
//!
//! A terminal is the one that systemd-logind knows for a session, and every pseudo-terminal that belongs to a user with a session: logind knows none for people
//! who came over the network.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use device_facts::activity::Session;
use rustix::fs::{Mode, OFlags};

/// Most terminals that are written to.
const MOST: usize = 256;

/// Writes a text to the terminals of these sessions, below `devices` (`/dev`); gives those that it was written to. Nobody is waited for: whoever has stopped their
/// terminal misses it.
#[must_use]
pub fn tell(devices: &Path, sessions: &[Session], text: &str) -> Vec<PathBuf> {
    let mut reached = terminals(devices, sessions);
    let shown = shown(text);
    reached.retain(|terminal| write(terminal, &shown).is_ok());
    reached
}

fn terminals(devices: &Path, sessions: &[Session]) -> Vec<PathBuf> {
    let known = sessions.iter().filter_map(|session| session.terminal.as_deref()).filter(|name| is_terminal_name(name));
    let mut found: BTreeSet<PathBuf> = known.map(|name| devices.join(name)).collect();
    let listing = fs::read_dir(devices.join("pts")).into_iter().flatten().flatten();
    let owned = listing.filter(|entry| {
        let number = entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let owner = entry.metadata().map(|metadata| metadata.uid());
        number && owner.is_ok_and(|owner| sessions.iter().any(|session| session.user_id == Some(owner)))
    });
    found.extend(owned.map(|entry| entry.path()));
    found.into_iter().take(MOST).collect()
}

/// `tty1`, `ttyS0`, `pts/3`: no way out of the directory.
fn is_terminal_name(name: &str) -> bool {
    let plain = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric());
    name.strip_prefix("pts/").map_or_else(|| plain(name), plain)
}

fn write(terminal: &Path, text: &str) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let mut terminal = File::from(rustix::fs::open(terminal, flags, Mode::empty())?);
    if !terminal.metadata()?.file_type().is_char_device() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    terminal.write_all(text.as_bytes())
}

/// On a line of its own, whatever is being typed; nothing in it can move the cursor.
fn shown(text: &str) -> String {
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    format!("\x07\r\n{plain}\r\n\r\n")
}

#[cfg(test)]
mod tests {
    use super::{is_terminal_name, tell};
    use device_facts::activity::Session;
    use std::fs;
    use std::path::Path;
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    /// Runs `script`, which makes a terminal and keeps what is shown on it, and gives the name of the terminal.
    fn terminal(directory: &Path) -> (std::process::Child, String) {
        #[expect(clippy::disallowed_methods, reason = "a tool of the tests, which the product does not run")]
        let mut script = Command::new("script");
        script.args(["--quiet", "--flush", "--command", "tty > name.part && mv name.part name && sleep 60", "shown"]);
        let child = script.current_dir(directory).stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let child = child.expect("script (Debian package bsdutils) can be started");
        let deadline = Instant::now() + Duration::from_secs(30);
        while !directory.join("name").exists() {
            assert!(Instant::now() < deadline, "script made no terminal");
            std::thread::yield_now();
        }
        (child, fs::read_to_string(directory.join("name")).unwrap().trim().to_owned())
    }

    fn reads(directory: &Path, text: &str) -> bool {
        let deadline = Instant::now() + Duration::from_secs(30);
        while Instant::now() < deadline {
            if fs::read(directory.join("shown")).is_ok_and(|shown| String::from_utf8_lossy(&shown).contains(text)) {
                return true;
            }
            std::thread::yield_now();
        }
        false
    }

    #[test]
    fn what_is_told_is_read_on_the_terminal_of_a_session() {
        let directory = tempfile::tempdir().unwrap();
        let (mut script, terminal) = terminal(directory.path());
        let name = terminal.strip_prefix("/dev/").unwrap().to_owned();
        let owner = rustix::process::getuid().as_raw();
        let session = |terminal: Option<&str>, user_id| Session {
            user: "alice".to_owned(),
            user_id,
            terminal: terminal.map(str::to_owned),
        };
        let told = tell("/dev".as_ref(), &[session(Some(&name), None)], "This device restarts\x1b[2J soon.");
        assert_eq!(told, [Path::new(&terminal)]);
        assert!(reads(directory.path(), "This device restarts [2J soon."));
        // Who came over the network has a terminal that only its owner tells.
        let told = tell("/dev".as_ref(), &[session(None, Some(owner))], "The second notice.");
        assert!(told.contains(&Path::new(&terminal).to_owned()), "{told:?}");
        assert!(reads(directory.path(), "The second notice."));
        assert!(tell("/dev".as_ref(), &[session(None, Some(owner ^ 0x4000_0000))], "Nobody's.").is_empty());
        script.kill().unwrap();
        script.wait().unwrap();
    }

    #[test]
    fn only_terminals_are_written_to() {
        for good in ["tty1", "ttyS0", "pts/3", "hvc0"] {
            assert!(is_terminal_name(good), "{good}");
        }
        for bad in ["", "pts/", "../etc/passwd", "pts/../../x", "a/b", "pts/1/2", "/dev/tty1"] {
            assert!(!is_terminal_name(bad), "{bad}");
        }
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("tty1"), "a file").unwrap();
        let session = Session { user: "alice".to_owned(), user_id: None, terminal: Some("tty1".to_owned()) };
        assert!(tell(directory.path(), &[session], "no").is_empty());
        assert_eq!(fs::read_to_string(directory.path().join("tty1")).unwrap(), "a file");
    }
}

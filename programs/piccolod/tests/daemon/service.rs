//! The daemon as systemd sees it: ready, alive, stopping, and its exit status.

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use crate::support::{DEADLINE, Daemon, repository};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

/// Where systemd would listen.
struct Manager {
    socket: UnixDatagram,
    directory: tempfile::TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        Self { socket, directory }
    }

    fn start(&self, arguments: &[&str], watchdog: Option<Duration>) -> Daemon {
        let path = self.directory.path().join("notify");
        let usec = watchdog.map(|patience| patience.as_micros().to_string());
        let mut environment = vec![("NOTIFY_SOCKET", path.to_str().unwrap())];
        environment.extend(usec.as_deref().map(|usec| ("WATCHDOG_USEC", usec)));
        Daemon::start(arguments, &environment)
    }

    /// The next message, or `None` when there was silence for `patience`.
    fn message(&self, patience: Duration) -> Option<String> {
        self.socket.set_read_timeout(Some(patience)).unwrap();
        let mut buffer = [0; 4096];
        let length = self.socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// Reads messages until one has this line.
    fn wait_for(&self, line: &str) -> String {
        let start = Instant::now();
        while start.elapsed() < DEADLINE {
            if let Some(message) = self.message(DEADLINE).filter(|message| message.lines().any(|other| other == line)) {
                return message;
            }
        }
        panic!("systemd was never told {line}");
    }
}

const HERE: &[&str] = &["--listen", "127.0.0.1:0"];

#[test]
fn systemd_is_told_when_requests_are_answered_and_when_they_no_longer_are() {
    let manager = Manager::new();
    let mut daemon = manager.start(HERE, None);
    let ready = manager.message(DEADLINE).unwrap();
    assert_eq!(ready, format!("READY=1\nSTATUS=Answering on http://{}/\n", daemon.address));
    assert_eq!(daemon.get("/api/v1/health").status(), 200);
    daemon.signal(Signal::TERM);
    manager.wait_for("STOPPING=1");
    assert_eq!(daemon.wait(), (Default::default(), String::new()), "it ends with success and says nothing more");
}

#[test]
fn the_watchdog_is_fed_in_time() {
    let manager = Manager::new();
    let patience = Duration::from_millis(1500);
    let _daemon = manager.start(HERE, Some(patience));
    manager.wait_for("WATCHDOG=1");
    for _ in 0..4 {
        let start = Instant::now();
        manager.wait_for("WATCHDOG=1");
        assert!(start.elapsed() < patience, "systemd would have restarted the daemon");
    }
}

#[test]
fn without_a_watchdog_nobody_is_fed() {
    let manager = Manager::new();
    let daemon = manager.start(HERE, None);
    manager.wait_for("READY=1");
    assert_eq!(daemon.get("/").status(), 200);
    daemon.signal(Signal::TERM);
    assert!(manager.message(DEADLINE).unwrap().starts_with("STOPPING=1"), "the message after READY=1");
}

#[test]
fn a_daemon_that_hangs_reading_facts_answers_requests_and_lets_the_watchdog_starve() {
    let manager = Manager::new();
    let tree = tempfile::tempdir().unwrap();
    let proc = tree.path().join("proc");
    std::fs::create_dir(&proc).unwrap();
    std::fs::copy(
        repository().join("system/device-facts/tests/trees/piccolo-as-designed/proc/loadavg"),
        proc.join("loadavg"),
    )
    .unwrap();
    let patience = Duration::from_secs(2);
    let mut daemon =
        manager.start(&["--listen", "127.0.0.1:0", "--facts-from", tree.path().to_str().unwrap()], Some(patience));
    manager.wait_for("WATCHDOG=1");
    // Opening a pipe that nobody writes to hangs like a file of a wedged disk.
    mknodat(CWD, proc.join("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    std::fs::rename(proc.join("pipe"), proc.join("loadavg")).unwrap();
    while manager.message(patience).is_some() {}
    assert_eq!(daemon.get("/api/v1/system").status(), 200);
    daemon.signal(Signal::TERM);
    assert!(daemon.wait().0.success(), "what hangs does not keep the daemon from stopping");
}

#[test]
fn a_port_that_is_taken_is_a_failure_that_says_which() {
    let first = Daemon::here();
    let output = run(&["--listen", &first.address.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.contains(&format!("cannot listen on {}: is another program using it", first.address)), "{message}");
}

#[test]
fn nonsense_on_the_command_line_is_explained() {
    let output = run(&["--listen", "here"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("--listen <ADDRESS:PORT>"));
    insta::assert_snapshot!("help", String::from_utf8(run(&["--help"]).stdout).unwrap());
}

#[test]
fn one_socket_answers_ipv6_and_ipv4() {
    let daemon = Daemon::start(&["--listen", "[::]:0"], &[]);
    for host in ["127.0.0.1", "[::1]"] {
        let mut stream = std::net::TcpStream::connect(format!("{host}:{}", daemon.address.port())).unwrap();
        std::io::Write::write_all(&mut stream, b"GET /api/v1/health HTTP/1.0\r\n\r\n").unwrap();
        assert_eq!(crate::support::Response::read(&mut stream).status(), 200, "{host}");
    }
}

#[test]
fn a_journal_that_is_promised_and_not_there_does_not_swallow_messages() {
    let first = Daemon::here();
    let output = start(&["--listen", &first.address.to_string()], &[("JOURNAL_STREAM", "8:12345")]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("cannot listen on"));
}

fn run(arguments: &[&str]) -> std::process::Output {
    start(arguments, &[])
}

#[expect(clippy::disallowed_methods, reason = "the daemon under test is not a program the product runs")]
fn start(arguments: &[&str], environment: &[(&str, &str)]) -> std::process::Output {
    std::process::Command::new(env!("CARGO_BIN_EXE_piccolod"))
        .args(arguments)
        .env_clear()
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

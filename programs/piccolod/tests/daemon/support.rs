//! Starts the daemon and speaks HTTP to it, byte by byte, so that tests can also speak it wrongly.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdout, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Longer than anything here takes on a busy machine, shorter than anybody's patience.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// A running daemon; it ends with the value.
pub struct Daemon {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub address: SocketAddr,
}

/// A response as it came.
pub struct Response {
    pub head: String,
    pub body: String,
}

impl Daemon {
    /// A daemon over the facts of one of the recorded trees.
    pub fn over_tree(name: &str) -> Self {
        let tree = repository().join("system/device-facts/tests/trees").join(name);
        assert!(tree.is_dir(), "{} is gone", tree.display());
        Self::start(&["--listen", "127.0.0.1:0", "--facts-from", tree.to_str().unwrap()], &[])
    }

    /// A daemon over this machine.
    pub fn here() -> Self {
        Self::start(&["--listen", "127.0.0.1:0"], &[])
    }

    #[expect(clippy::disallowed_methods, reason = "the daemon under test is not a program the product runs")]
    pub fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_piccolod"))
            .args(arguments)
            .env_clear()
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let address =
            line.strip_prefix("piccolod answers on http://").and_then(|rest| rest.trim_end().strip_suffix('/'));
        let address = address.unwrap_or_else(|| panic!("the daemon said {line:?}")).parse().unwrap();
        Self { child, stdout, address }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// A connection whose reads end at the deadline.
    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        stream
    }

    /// Sends these bytes and reads until the daemon closes the connection.
    pub fn send(&self, request: &[u8]) -> Response {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        Response::read(&mut stream)
    }

    pub fn request(&self, method: &str, path: &str, fields: &str) -> Response {
        self.send(format!("{method} {path} HTTP/1.1\r\nHost: device\r\nConnection: close\r\n{fields}\r\n").as_bytes())
    }

    pub fn get(&self, path: &str) -> Response {
        self.request("GET", path, "")
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let id = rustix::process::Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        rustix::process::kill_process(id, signal).unwrap();
    }

    /// Waits for the daemon to end by itself; everything it wrote to standard output after its address comes back too.
    pub fn wait(&mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        let status = poll(|| self.child.try_wait().unwrap(), "the daemon to end");
        self.stdout.read_to_string(&mut rest).unwrap();
        (status, rest)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Response {
    /// Reads a whole response from a connection that the daemon closes after it.
    pub fn read(stream: &mut impl Read) -> Self {
        let mut bytes = Vec::new();
        if let Err(error) = stream.read_to_end(&mut bytes) {
            // A connection that is closed while the client still sends is reset, which loses nothing that arrived before.
            assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "{error}");
        }
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no response: {text:?}"));
        Self { head: head.into(), body: body.into() }
    }

    pub fn status(&self) -> u16 {
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }

    pub fn field(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(field, _)| *field == name)
            .map(|(_, value)| value)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    /// The whole response as text, with what differs from run to run left out.
    pub fn stable(&self) -> String {
        let head: Vec<&str> =
            self.head.lines().map(|line| if line.starts_with("date: ") { "date: (now)" } else { line }).collect();
        format!("{}\n\n{}", head.join("\n"), self.body)
    }
}

/// Asks again and again until there is an answer.
pub fn poll<T>(mut question: impl FnMut() -> Option<T>, what: &str) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = question() {
            return answer;
        }
        assert!(start.elapsed() < DEADLINE, "waited {DEADLINE:?} for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The top of the repository.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

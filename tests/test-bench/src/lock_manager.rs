//! A lock manager of the FleetLock protocol: a counting semaphore for each group with recursive locks that are owned, as the protocol's
//! documentation describes it, and ways not to behave like one. It shares no code with the client.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::Value;

/// How the manager answers.
#[derive(Debug, Clone, Copy)]
pub enum Answer {
    /// As the protocol wants it.
    ByTheRules,
    /// By the rules, but the connection is cut before the answer.
    Lost,
    /// Never.
    Nothing,
    /// With the beginning of an answer's head.
    HalfAHead,
    /// A refusal whose reason comes a byte at a time.
    Trickle,
    /// A refusal whose reason has no end.
    Endless,
    /// With these bytes.
    Raw(&'static [u8]),
}

/// A lock manager on loopback.
#[derive(Debug)]
pub struct LockManager {
    address: SocketAddr,
    scheme: &'static str,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    places: usize,
    held: BTreeMap<String, BTreeSet<String>>,
    answer: Answer,
    sent: usize,
}

/// A certificate that vouches for itself, and its key.
#[derive(Debug)]
pub struct Tls {
    /// In PEM.
    pub certificate: Vec<u8>,
    key: Vec<u8>,
}

trait Connection: Read + Write + Send {}
impl<T: Read + Write + Send> Connection for T {}

impl LockManager {
    /// One that answers by plain HTTP and has this many places in each group.
    #[must_use]
    pub fn start(places: usize) -> Self {
        Self::listen(places, "http", |stream| Box::new(stream))
    }

    /// The same behind TLS.
    #[must_use]
    pub fn start_with_tls(places: usize, tls: &Tls) -> Self {
        let certificate = CertificateDer::from_pem_slice(&tls.certificate).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&tls.key).unwrap();
        let config = ServerConfig::builder().with_no_client_auth().with_single_cert(vec![certificate], key).unwrap();
        let config = Arc::new(config);
        Self::listen(places, "https", move |stream| {
            Box::new(StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), stream))
        })
    }

    fn listen(
        places: usize,
        scheme: &'static str,
        wrap: impl Fn(TcpStream) -> Box<dyn Connection> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { places, held: BTreeMap::new(), answer: Answer::ByTheRules, sent: 0 }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                // Whoever drops the manager has gone.
                if Arc::strong_count(&shared) == 1 {
                    return;
                }
                let (connection, shared) = (wrap(stream), Arc::clone(&shared));
                thread::spawn(move || serve(connection, &shared));
            }
        });
        Self { address, scheme, state }
    }

    /// Its port on loopback.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Has another device hold a place of a group.
    pub fn give(&self, group: &str, id: &str) {
        self.state.lock().unwrap().held.entry(group.to_owned()).or_default().insert(id.to_owned());
    }

    /// Has another device give its place back.
    pub fn take_back(&self, group: &str, id: &str) {
        self.state.lock().unwrap().held.entry(group.to_owned()).or_default().remove(id);
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// From now on it answers like this.
    pub fn answers(&self, answer: Answer) {
        self.state.lock().unwrap().answer = answer;
    }

    /// Who holds the places of a group.
    #[must_use]
    pub fn holders(&self, group: &str) -> Vec<String> {
        self.state.lock().unwrap().held.get(group).into_iter().flatten().cloned().collect()
    }

    /// Bytes of an endless answer that were sent.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.state.lock().unwrap().sent
    }
}

impl Drop for LockManager {
    fn drop(&mut self) {
        // The thread that accepts looks whether anybody is left when somebody comes.
        self.state = Arc::new(Mutex::new(State { places: 0, held: BTreeMap::new(), answer: Answer::Nothing, sent: 0 }));
        let _woken = TcpStream::connect(self.address);
    }
}

/// One request, one answer.
fn serve(connection: Box<dyn Connection>, state: &Mutex<State>) {
    let mut connection = BufReader::new(connection);
    let Some((head, body)) = read_request(&mut connection) else { return };
    let answer = state.lock().unwrap().answer;
    let mut out = connection.into_inner();
    // Whoever was told enough may have gone.
    let _gone: std::io::Result<()> = (|| match answer {
        Answer::ByTheRules => out.write_all(&by_the_rules(&head, &body, state)).and_then(|()| out.flush()),
        Answer::Lost => {
            by_the_rules(&head, &body, state);
            Ok(())
        }
        Answer::Nothing => wait_until_gone(&mut out),
        Answer::HalfAHead => {
            out.write_all(b"HTTP/1.1 200 OK\r\ncontent-le")?;
            wait_until_gone(&mut out)
        }
        Answer::Trickle => {
            out.write_all(b"HTTP/1.1 500 Slow\r\ncontent-length: 100000\r\n\r\n")?;
            loop {
                out.write_all(b" ")?;
                thread::sleep(Duration::from_millis(20));
            }
        }
        Answer::Endless => {
            out.write_all(b"HTTP/1.1 500 Endless\r\n\r\n")?;
            loop {
                out.write_all(&[b'x'; 4096])?;
                state.lock().unwrap().sent += 4096;
            }
        }
        Answer::Raw(bytes) => out.write_all(bytes),
    })();
}

/// Reading ends when the other side closes.
fn wait_until_gone(connection: &mut impl Read) -> std::io::Result<()> {
    let mut byte = [0];
    while connection.read(&mut byte)? > 0 {}
    Ok(())
}

fn read_request(connection: &mut impl BufRead) -> Option<(Vec<String>, Vec<u8>)> {
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).ok().filter(|count| *count > 0)?;
        match line.trim_end() {
            "" => break,
            line => head.push(line.to_owned()),
        }
    }
    let length = header(&head, "content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    connection.read_exact(&mut body).ok()?;
    Some((head, body))
}

fn header(head: &[String], name: &str) -> Option<String> {
    let named = head.iter().filter_map(|line| line.split_once(':'));
    let mut value =
        named.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned());
    value.next_back()
}

/// The rules, as published.
fn by_the_rules(head: &[String], body: &[u8], state: &Mutex<State>) -> Vec<u8> {
    let no = |status: &str, kind: &str, value: &str| {
        let body = serde_json::json!({ "kind": kind, "value": value }).to_string();
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    if header(head, "fleet-lock-protocol").as_deref() != Some("true") {
        return no("400 Bad Request", "invalid_headers", "the header of the protocol is missing");
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let text = |name: &str| request["client_params"][name].as_str().filter(|text| !text.is_empty()).map(str::to_owned);
    let (Some(group), Some(id)) = (text("group"), text("id")) else {
        return no("400 Bad Request", "invalid_body", "no id or group");
    };
    if !group.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte)) {
        return no("400 Bad Request", "invalid_group", "no group");
    }
    let mut state = state.lock().unwrap();
    let places = state.places;
    let holders = state.held.entry(group.clone()).or_default();
    match head.first().map(String::as_str) {
        Some("POST /v1/pre-reboot HTTP/1.1") if holders.contains(&id) || holders.len() < places => {
            holders.insert(id);
        }
        Some("POST /v1/pre-reboot HTTP/1.1") => {
            return no("409 Conflict", "failed_lock_semaphore_full", &format!("all slots of {group} are taken"));
        }
        Some("POST /v1/steady-state HTTP/1.1") => {
            holders.remove(&id);
        }
        _ => return no("404 Not Found", "unknown_path", "not part of the protocol"),
    }
    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec()
}

impl Tls {
    /// For the address of loopback, by `openssl`.
    #[must_use]
    pub fn make() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let arguments = [
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=lock manager",
            "-addext",
            "subjectAltName=IP:127.0.0.1",
            "-addext",
            "basicConstraints=critical,CA:FALSE",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
        ];
        #[expect(clippy::disallowed_methods, reason = "a tool of the tests, which the product does not run")]
        let output = Command::new("openssl").args(arguments).current_dir(directory.path()).output();
        let output = output.expect("openssl (Debian package openssl) can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let read = |name: &str| std::fs::read(directory.path().join(name)).unwrap();
        Self { certificate: read("certificate.pem"), key: read("key.pem") }
    }
}

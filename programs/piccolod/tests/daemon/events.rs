//! The event stream.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;

use crate::support::{Daemon, Response};
use rustix::process::Signal;

/// One event of a stream.
#[derive(Debug, PartialEq)]
struct Event {
    name: String,
    id: String,
    data: serde_json::Value,
}

struct Stream(BufReader<TcpStream>);

impl Stream {
    fn open(daemon: &Daemon, fields: &str) -> Self {
        let mut stream = daemon.connect();
        let request =
            format!("GET /api/v1/events HTTP/1.0\r\nHost: device\r\nAccept: text/event-stream\r\n{fields}\r\n");
        std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();
        let mut stream = Self(BufReader::new(stream));
        let head = stream.block().replace("\r\n", "\n");
        assert!(head.starts_with("HTTP/1.0 200") && head.contains("content-type: text/event-stream"), "{head}");
        stream
    }

    /// Text up to the next empty line; empty at the end of the stream.
    fn block(&mut self) -> String {
        let mut block = String::new();
        while self.0.read_line(&mut block).unwrap() > 0 && !block.ends_with("\n\n") && !block.ends_with("\r\n\r\n") {}
        block
    }

    /// The next event; `None` at the end of the stream.
    fn next(&mut self) -> Option<Event> {
        loop {
            let block = self.block();
            if block.is_empty() {
                return None;
            }
            let field = |name: &str| {
                block.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).map(str::to_owned)
            };
            if let Some(name) = field("event") {
                return Some(Event {
                    name,
                    id: field("id").unwrap(),
                    data: serde_json::from_str(&field("data").unwrap()).unwrap(),
                });
            }
            assert!(block.starts_with("retry: 3000\n") || block.starts_with(':'), "{block:?}");
        }
    }

    fn names(&mut self, count: usize) -> Vec<String> {
        (0..count).map(|_| self.next().unwrap().name).collect()
    }
}

fn sequence(id: &str) -> u64 {
    id.split_once('-').unwrap().1.parse().unwrap()
}

/// A copy of a recorded tree, to change under the daemon's feet.
fn copy_of(tree: &str) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), target).unwrap();
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    copy(&crate::support::repository().join("system/device-facts/tests/trees").join(tree), directory.path());
    directory
}

#[test]
fn a_stream_begins_with_what_the_resources_say() {
    let daemon = Daemon::over_tree("piccolo-on-trial");
    let mut stream = Stream::open(&daemon, "");
    let [identity, health, vitals] = [(); 3].map(|()| stream.next().unwrap());
    assert_eq!([identity.name.as_str(), health.name.as_str(), vitals.name.as_str()], ["identity", "health", "vitals"]);
    assert!(sequence(&identity.id) < sequence(&health.id) && sequence(&health.id) < sequence(&vitals.id));
    assert_eq!(health.data, daemon.get("/api/v1/health").json());
    let mut system = identity.data.as_object().unwrap().clone();
    system.extend(vitals.data.as_object().unwrap().clone());
    assert_eq!(serde_json::Value::Object(system), daemon.get("/api/v1/system").json());
}

#[test]
fn figures_of_a_running_machine_keep_coming() {
    let daemon = Daemon::here();
    let mut stream = Stream::open(&daemon, "");
    assert_eq!(stream.names(3), ["identity", "health", "vitals"]);
    let [first, second] = [(); 2].map(|()| stream.next().unwrap());
    assert_eq!([first.name.as_str(), second.name.as_str()], ["vitals", "vitals"]);
    assert!(first.data["uptime_seconds"].as_u64() < second.data["uptime_seconds"].as_u64());
}

#[test]
fn a_change_of_state_is_told_and_nothing_else_is() {
    let tree = copy_of("piccolo-as-designed");
    let daemon = Daemon::start(&["--listen", "127.0.0.1:0", "--facts-from", tree.path().to_str().unwrap()], &[]);
    let mut stream = Stream::open(&daemon, "");
    stream.names(3);
    // The kernel makes a file system read-only after an error of its disk.
    let table = tree.path().join("proc/self/mountinfo");
    let changed = std::fs::read_to_string(&table).unwrap().replace("/dev/mapper/var rw", "/dev/mapper/var ro");
    let fresh = tree.path().join("proc/self/fresh");
    std::fs::write(&fresh, changed).unwrap();
    std::fs::rename(fresh, table).unwrap();
    let event = stream.next().unwrap();
    assert_eq!((event.name.as_str(), event.data["status"].as_str()), ("health", Some("failed")));
    assert_eq!(daemon.get("/api/v1/health").status(), 503);
}

#[test]
fn a_client_that_comes_back_is_told_only_what_changed() {
    // The figures of a recorded tree stand still, so nothing changes between the two connections.
    let daemon = Daemon::over_tree("piccolo-as-designed");
    let mut stream = Stream::open(&daemon, "");
    let ids: Vec<String> = (0..3).map(|_| stream.next().unwrap().id).collect();
    let mut after_identity = Stream::open(&daemon, &format!("Last-Event-ID: {}\r\n", ids[0]));
    assert_eq!(after_identity.names(2), ["health", "vitals"]);
    let mut after_health = Stream::open(&daemon, &format!("Last-Event-ID: {}\r\n", ids[1]));
    assert_eq!(after_health.names(1), ["vitals"]);
}

#[test]
fn an_id_that_is_not_of_this_run_counts_as_none() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    for id in ["0000000000000000-3", "nonsense", "", "\u{fc}", "-", "99999999999999999999"] {
        let mut stream = Stream::open(&daemon, &format!("Last-Event-ID: {id}\r\n"));
        assert_eq!(stream.names(3), ["identity", "health", "vitals"], "{id}");
    }
}

#[test]
fn streams_end_when_the_daemon_stops() {
    let mut daemon = Daemon::over_tree("piccolo-as-designed");
    let mut streams = [(); 3].map(|()| Stream::open(&daemon, ""));
    for stream in &mut streams {
        stream.names(3);
    }
    daemon.signal(Signal::TERM);
    for stream in &mut streams {
        assert_eq!(stream.next(), None);
    }
    assert!(daemon.wait().0.success());
}

#[test]
fn there_is_an_end_to_how_many_streams_one_address_may_hold() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    let mut streams: Vec<Stream> = (0..31).map(|_| Stream::open(&daemon, "")).collect();
    assert_eq!(daemon.get("/api/v1/health").status(), 200, "one connection of 32 is left");
    streams.push(Stream::open(&daemon, ""));
    let refused = Response::read(&mut daemon.connect());
    assert_eq!((refused.status(), refused.field("retry-after")), (503, Some("10")));
    assert_eq!(refused.json()["type"], "urn:piccolo:problem:busy");
    streams.clear();
    crate::support::poll(
        || {
            let mut stream = daemon.connect();
            // A connection that is turned away may be reset before the request is written.
            std::io::Write::write_all(&mut stream, b"GET /api/v1/health HTTP/1.0\r\n\r\n").ok()?;
            (Response::read(&mut stream).status() == 200).then_some(())
        },
        "the places to come back",
    );
}

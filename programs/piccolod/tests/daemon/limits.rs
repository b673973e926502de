//! What clients cannot do to the daemon.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};

use crate::support::{DEADLINE, Daemon, Response};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

/// What the daemon may take, whatever anybody does to it.
const MAX_RESIDENT_BYTES: u64 = 20 * 1024 * 1024;

/// A connection from another address of this machine, which to the daemon is another client.
fn connect_from(source: Ipv4Addr, daemon: &Daemon) -> TcpStream {
    let SocketAddr::V4(target) = daemon.address else { panic!("the daemon listens on IPv4 here") };
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddrV4::new(source, 0)).unwrap();
    connect(&socket, &target).unwrap();
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

fn resident_bytes(daemon: &Daemon) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.id())).unwrap();
    device_facts::text::memory::resident_bytes(&status).unwrap()
}

#[test]
fn ten_thousand_connections_are_turned_away_and_others_are_served() {
    let daemon = Daemon::here();
    // Each client keeps what it got for as long as it gets it: 32 idle connections, and one after the other that is turned away.
    let held: Vec<TcpStream> = (0..32).map(|_| daemon.connect()).collect();
    for _ in 0..10_000 {
        let mut stream = daemon.connect();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 503 "), "{:?}", String::from_utf8_lossy(&answer));
    }
    let mut neighbour = connect_from(Ipv4Addr::new(127, 0, 0, 2), &daemon);
    neighbour.write_all(b"GET /api/v1/health HTTP/1.0\r\n\r\n").unwrap();
    assert_eq!(Response::read(&mut neighbour).status(), 200);
    assert!(resident_bytes(&daemon) < MAX_RESIDENT_BYTES, "{} bytes", resident_bytes(&daemon));
    drop(held);
}

#[test]
fn every_place_filled_with_half_a_request_fits_into_memory() {
    let daemon = Daemon::here();
    let half = format!("GET / HTTP/1.1\r\nHost: device\r\nX-Long: {}", "a".repeat(15_000));
    let held: Vec<TcpStream> = (0..256u16)
        .map(|number| {
            let [_, last] = (2 + number / 32).to_be_bytes();
            let mut stream = connect_from(Ipv4Addr::new(127, 0, 0, last), &daemon);
            stream.write_all(half.as_bytes()).unwrap();
            stream
        })
        .collect();
    let mut refused = connect_from(Ipv4Addr::new(127, 0, 0, 100), &daemon);
    assert_eq!(Response::read(&mut refused).status(), 503, "the 257th connection");
    assert!(resident_bytes(&daemon) < MAX_RESIDENT_BYTES, "{} bytes", resident_bytes(&daemon));
    drop(held);
    crate::support::poll(
        || {
            let mut stream = daemon.connect();
            stream.write_all(b"GET /api/v1/health HTTP/1.0\r\n\r\n").ok()?;
            (Response::read(&mut stream).status() == 200).then_some(())
        },
        "the places to come back",
    );
}

#[test]
fn heads_have_a_size() {
    let daemon = Daemon::over_tree("piccolo-as-designed");
    let long = format!("GET / HTTP/1.1\r\nHost: device\r\nX-Long: {}\r\n\r\n", "a".repeat(20_000));
    assert_eq!(daemon.send(long.as_bytes()).status(), 431);
    let many = format!("GET / HTTP/1.1\r\nHost: device\r\n{}\r\n", "X: y\r\n".repeat(100));
    assert_eq!(daemon.send(many.as_bytes()).status(), 431);
    let path = format!("GET /{} HTTP/1.1\r\nHost: device\r\n\r\n", "a".repeat(20_000));
    assert!(matches!(daemon.send(path.as_bytes()).status(), 414 | 431));
    assert_eq!(daemon.get("/api/v1/health").status(), 200);
}

#[test]
fn an_idle_daemon_is_small() {
    let daemon = Daemon::here();
    assert_eq!(daemon.get("/").status(), 200);
    // Of the build under test: a debug build is larger than what is shipped, and must be small too.
    assert!(resident_bytes(&daemon) < 12 * 1024 * 1024, "{} bytes", resident_bytes(&daemon));
}

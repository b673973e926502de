//! Limits of time, with little time.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::watch;

use super::{Limits, Server};
use crate::stop::Stop;

const SHORT: Duration = Duration::from_millis(200);
/// Far longer than the limits of these tests, far shorter than the ones of the product.
const LONG: Duration = Duration::from_secs(8);

struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: thread::JoinHandle<()>,
}

fn start(limits: Limits) -> Running {
    let (stop, stopped) = Stop::channel();
    let (sender, receiver) = std::sync::mpsc::channel();
    let thread = thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            sender.send(listener.local_addr().unwrap()).unwrap();
            let large = "x".repeat(1024 * 1024);
            let router =
                Router::new().route("/", get(|| async { "small" })).route("/large", get(move || async { large }));
            Server { listener, router, limits }.run(stopped).await;
        });
    });
    Running { address: receiver.recv().unwrap(), stop, thread }
}

fn limits() -> Limits {
    Limits { head_timeout: SHORT, stall_timeout: SHORT, stop_timeout: SHORT, ..Limits::default() }
}

/// How long the server let the client wait until it closed the connection.
fn time_until_closed(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut rest = Vec::new();
    if let Err(error) = stream.read_to_end(&mut rest) {
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset, "the server did not close the connection");
    }
    start.elapsed()
}

#[test]
fn a_head_that_never_ends_is_not_waited_for() {
    let server = start(limits());
    for beginning in ["", "G", "GET / HTTP/1.1\r\nHost: a\r\n"] {
        let mut stream = TcpStream::connect(server.address).unwrap();
        stream.write_all(beginning.as_bytes()).unwrap();
        assert!(time_until_closed(&mut stream) >= SHORT / 2, "{beginning:?}");
    }
}

#[test]
fn a_head_that_comes_in_drops_is_not_waited_for_either() {
    let server = start(limits());
    let mut stream = TcpStream::connect(server.address).unwrap();
    let start = Instant::now();
    // Each byte arrives well within the limit; together they take longer than the limit.
    while stream.write_all(b"G").is_ok() {
        assert!(start.elapsed() < LONG, "the server still listens");
        thread::park_timeout(SHORT / 10);
    }
}

#[test]
fn a_connection_that_went_quiet_after_a_request_is_closed() {
    let server = start(limits());
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    time_until_closed(&mut stream);
}

#[test]
fn a_client_that_asks_and_never_reads_loses_its_connection() {
    let server = start(limits());
    let mut stream = TcpStream::connect(server.address).unwrap();
    let start = Instant::now();
    // More answers than any socket buffer holds; writing fails once the server gave up.
    while stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").is_ok() {
        assert!(start.elapsed() < LONG, "the server still holds the connection");
        thread::park_timeout(SHORT / 10);
    }
}

#[test]
fn stopping_takes_no_longer_than_it_may() {
    let server = start(Limits { stop_timeout: SHORT, ..Limits::default() });
    let mut stuck = TcpStream::connect(server.address).unwrap();
    for _ in 0..64 {
        stuck.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    let mut idle = TcpStream::connect(server.address).unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    idle.read_exact(&mut [0; 12]).unwrap();
    server.stop.send(true).unwrap();
    let start = Instant::now();
    server.thread.join().unwrap();
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    assert!(TcpStream::connect(server.address).is_err(), "nobody listens any more");
}

#[test]
fn an_answer_that_is_under_way_is_finished() {
    let server = start(Limits { stop_timeout: LONG, ..Limits::default() });
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).unwrap();
    server.stop.send(true).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    assert!(answer.len() > 1024 * 1024, "{} bytes came", answer.len());
    server.thread.join().unwrap();
}

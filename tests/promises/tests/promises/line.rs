//! A network line to a server that can be cut, and that counts what comes over it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Bytes forwarded at once.
const PIECE: usize = 16 << 10;
/// How long a cut may take to come.
const PATIENCE: Duration = Duration::from_mins(20);

/// A line. It ends with the process.
#[derive(Debug)]
pub struct Line {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Bytes that came from the server.
    downloaded: AtomicU64,
    /// Bytes after which it is cut.
    limit: AtomicU64,
    cut: Mutex<bool>,
    was_cut: Condvar,
    /// Whether the line is there at all.
    whole: AtomicBool,
}

impl Line {
    /// A line to a server.
    pub fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State {
            downloaded: AtomicU64::new(0),
            limit: AtomicU64::new(u64::MAX),
            cut: Mutex::new(false),
            was_cut: Condvar::new(),
            whole: AtomicBool::new(true),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for guest in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                // A connection that breaks is what this is for.
                thread::spawn(move || drop(state.connect(&guest, server)));
            }
        });
        Self { port, state }
    }

    /// Where it begins.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Bytes that have come from the server.
    pub fn downloaded(&self) -> u64 {
        self.state.downloaded.load(Ordering::SeqCst)
    }

    /// Has the line cut as soon as this many more bytes have come; nothing gets through afterwards.
    pub fn cut_after(&self, bytes: u64) {
        *self.state.cut.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.state.limit.store(self.downloaded() + bytes, Ordering::SeqCst);
    }

    /// Waits until it is cut.
    #[track_caller]
    pub fn wait_for_cut(&self) {
        let cut = self.state.cut.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.state.was_cut.wait_timeout_while(cut, PATIENCE, |cut| !*cut);
        let (_cut, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        assert!(!waited.timed_out(), "only {} bytes were downloaded", self.downloaded());
    }

    /// Makes it whole again.
    pub fn mend(&self) {
        self.state.limit.store(u64::MAX, Ordering::SeqCst);
        self.state.whole.store(true, Ordering::SeqCst);
    }
}

impl State {
    fn connect(self: Arc<Self>, guest: &TcpStream, server: SocketAddr) -> io::Result<()> {
        if !self.whole.load(Ordering::SeqCst) {
            return guest.shutdown(Shutdown::Both);
        }
        let server = TcpStream::connect(server)?;
        let (mut requests, mut to_server) = (guest.try_clone()?, server.try_clone()?);
        thread::spawn(move || {
            let _ended = io::copy(&mut requests, &mut to_server);
            let _gone = to_server.shutdown(Shutdown::Write);
        });
        let forwarded = self.forward(&server, guest);
        let _gone = (guest.shutdown(Shutdown::Both), server.shutdown(Shutdown::Both));
        forwarded
    }

    fn forward(&self, mut server: &TcpStream, mut guest: &TcpStream) -> io::Result<()> {
        let mut piece = [0; PIECE];
        loop {
            let count = server.read(&mut piece)?;
            if count == 0 || !self.whole.load(Ordering::SeqCst) {
                return Ok(());
            }
            guest.write_all(&piece[..count])?;
            let downloaded = self.downloaded.fetch_add(count as u64, Ordering::SeqCst) + count as u64;
            if downloaded >= self.limit.load(Ordering::SeqCst) {
                self.whole.store(false, Ordering::SeqCst);
                *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = true;
                self.was_cut.notify_all();
                return Ok(());
            }
        }
    }
}

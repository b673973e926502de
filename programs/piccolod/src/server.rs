//! Accepts connections and serves them, within limits that no client can push.

mod admission;
mod connection;
mod stall;

use std::io;
use std::time::Duration;

use axum::Router;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, info, warn};

use crate::service_manager;
use crate::stop::Stop;
use admission::Admission;

/// What clients may take. The defaults keep the daemon below 20 MiB whatever they do.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Connections at once from one address (from one /64 with IPv6).
    pub connections_per_address: usize,
    /// Time for a request's head to arrive, and for an idle connection to send another one.
    pub head_timeout: Duration,
    /// Time in which a client that is owed bytes must take some.
    pub stall_timeout: Duration,
    /// Size of a request's head, and of the buffer it is read into, in bytes.
    pub head_bytes: usize,
    /// Header fields of one request.
    pub headers: usize,
    /// Time that requests in flight get when the daemon stops.
    pub stop_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 256,
            connections_per_address: 32,
            head_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(20),
            // hyper takes no less than 8 KiB; ours is what browsers send at most.
            head_bytes: 16 * 1024,
            headers: 64,
            stop_timeout: Duration::from_secs(5),
        }
    }
}

/// A bound socket and what it serves.
pub struct Server {
    /// Where connections come from.
    pub listener: TcpListener,
    /// What answers.
    pub router: Router,
    /// What clients may take.
    pub limits: Limits,
}

impl Server {
    /// Serves until the daemon is to stop, then finishes what is in flight, for a bounded time.
    pub async fn run(self, mut stop: Stop) {
        let Self { listener, router, limits } = self;
        let admission = Admission::new(limits);
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                () = stop.wait() => break,
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => match admission.admit(peer.ip()) {
                        Some(place) => {
                            connections.spawn(connection::serve(stream, router.clone(), limits, place, stop.clone()));
                        }
                        None => {
                            debug!(%peer, "turned away: too many connections");
                            turn_away(&stream);
                        }
                    },
                    Err(error) => recover(&error).await,
                },
                Some(_) = connections.join_next() => {}
            }
        }
        // From here the kernel refuses new connections, so a restarted daemon's clients do not queue at this one.
        drop(listener);
        service_manager::stopping();
        info!(open = connections.len(), "stopping");
        finish(connections, limits.stop_timeout).await;
    }
}

/// Answers a connection for which there is no place, without reading from it and without waiting.
fn turn_away(stream: &TcpStream) {
    // A fresh socket's buffer takes these bytes; where it does not, the client sees a closed connection and that is an answer as well.
    let _ = stream.try_write(crate::problem::BUSY_RESPONSE.as_bytes());
    let _ = rustix::net::shutdown(stream, rustix::net::Shutdown::Write);
}

/// `accept` fails for a client that left already, which is nothing, and when file descriptors or memory ran out. Then trying again at once
/// would only burn the processor.
async fn recover(error: &io::Error) {
    if matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
        return;
    }
    warn!("cannot accept a connection: {error}");
    sleep(Duration::from_millis(200)).await;
}

async fn finish(mut connections: JoinSet<()>, patience: Duration) {
    let all = async { while connections.join_next().await.is_some() {} };
    if timeout(patience, all).await.is_err() {
        warn!(open = connections.len(), "ending connections that did not finish in time");
        connections.shutdown().await;
    }
}

#[cfg(test)]
mod tests;

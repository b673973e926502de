//! One connection, from its first byte to its last.

use std::pin::pin;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tracing::debug;

use super::Limits;
use super::admission::Place;
use super::stall::StallGuard;
use crate::stop::Stop;

/// Serves requests until the client leaves, breaks a limit, or the daemon stops. The place is given back at the end.
pub async fn serve(stream: TcpStream, router: Router, limits: Limits, _place: Place, mut stop: Stop) {
    // Events are small and should not wait for more to be sent; without the option they are only slower.
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_timeout)
        .max_header_size(limits.head_bytes)
        .max_buf_size(limits.head_bytes)
        .max_headers(limits.headers)
        .serve_connection(
            TokioIo::new(StallGuard::new(stream, limits.stall_timeout)),
            TowerToHyperService::new(router),
        );
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.wait() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        debug!("a connection ended early: {error}");
    }
}

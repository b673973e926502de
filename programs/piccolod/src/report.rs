//! What the daemon says to whoever started it. The only module that writes to the terminal.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this is the report module")]

use std::net::SocketAddr;
use std::process::ExitCode;

/// Says where the daemon answers; with port 0 nobody could know otherwise.
pub fn listening(address: SocketAddr) {
    println!("piccolod answers on http://{address}/");
}

/// Prints the whole chain of causes once.
pub fn failure(error: &anyhow::Error) -> ExitCode {
    tracing::error!("{error:#}");
    eprintln!("piccolod: {error:#}");
    ExitCode::FAILURE
}

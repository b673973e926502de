//! Where a daemon's messages go.

use std::io;

use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{fmt, registry};

/// Sends messages to the journal, with their fields, where systemd connected standard error to it; otherwise to standard error.
///
/// A journal may run on a developer's machine too: only `JOURNAL_STREAM` says that it is where *this* process's messages belong.
pub fn start(level: LevelFilter) {
    let journal = std::env::var_os("JOURNAL_STREAM").and_then(|_| tracing_journald::layer().ok());
    match journal {
        Some(journal) => registry().with(journal).with(level).init(),
        None => registry().with(fmt::layer().with_writer(io::stderr).with_target(false)).with(level).init(),
    }
}

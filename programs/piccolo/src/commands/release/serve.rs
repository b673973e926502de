//! `piccolo release serve`.

use crate::failure::{Failure, FailureKind, OrFail};
use crate::release::place::PlaceArgs;
use crate::report::Report;
use anyhow::anyhow;
use file_server::FileServer;
use serde::Serialize;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

/// How often Ctrl-C is looked for.
const INTERVAL: Duration = Duration::from_millis(100);

/// Serve a repository's directory over HTTP, for development
///
/// Any static web server that answers range requests does the same. Runs until Ctrl-C.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where to listen; port 0 chooses a free one.
    #[arg(long, default_value = "127.0.0.1:8000", value_name = "ADDRESS")]
    listen: SocketAddr,
}

#[derive(Debug, Serialize)]
struct Serving {
    url: String,
    directory: PathBuf,
}

/// Serves until it is cancelled.
pub fn run(place: &PlaceArgs, args: &Args, report: &Report) -> Result<(), Failure> {
    let directory = place.directory().ok_or_else(|| anyhow!("a bucket has a server already; serve is for directories"));
    let directory = directory.or_fail(FailureKind::Usage)?;
    let server = FileServer::start(directory, args.listen).or_fail(FailureKind::Requirement)?;
    let serving = Serving { url: server.url(""), directory: directory.to_owned() };
    let text = format!("{} serves {}; Ctrl-C ends it", serving.url, serving.directory.display());
    report.result(&text, &serving);
    while !report.cancel().is_cancelled() {
        thread::sleep(INTERVAL);
    }
    Ok(())
}

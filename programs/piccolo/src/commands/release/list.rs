//! `piccolo release list`.

use crate::failure::{Failure, FailureKind, OrFail};
use crate::release::place::{PlaceArgs, failure};
use crate::release::rollout::reached;
use crate::report::Report;
use anyhow::anyhow;
use jiff::Timestamp;
use release_metadata::stream::StreamName;
use release_metadata::updates::{ReleaseEntry, Updates};
use serde::Serialize;

/// Show streams, their releases, and until when the repository is valid
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only this stream.
    #[arg(long, short, value_name = "NAME")]
    stream: Option<StreamName>,
}

#[derive(Debug, Serialize)]
struct Listed {
    streams: Vec<Updates>,
    expires: Vec<Expiry>,
}

#[derive(Debug, Serialize)]
struct Expiry {
    role: String,
    expires: Timestamp,
}

/// Lists.
pub fn run(place: &PlaceArgs, args: &Args, report: &Report) -> Result<(), Failure> {
    let repository = place.open_to_read()?;
    let wanted: Vec<StreamName> =
        repository.streams().filter(|stream| args.stream.as_ref().is_none_or(|wanted| wanted == stream)).collect();
    if let (true, Some(stream)) = (wanted.is_empty(), &args.stream) {
        return Err(anyhow!("the repository has no stream {stream}")).or_fail(FailureKind::Input);
    }
    let streams: Result<Vec<Updates>, _> = wanted.iter().map(|stream| repository.updates(stream)).collect();
    let published = repository.published();
    let expires = published.expiries().map(|(role, expires)| Expiry { role: role.to_owned(), expires });
    let listed = Listed { streams: streams.map_err(failure)?, expires: expires.collect() };
    report.result(&text(&listed, Timestamp::now()), &listed);
    Ok(())
}

fn text(listed: &Listed, now: Timestamp) -> String {
    let mut text = String::new();
    for updates in &listed.streams {
        text.push_str(&format!("{}\n", updates.stream));
        if updates.releases.is_empty() {
            text.push_str("  no releases\n");
        }
        for release in updates.releases.iter().rev() {
            text.push_str(&format!(
                "  {:<16} {}  {}\n",
                release.version.to_string(),
                release.date,
                state(release, now)
            ));
        }
    }
    text.push_str("expires\n");
    for expiry in &listed.expires {
        let gone = if expiry.expires <= now { "  EXPIRED: piccolo release refresh" } else { "" };
        text.push_str(&format!("  {:<16} {}{gone}\n", expiry.role, expiry.expires));
    }
    text
}

fn state(release: &ReleaseEntry, now: Timestamp) -> String {
    let names: Vec<String> = release.architectures.iter().map(ToString::to_string).collect();
    let mut parts = vec![names.join(" ")];
    parts.push(match &release.rollout {
        Some(rollout) if now < rollout.start => format!("rollout starts {}", rollout.start),
        Some(rollout) => format!("reaches {:.0} %", reached(rollout, now) * 100.0),
        None => "no rollout".to_owned(),
    });
    parts.extend(release.barrier.as_ref().map(|barrier| format!("barrier: {}", barrier.reason)));
    parts.extend(release.dead_end.as_ref().map(|dead_end| format!("dead end: {}", dead_end.reason)));
    parts.extend(release.withdrawn.as_ref().map(|withdrawn| format!("withdrawn: {}", withdrawn.reason)));
    parts.join("; ")
}

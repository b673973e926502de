//! `piccolo lock`.

use crate::build::layers;
use crate::build::packages;
use crate::build::request::package_request;
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Report, human_bytes};
use package_lock::difference::{Change, difference};
use serde::Serialize;
use std::path::PathBuf;

/// Choose the exact packages of a recipe and write them down
///
/// Resolves with apt's solver against the archives of today and writes every package with its version, size, hash and origin.
/// `piccolo build --locked` then uses exactly these.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Recipe layers, separated by colons.
    recipe: String,
    /// The lockfile [default: beside the last layer].
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,
    /// Say what would change and write nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Locked {
    lockfile: PathBuf,
    written: bool,
    packages: usize,
    size: u64,
    changes: Vec<Change>,
}

/// Resolves, compares with the lockfile that is there, and writes the new one.
pub fn run(args: &Args, report: &Report) -> Result<(), Failure> {
    let loaded = layers::load(&args.recipe).or_fail(FailureKind::Input)?;
    let path = args.lockfile.clone().unwrap_or(loaded.default_lockfile);
    let wanted = package_request(&loaded.recipe).or_fail(FailureKind::Input)?;
    // A lockfile that cannot be read is about to be replaced; it only cannot be compared with.
    let before = packages::read(&path).ok().flatten();
    let lockfile = packages::resolve(&wanted, report)?;
    if !args.dry_run {
        packages::write(&path, &lockfile).or_fail(FailureKind::Requirement)?;
    }
    let locked = Locked {
        written: !args.dry_run,
        packages: lockfile.packages.len(),
        size: lockfile.total_size(),
        changes: before.map(|before| difference(&before, &lockfile)).unwrap_or_default(),
        lockfile: path,
    };
    report.result(&text(&locked), &locked);
    Ok(())
}

fn text(locked: &Locked) -> String {
    let mut text: String = locked.changes.iter().map(|change| format!("{change}\n")).collect();
    let verb = if locked.written { "wrote" } else { "would write" };
    text.push_str(&format!(
        "{verb} {}: {} packages, {} to download",
        locked.lockfile.display(),
        locked.packages,
        human_bytes(locked.size)
    ));
    text
}

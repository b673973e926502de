//! `piccolo man`.

use crate::cli::Cli;
use crate::failure::{Failure, FailureKind, OrFail};
use anyhow::Context;
use clap::CommandFactory;
use clap_mangen::generate_to;
use std::fs;
use std::path::PathBuf;

/// Write the manual pages of all commands into a directory
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The directory; made when it is missing.
    directory: PathBuf,
}

/// Writes the pages.
pub fn run(args: &Args) -> Result<(), Failure> {
    let context = || format!("writing manual pages into {}", args.directory.display());
    fs::create_dir_all(&args.directory).with_context(context).or_fail(FailureKind::Requirement)?;
    generate_to(Cli::command(), &args.directory).with_context(context).or_fail(FailureKind::Requirement)
}

//! `piccolo inspect`.

use crate::failure::{Failure, FailureKind};
use crate::report::Report;
use inspection::{Inspection, Options};
use std::path::PathBuf;

#[path = "../inspect/mod.rs"]
mod inspection;

/// Say what an image, a UKI or a partition is
///
/// Recognises disk images and disks, unified kernel images and other PE files, EROFS, dm-verity and FAT partitions, initrds and
/// lockfiles by their content. Exits with 3 when the file is none of these, or when --verify finds damage.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The file or block device.
    path: PathBuf,
    /// Hash the root file system of every slot and compare with its root hash.
    #[arg(long)]
    verify: bool,
    /// List every package.
    #[arg(long)]
    packages: bool,
    /// List every file of the initrd.
    #[arg(long)]
    initrd: bool,
}

/// Looks at the file and prints what it is.
pub fn run(args: &Args, report: &Report) -> Result<(), Failure> {
    let options = Options { verify: args.verify, packages: args.packages, initrd: args.initrd };
    let inspection = Inspection::of(&args.path, &options, report)?;
    report.result(&inspection.describe(), &inspection);
    match inspection.unverified().filter(|_| args.verify) {
        Some(error) => Err(Failure::new(FailureKind::Input, error)),
        None => Ok(()),
    }
}

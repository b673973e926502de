//! `piccolo build`.

use crate::build::manifest::Manifest;
use crate::build::{self, Outcome, Settings};
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Report, human_bytes};
use std::path::{Path, PathBuf};

/// Build an image from a recipe
///
/// Resolves packages unless the lockfile answers the recipe, fetches what the cache lacks, and writes NAME.raw (the disk image),
/// NAME.efi (the unified kernel image) and NAME.json (what they are). Needs no root.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Recipe layers, separated by colons; later ones change earlier ones.
    recipe: String,
    /// Directory for the results.
    #[arg(long, short, default_value = "build", value_name = "DIRECTORY")]
    output: PathBuf,
    /// The lockfile [default: beside the last layer].
    #[arg(long, value_name = "FILE")]
    lockfile: Option<PathBuf>,
    /// Use exactly the packages of the lockfile; fail if it is missing or does not answer the recipe.
    #[arg(long)]
    locked: bool,
    /// Print what would be done and what is cached, then stop.
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    cache: CacheArgs,
}

/// Where outputs of earlier builds are kept.
#[derive(Debug, clap::Args)]
pub struct CacheArgs {
    /// Directory of the cache [default: piccolo in the user's cache directory].
    #[arg(long, env = "PICCOLO_CACHE", value_name = "DIRECTORY")]
    cache: Option<PathBuf>,
}

impl CacheArgs {
    /// The directory named, or the default one (XDG Base Directory Specification).
    pub fn directory(&self) -> Result<PathBuf, Failure> {
        let absolute = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        self.cache
            .clone()
            .or_else(|| absolute("XDG_CACHE_HOME").map(|path| path.join("piccolo")))
            .or_else(|| absolute("HOME").map(|path| path.join(".cache/piccolo")))
            .ok_or_else(|| anyhow::anyhow!("neither HOME nor XDG_CACHE_HOME is set; name a directory with --cache"))
            .or_fail(FailureKind::Requirement)
    }
}

/// Builds and says what came of it.
pub fn run(args: &Args, report: &Report) -> Result<(), Failure> {
    let settings = Settings {
        layers: args.recipe.clone(),
        output: args.output.clone(),
        lockfile: args.lockfile.clone(),
        locked: args.locked,
        cache: args.cache.directory()?,
        dry_run: args.dry_run,
    };
    match build::build(&settings, report)? {
        Outcome::Planned(plan) => report.result(&plan.rendered(), &plan),
        Outcome::UpToDate(manifest) => report.result(&summary(&manifest, &args.output, "is up to date"), &manifest),
        Outcome::Built(manifest) => report.result(&summary(&manifest, &args.output, "built"), &manifest),
    }
    Ok(())
}

fn summary(manifest: &Manifest, output: &Path, what: &str) -> String {
    let path = output.join(&manifest.disk.file);
    format!(
        "{} {} {what}\n  image      {}\n  root       {} in {} files, {} packages\n  UKI        {}\n  root hash  {}\n\
         \nRun it: piccolo run {}",
        manifest.name,
        manifest.version,
        path.display(),
        human_bytes(manifest.root.size),
        manifest.root.files,
        manifest.packages,
        human_bytes(manifest.uki.size),
        manifest.root.hash,
        path.display()
    )
}

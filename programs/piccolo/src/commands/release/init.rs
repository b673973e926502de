//! `piccolo release init`.

use crate::failure::{Failure, FailureKind, OrFail};
use crate::release::place::{PlaceArgs, ROOT_FILE, failure};
use crate::report::Report;
use anyhow::{Context, anyhow};
use jiff::Timestamp;
use release_metadata::stream::StreamName;
use release_repository::keys::{Keys, read_or_make};
use release_repository::repository::{create, is_reserved};
use serde::Serialize;
use signed_metadata::publish::TOP_LEVEL;
use signed_metadata::signed::Signer;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Make keys and an empty repository
///
/// Makes an Ed25519 key for each role, in files that only you can read, and signs a repository without releases. Keys that are in the
/// directory already are used. Afterwards, move root.key and targets.key to a safe place: publishing does not need them.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A stream; may be given several times.
    #[arg(long, value_name = "NAME", default_value = "stable")]
    stream: Vec<StreamName>,
}

#[derive(Debug, Serialize)]
struct Made {
    repository: String,
    root: PathBuf,
    keys: BTreeMap<String, String>,
}

/// Makes both.
pub fn run(place: &PlaceArgs, args: &Args, report: &Report) -> Result<(), Failure> {
    if let Some(stream) = args.stream.iter().find(|stream| is_reserved(stream)) {
        let error = anyhow!("{stream} is a role of every repository and cannot be a stream; choose another name");
        return Err(Failure::new(FailureKind::Usage, error));
    }
    let directory = place.first_keys()?;
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(directory);
    made.with_context(|| format!("making {}", directory.display())).or_fail(FailureKind::Requirement)?;
    let mut keys = Keys::default();
    let mut ids = BTreeMap::new();
    let mut key_of = |role: &str| -> Result<_, Failure> {
        let key = read_or_make(directory, role).or_fail(FailureKind::Requirement)?;
        let public = key.key().clone();
        ids.insert(role.to_owned(), public.id().to_string());
        keys.add(key);
        Ok(public)
    };
    let mut top_level = BTreeMap::new();
    for role in TOP_LEVEL {
        top_level.insert(role, key_of(role)?);
    }
    let mut streams = BTreeMap::new();
    for stream in &args.stream {
        streams.insert(stream.clone(), key_of(stream.as_str())?);
    }
    let storage = place.storage()?;
    let root = create(storage.as_ref(), &top_level, &streams, &keys.keyring(), Timestamp::now()).map_err(failure)?;
    let root_file = directory.join(ROOT_FILE);
    write_root(&root_file, &root).or_fail(FailureKind::Requirement)?;
    let made = Made { repository: storage.place(), root: root_file, keys: ids };
    report.result(&summary(&made, directory), &made);
    Ok(())
}

fn write_root(path: &Path, root: &[u8]) -> anyhow::Result<()> {
    let unfinished = path.with_extension("json.unfinished");
    fs::write(&unfinished, root).with_context(|| format!("writing {}", unfinished.display()))?;
    fs::rename(&unfinished, path).with_context(|| format!("writing {}", path.display()))
}

fn summary(made: &Made, directory: &Path) -> String {
    let roles: Vec<&str> = made.keys.keys().map(String::as_str).collect();
    format!(
        "{} is a repository now\n  root  {} (goes into images)\n  keys  {} in {}\n\n\
         Move root.key and targets.key to a safe place. Next: piccolo release publish DIRECTORY --stream …",
        made.repository,
        made.root.display(),
        roles.join(", "),
        directory.display()
    )
}

//! The client that the TUF conformance suite tests: `init`, `refresh` and `download` as its CLIENT-CLI.md describes them.
//! `docs/reference/repository.md` says how to run the suite.
#![expect(clippy::print_stderr, reason = "the suite shows what a client says")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use jiff::Timestamp;
use release_source::error::SourceError;
use release_source::location::Location;
use release_source::repository::{ReleaseSource, SourceSettings, flat};
use release_source::store::StoreDirectory;
use signed_metadata::client::{Client, MetadataStore, encoded, refresh, target_location};
use signed_metadata::role::TargetFile;
use signed_metadata::trusted::{TrustedMetadata, has_hashes};

/// Largest file downloaded, in bytes.
const LARGEST: u64 = 64 << 20;
/// The root that `init` was given.
const FIRST_ROOT: &str = "first_root.json";

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), Box<dyn Error>> {
    let mut options = BTreeMap::new();
    let mut words = Vec::new();
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix("--") {
            Some(name) => {
                options.insert(name.to_owned(), arguments.next().ok_or("an option without a value")?);
            }
            None => words.push(argument),
        }
    }
    let option = |name: &str| options.get(name).map(String::as_str).ok_or(format!("--{name} is missing"));
    let metadata = PathBuf::from(option("metadata-dir")?);
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["init", root] => {
            fs::copy(root, metadata.join("root.json"))?;
            fs::copy(root, metadata.join(FIRST_ROOT))?;
            Ok(())
        }
        ["refresh"] => trust(&metadata, option("metadata-url")?, None).map(|_| ()),
        ["download"] => {
            let name = option("target-name")?;
            let (trusted, target) = trust(&metadata, option("metadata-url")?, Some(name))?;
            let target = target.ok_or("there is no such target")?;
            download(&trusted, name, &target, option("target-base-url")?, Path::new(option("target-dir")?))
        }
        _ => Err("the commands are init ROOT, refresh and download".into()),
    }
}

/// The suite also looks at `root.json`.
struct SuiteStore(StoreDirectory);

impl MetadataStore for SuiteStore {
    type Error = SourceError;

    fn load(&mut self, file: &str) -> Result<Option<Vec<u8>>, SourceError> {
        self.0.load(file)
    }

    fn keep(&mut self, file: &str, bytes: &[u8]) -> Result<(), SourceError> {
        self.0.keep(file, bytes)?;
        if file.ends_with(".root.json") { self.0.keep("root.json", bytes) } else { Ok(()) }
    }
}

fn trust(
    metadata: &Path,
    url: &str,
    target: Option<&str>,
) -> Result<(TrustedMetadata, Option<TargetFile>), Box<dyn Error>> {
    let root = fs::read(metadata.join(FIRST_ROOT))?;
    let mut store = SuiteStore(StoreDirectory::open(metadata)?);
    let location: Location = url.parse()?;
    let mut source = ReleaseSource::open(&location, &SourceSettings::default())?.metadata("");
    let mut client = Client { source: &mut source, store: &mut store, now: Timestamp::now() };
    let mut trusted = refresh(&root, &mut client).map_err(flat)?;
    let target = target.map(|name| client.find_target(&mut trusted, name).map_err(flat)).transpose()?;
    Ok((trusted, target))
}

fn download(
    trusted: &TrustedMetadata,
    name: &str,
    target: &TargetFile,
    url: &str,
    directory: &Path,
) -> Result<(), Box<dyn Error>> {
    let path = directory.join(encoded(name));
    if fs::read(&path).is_ok_and(|bytes| bytes.len() as u64 == target.length && has_hashes(&bytes, &target.hashes)) {
        return Ok(());
    }
    let location: Location = url.parse()?;
    let source = ReleaseSource::open(&location, &SourceSettings::default())?;
    let bytes = source.verified(&target_location(trusted, name, target), target, LARGEST)?;
    Ok(fs::write(path, bytes)?)
}

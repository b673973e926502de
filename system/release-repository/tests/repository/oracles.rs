//! Other implementations of TUF, as readers of what we publish.
#![expect(clippy::disallowed_methods, reason = "runs the program that our results are compared with")]

use std::fs;
use std::process::Command;

use file_server::FileServer;
use release_metadata::release::Release;
use release_metadata::updates::Updates;
use release_repository::keys::FileKey;
use signed_metadata::signed::Signer;
use tough::{ExpirationEnforcement, RepositoryLoader};

use crate::sample::{Sample, now};

const DOCUMENTS: [&str; 2] = ["stable/updates.json", "stable/releases/1.0.0/x86-64/release.json"];

/// A repository with a release, and with every key replaced once.
fn with_history() -> Sample {
    let sample = Sample::new();
    sample.publish("stable", "1.0.0").unwrap();
    for role in ["root", "targets", "snapshot", "timestamp", "stable"] {
        let key = FileKey::make(&sample.path("keys").join(format!("{role}-2.key"))).unwrap();
        let repository = sample.open();
        let mut edit = repository.edit();
        edit.rotate(role, key.key()).unwrap();
        repository.commit(edit, &sample.keys().keyring(), now()).unwrap();
    }
    sample
}

/// python-tuf is the implementation by the authors of the specification.
#[test]
fn python_tuf_reads_what_we_publish() {
    let sample = with_history();
    let server = FileServer::start(&sample.path("repository"), "127.0.0.1:0".parse().unwrap()).unwrap();
    fs::write(sample.path("root.json"), &sample.root).unwrap();
    fs::create_dir(sample.path("python")).unwrap();
    let python = std::env::var("PICCOLO_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let mut command = Command::new(&python);
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/repository/read_with_python_tuf.py"));
    command.args([server.url(""), now().to_string()]).arg(sample.path("root.json")).arg(sample.path("python"));
    let output = command.args(DOCUMENTS).output().unwrap_or_else(|error| panic!("{python}: {error}"));
    assert!(
        output.status.success(),
        "{}\n`cargo xtask test` installs python-tuf, which is `pip install tuf`",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = |number: usize| fs::read_to_string(sample.path("python").join(number.to_string())).unwrap();
    assert_eq!(Updates::parse(&text(0)).unwrap().releases.len(), 1);
    assert!(Release::parse(&text(1)).is_ok());
}

/// tough puts the hash of a target in front of its first directory and not of its file name, so it only reads metadata here.
#[test]
fn tough_verifies_what_we_publish() {
    let sample = with_history();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let url = |name: &str| format!("file://{}/", sample.path(name).display()).parse().unwrap();
    let found = runtime.block_on(async {
        let loader = RepositoryLoader::new(&sample.root, url("repository/metadata"), url("repository/targets"));
        // The sample is of a fixed day.
        let loader = loader.expiration_enforcement(ExpirationEnforcement::Unsafe);
        let repository = loader.load().await.unwrap();
        let names = repository.all_targets().map(|(name, _)| name.raw().to_owned());
        names.collect::<Vec<String>>()
    });
    for name in DOCUMENTS {
        assert!(found.iter().any(|found| found == name), "{name}: {found:?}");
    }
}

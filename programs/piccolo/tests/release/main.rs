//! `piccolo release` from the first key to a stick.
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "these tests run the program that is tested; what they prepare must work"
)]

#[path = "../inspect/sample.rs"]
#[expect(dead_code, reason = "the tests of inspect look into more parts of the sample")]
mod sample;

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use release_metadata::Architecture;
use release_source::location::Location;
use release_source::repository::{ReleaseSource, SourceSettings, TrustAnchor, TrustedRepository};
use sample::Sample;
use sha2::{Digest, Sha256};

/// What a run of the program left.
struct Run {
    code: i32,
    output: String,
    errors: String,
}

/// A directory with a build, and a place for keys and a repository.
struct Bench {
    sample: Sample,
}

impl Bench {
    fn new() -> Self {
        let bench = Self { sample: Sample::new() };
        bench.build("1.4.0");
        bench
    }

    /// What `piccolo build` leaves for this version.
    fn build(&self, version: &str) {
        let sample = &self.sample;
        fs::create_dir_all(sample.path("build")).unwrap();
        fs::copy(sample.disk(), sample.path("build/attic.raw")).unwrap();
        fs::write(sample.path("build/attic.efi"), &sample.unified_image).unwrap();
        let manifest = serde_json::json!({
            "name": "attic", "version": version, "stream": "stable", "architecture": "x86-64", "timestamp": 0, "inputs": "00",
            "disk": { "file": "attic.raw", "size": fs::metadata(sample.disk()).unwrap().len() },
            "uki": {
                "file": "attic.efi", "size": sample.unified_image.len(),
                "sha256": hex::encode(Sha256::digest(&sample.unified_image)),
            },
            "root": { "size": sample.root.len(), "verity_size": sample.verity.len(), "hash": sample.root_hash, "files": 3 },
            "initrd_size": 1, "kernel": "6.12", "command_line": "quiet", "packages": 2,
            "measurements": { "pcr": 11, "profiles": [] },
        });
        fs::write(sample.path("build/attic.json"), manifest.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.sample.path(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_piccolo"));
        command.current_dir(self.sample.directory()).env_clear().arg("release").args(arguments);
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap_or(-1), output: text(output.stdout), errors: text(output.stderr) }
    }

    /// Runs what has to work, and gives its result.
    fn done(&self, arguments: &[&str]) -> serde_json::Value {
        let run = self.run(&[&["--json"], arguments].concat());
        assert_eq!(run.code, 0, "{arguments:?}: {}", run.errors);
        serde_json::from_str(&run.output).unwrap()
    }

    fn device(&self, location: &Location) -> TrustedRepository {
        let anchor =
            TrustAnchor { root: fs::read(self.path("keys/root.json")).unwrap(), built: jiff::Timestamp::UNIX_EPOCH };
        let source = ReleaseSource::open(location, &SourceSettings::default()).unwrap();
        source.refresh(&anchor, &self.path("device"), jiff::Timestamp::now()).unwrap()
    }
}

fn directory(path: &Path) -> Location {
    Location::Directory(path.to_owned())
}

#[test]
fn a_release_from_the_first_key_to_its_withdrawal() {
    let bench = Bench::new();
    bench.done(&["init", "--stream", "stable", "--stream", "testing"]);
    for role in ["root", "targets", "snapshot", "timestamp", "stable", "testing"] {
        let mode = fs::metadata(bench.path(&format!("keys/{role}.key"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{role}");
    }
    // Publishing does not need the keys from the safe.
    fs::create_dir(bench.path("safe")).unwrap();
    for role in ["root", "targets"] {
        fs::rename(bench.path(&format!("keys/{role}.key")), bench.path(&format!("safe/{role}.key"))).unwrap();
    }
    let published = bench.done(&["publish", "build", "--needs-memory", "512MiB", "--level", "3"]);
    assert_eq!(published["version"], "1.4.0");
    assert_eq!(published["rollout"], false);
    bench.build("1.5.0");
    bench.done(&["publish", "build", "--share", "5%", "--duration", "48h", "--level", "3"]);

    let stable = "stable".parse().unwrap();
    let mut device = bench.device(&directory(&bench.path("repository")));
    let updates = device.updates(&stable).unwrap();
    let rollouts: Vec<bool> = updates.releases.iter().map(|release| release.rollout.is_some()).collect();
    assert_eq!(rollouts, [false, true]);
    let release = device.release(&stable, "1.4.0".parse().unwrap(), Architecture::X86_64).unwrap();
    assert_eq!(release.root.root_hash.to_string(), bench.sample.root_hash);
    assert_eq!(release.needs.memory, 512 << 20);
    let read = |artifact| {
        let mut bytes = Vec::new();
        device.artifact(&release, artifact).whole().unwrap().read_to_end(&mut bytes).unwrap();
        zstd::decode_all(bytes.as_slice()).unwrap()
    };
    assert!(read(&release.full.root) == bench.sample.root);
    assert!(read(&release.full.uki) == bench.sample.unified_image);
    let from_root = release.full.uki_from_root.as_ref().expect("the UKI is made from the root image");
    assert!(from_root.file.size < release.full.uki.size, "{release:?}");
    assert_eq!(release.root.sha256.0, <[u8; 32]>::from(Sha256::digest(&bench.sample.root)));

    bench.done(&["rollout", "1.5.0", "--pause"]);
    bench.done(&["barrier", "1.4.0", "--reason", "Moves settings"]);
    bench.done(&["withdraw", "1.5.0", "--reason", "Does not start"]);
    let listed = bench.run(&["list"]);
    let lines: Vec<&str> = listed.output.lines().collect();
    assert_eq!(lines[0], "stable");
    assert!(
        lines[1].contains("1.5.0") && lines[1].ends_with("x86-64; reaches 5 %; withdrawn: Does not start"),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].contains("1.4.0") && lines[2].ends_with("x86-64; no rollout; barrier: Moves settings"),
        "{}",
        lines[2]
    );
    bench.done(&["withdraw", "1.5.0", "--undo"]);
    bench.done(&["barrier", "1.4.0", "--undo"]);
    bench.done(&["dead-end", "1.5.0", "--reason", "Write a new image"]);
    let updates = bench.device(&directory(&bench.path("repository"))).updates(&stable).unwrap();
    assert!(updates.releases[0].barrier.is_none() && updates.releases[1].withdrawn.is_none());
    assert!(updates.releases[1].rollout.is_none() && updates.releases[1].dead_end.is_some());
}

#[test]
fn keys_are_replaced_and_metadata_renewed_with_the_keys_at_hand() {
    let bench = Bench::new();
    bench.done(&["init"]);
    bench.done(&["publish", "build", "--level", "1"]);
    bench.device(&directory(&bench.path("repository")));
    for role in ["timestamp", "snapshot", "targets", "stable", "root"] {
        bench.done(&["rotate", role]);
        fs::remove_file(bench.path(&format!("keys/{role}.key"))).unwrap();
    }
    let refreshed = bench.done(&["refresh"]);
    assert_eq!(refreshed["metadata"][0]["role"], "timestamp");
    bench.done(&["add-stream", "next"]);
    let mut device = bench.device(&directory(&bench.path("repository")));
    assert!(device.updates(&"next".parse().unwrap()).unwrap().releases.is_empty());
    assert_eq!(device.updates(&"stable".parse().unwrap()).unwrap().releases.len(), 1);
}

#[test]
fn a_stick_is_exported_and_says_until_when_it_is_valid() {
    let bench = Bench::new();
    bench.done(&["init"]);
    bench.done(&["publish", "build", "--level", "1"]);
    bench.build("1.5.0");
    bench.done(&["publish", "build", "--level", "1"]);
    let exported = bench.done(&["export", "stick"]);
    assert_eq!(exported["releases"], serde_json::json!(["1.5.0 for x86-64"]));
    assert_eq!(exported["expires_first"], "timestamp");
    let mut device = bench.device(&directory(&bench.path("stick")));
    let stable = "stable".parse().unwrap();
    assert!(device.release(&stable, "1.5.0".parse().unwrap(), Architecture::X86_64).is_ok());
    assert!(device.release(&stable, "1.4.0".parse().unwrap(), Architecture::X86_64).is_err());
    let none = bench.run(&["export", "stick", "--release", "7.0.0"]);
    assert_eq!(none.code, 3, "{}", none.errors);
}

#[test]
fn a_served_repository_is_read_over_http() {
    let bench = Bench::new();
    bench.done(&["init"]);
    let mut server =
        bench.command(&["--json", "serve", "--listen", "127.0.0.1:0"]).stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(server.stdout.take().unwrap()).lines();
    let url = lines.map_while(Result::ok).find_map(|line| {
        line.trim().strip_prefix("\"url\": \"").map(|rest| rest.trim_end_matches(['"', ',']).to_owned())
    });
    let location: Location = url.unwrap().parse().unwrap();
    let mut device = bench.device(&location);
    assert!(device.updates(&"stable".parse().unwrap()).unwrap().releases.is_empty());
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn refusals_say_who_has_to_do_what() {
    let bench = Bench::new();
    let refused = |arguments: &[&str], code: i32, hint: &str| {
        let run = bench.run(arguments);
        assert_eq!(run.code, code, "{arguments:?}: {}", run.errors);
        assert!(run.errors.contains(hint), "{arguments:?}: {}", run.errors);
    };
    refused(&["list"], 4, "piccolo release init");
    refused(&["init", "--stream", "root"], 2, "choose another name");
    bench.done(&["init"]);
    refused(&["init"], 3, "holds a repository already");
    refused(&["publish", "keys"], 3, "does not describe a build");
    refused(&["publish", "build", "--stream", "next"], 3, "no role next");
    refused(&["rollout", "1.4.0", "--share", "5%"], 3, "piccolo release list");
    refused(&["rotate", "nobody"], 3, "its roles are");
    refused(&["--repository", "s3://bucket/x", "list"], 4, "AWS_ACCESS_KEY_ID");

    bench.done(&["publish", "build", "--level", "1"]);
    refused(&["publish", "build"], 3, "build with a higher version");
    refused(&["rollout", "1.4.0"], 2, "--share 100%");
    refused(&["withdraw", "1.4.0"], 2, "--reason");

    // A byte of the image differs from what was built.
    bench.build("1.5.0");
    let disk = bench.path("build/attic.raw");
    let mut bytes = fs::read(&disk).unwrap();
    bytes[bench.sample.offset(disk_layout::slot::PartitionRole::Root(disk_layout::slot::SlotName::A)) + 5000] ^= 1;
    fs::write(&disk, bytes).unwrap();
    refused(&["publish", "build"], 3, "is not what attic describes");

    fs::set_permissions(bench.path("keys/stable.key"), fs::Permissions::from_mode(0o644)).unwrap();
    refused(&["refresh"], 4, "chmod 600");
    fs::remove_file(bench.path("keys/stable.key")).unwrap();
    refused(&["withdraw", "1.4.0", "--reason", "No key"], 4, "signing the stable metadata takes 1 of its keys");
    let left: Vec<_> = fs::read_dir(bench.path("build")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

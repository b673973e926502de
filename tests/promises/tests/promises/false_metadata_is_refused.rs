//! Whoever holds the server or the line, but not the keys, brings a device nothing: it names what is wrong and stays as it is.

use std::fs;
use std::path::{Path, PathBuf};

use test_bench::TestMachine;

use crate::operator::{Operator, set, tell_source, update_machine, wait_for_updates};
use crate::workshop;

/// What must not change: the boot entries, and what is in the other slot.
const SYSTEM: &str =
    "ls -l /efi/EFI/Linux; head --bytes=1M /dev/piccolo/by-partlabel/root-b | sha256sum; cat /proc/cmdline";

#[test]
fn false_metadata_is_refused_by_name_and_a_good_repository_works_afterwards() {
    let mut good = Operator::new();
    let [old, new] = ["1.0.0", "1.1.0"].map(|version| good.build(version, ""));
    good.publish(&old, 0);
    let before = good.copy();
    good.publish(&new, 1);
    let mut machine = TestMachine::start(&old.image(), update_machine());
    set(&mut machine, "60-strategy", "strategy = \"manual\"\nbuild = \"when-asked\"");
    // The first start is found to be good, which renames its boot entry.
    machine.succeed("timeout 110 sh -c 'until ls /efi/EFI/Linux/*.efi | grep -qv +; do sleep 1; done'");
    let system = machine.succeed(SYSTEM);

    // Others' keys.
    refused(&mut machine, &Operator::with_other_keys(), "signed by somebody else");

    // Today's repository, in which a part is yesterday's under today's name.
    for (part, role) in [("snapshot.json", "the snapshot metadata"), ("testing.json", "the testing metadata")] {
        let mixed = good.copy();
        replace(&newest(&mixed, part), &fs::read(newest(&before, part)).unwrap());
        refused(&mut machine, &mixed, role);
    }

    // Somebody changed a byte of what is signed.
    let tampered = good.copy();
    flip(&newest(&tampered, "testing.json"));
    refused(&mut machine, &tampered, "the testing metadata");
    let tampered = good.copy();
    flip(&updates_of(&tampered));
    refused(&mut machine, &tampered, "updates.json");

    // A clock that is far ahead sees metadata that nobody has signed anew for years.
    let now = machine.succeed("date +%s");
    machine.succeed("date --set='+3 years'");
    refused(&mut machine, &good, "expired on");
    machine.succeed(&format!("date --set=@{now}"));

    // The good one is the newest that the device has seen.
    tell_source(&mut machine, &good.url());
    let _known = machine.run("piccolo device update check");
    let offered = wait_for_updates(&mut machine, "available", |updates| updates["state"] == "available");
    assert_eq!(offered["release"]["version"], "1.1.0", "{offered}");

    // Yesterday's, whole and well signed.
    refused(&mut machine, &before, "rolled back");

    assert_eq!(machine.succeed(SYSTEM), system, "the device is as it was");
    tell_source(&mut machine, &good.url());
    machine.succeed("piccolo device update start");
    let staged = wait_for_updates(&mut machine, "staged", |updates| updates["state"] == "staged");
    assert_eq!(staged["release"]["version"], "1.1.0", "{staged}");
}

/// Has the device look into a repository, which it must refuse, with these words among the reason's.
#[track_caller]
fn refused(machine: &mut TestMachine, repository: &Operator, words: &str) {
    let asked = repository.line().downloaded();
    tell_source(machine, &repository.url());
    // It may be looking by itself already.
    let _asked = machine.run("piccolo device update check");
    let said = wait_for_updates(machine, &format!("refusing for {words:?}"), |updates| {
        let looked = repository.line().downloaded() > asked && updates["state"] != "checking";
        looked && updates["source"] == repository.url() && updates["failure"].is_object()
    });
    let reason = said["failure"]["reason"].as_str().unwrap_or_default();
    assert!(reason.contains(words), "{words:?} is not in {reason:?}");
}

/// The newest file of a role.
fn newest(operator: &Operator, role: &str) -> PathBuf {
    let files = fs::read_dir(operator.place().join("repository/metadata")).unwrap().map(|file| file.unwrap().path());
    let version = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_suffix(role)?.strip_suffix('.')?.parse::<u32>().ok()
    };
    files.max_by_key(|path| version(path)).unwrap()
}

/// The list of releases that is current, by its name's hash in the stream's metadata.
fn updates_of(operator: &Operator) -> PathBuf {
    let signed = fs::read_to_string(newest(operator, "testing.json")).unwrap();
    let mut files = fs::read_dir(operator.place().join("repository/targets/testing")).unwrap();
    let current = files.find_map(|file| {
        let path = file.unwrap().path();
        let hash = path.file_name()?.to_str()?.strip_suffix(".updates.json")?.to_owned();
        signed.contains(&hash).then_some(path)
    });
    current.unwrap()
}

/// Changes a bit in the middle.
fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    replace(path, &bytes);
}

/// Other repositories may hold the same file.
fn replace(path: &Path, bytes: &[u8]) {
    fs::remove_file(path).unwrap();
    fs::write(path, bytes).unwrap();
}

impl Operator {
    /// A second server with the same repository.
    fn copy(&self) -> Self {
        let other = Self::new();
        workshop::bring(&self.place().join("repository"), &other.place().join("repository"));
        other
    }
}

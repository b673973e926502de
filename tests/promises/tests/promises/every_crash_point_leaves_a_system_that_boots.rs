//! Power may fail at any moment of an update, and the disk may have lost or reordered what it was not told to keep: what is left starts a
//! whole release.
//!
//! A machine takes two updates, so that each slot is written once and the second update overwrites a slot that could have been started. What it
//! does to its disk is logged. Then every disk that a power cut could have left is looked at, and the most telling ones are booted.

use std::collections::VecDeque;
use std::fs::File;
use std::ops::Range;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Instant;

use disk_layout::slot::PartitionRole;
use power_cuts::SECTOR;
use power_cuts::boot_rule;
use power_cuts::contents::{Contents, SourceNumber};
use power_cuts::disk::Disk;
use power_cuts::power_cut::for_each_power_cut;
use power_cuts::release::Release;
use power_cuts::sample::{Chosen, Sample};
use power_cuts::write_log::{Operation, Write, WriteLog};
use tempfile::TempDir;
use test_bench::machine::large_temporary_folder;
use test_bench::{TestMachine, TestOptions};

use crate::operator::{BuiltRelease, Operator, update_machine, wait_for_updates};

/// Disks that are booted.
const BOOTED: usize = 12;
/// How many of these then complete the update, the most telling first.
const COMPLETED: usize = 1;
/// Machines that run at once.
const AT_ONCE: usize = 2;
/// The disk, in bytes: room for both slots and a small data partition.
const DISK: u64 = 9 << 30;
/// The releases: the one that is shipped, and the two that a device is brought to.
const VERSIONS: [&str; 3] = ["1.0.0", "1.1.0", "1.2.0"];

#[test]
fn wherever_power_fails_during_an_update_a_whole_release_starts() {
    let mut operator = Operator::new();
    let builds = VERSIONS.map(|version| operator.build(version, ""));
    let recording = record(&mut operator, &builds);
    let mut scene = Scene::of(&builds, &recording);

    let sample = scene.judge();
    let chosen = sample.choose(BOOTED);
    assert_eq!(chosen.len(), BOOTED, "there are not so many kinds of disks: {chosen:#?}");
    scene.boot(&chosen);
}

/// What a machine did to its disk while it updated itself twice.
struct Recording {
    directory: TempDir,
    /// How long the log was when the first update began, in bytes.
    begin: u64,
    /// The sectors of the data partition.
    var: Range<u64>,
}

impl Recording {
    fn log(&self) -> PathBuf {
        self.directory.path().join("writes.log")
    }
}

fn record(operator: &mut Operator, builds: &[BuiltRelease; 3]) -> Recording {
    let [shipped, updates @ ..] = builds;
    operator.publish(shipped, 8);
    let directory = tempfile::tempdir_in(large_temporary_folder()).unwrap();
    let mut recording = Recording { directory, begin: 0, var: 0..0 };
    let options = TestOptions { write_log: Some(recording.log()), disk_size: DISK, ..update_machine() };
    let mut machine = operator.start(shipped, options);
    wait_for_updates(&mut machine, "up to date", |updates| {
        updates["state"] == "idle" && updates["last_check"].is_string() && updates["failure"].is_null()
    });
    machine.succeed("sync");
    recording.begin = recording.log().metadata().unwrap().len();
    for (update, version) in updates.iter().zip(&VERSIONS[1..]) {
        operator.publish(update, 8);
        machine.succeed("piccolo device update check");
        wait_for_updates(&mut machine, "kept", |updates| updates["state"] == "idle" && updates["running"] == *version);
        // The counter is off: this release has shown that it is healthy.
        assert!(machine.succeed("sync; ls /efi/EFI/Linux").contains(&format!("piccolo_{version}.efi")));
    }
    machine.cut_power();
    let var = machine.disk().partition(PartitionRole::Var.label());
    recording.var = var.start / SECTOR..(var.start + var.length) / SECTOR;
    recording
}

/// The disk as it was, what was done to it, and what should be on it.
struct Scene {
    contents: Contents,
    image: SourceNumber,
    releases: Vec<Release>,
    log: Vec<Operation>,
    update: Range<usize>,
    var: Range<u64>,
    directory: PathBuf,
}

impl Scene {
    fn of(builds: &[BuiltRelease; 3], recording: &Recording) -> Self {
        let mut contents = Contents::default();
        let releases = builds.iter().map(|build| {
            let image = build.image();
            Release::of_build(&mut contents, image.parent().unwrap()).unwrap()
        });
        let releases = releases.collect();
        let image = contents.add_source(File::open(builds[0].image()).unwrap());
        let log = contents.add_source(File::open(recording.log()).unwrap());
        let log = WriteLog::read(&mut contents, log).unwrap();
        Self {
            update: log.operations_at(recording.begin)..log.operations.len(),
            log: log.operations,
            contents,
            image,
            releases,
            var: recording.var.clone(),
            directory: recording.directory.path().to_owned(),
        }
    }

    /// Looks at every disk that a power cut could have left; none may fail to start a whole release.
    #[expect(clippy::print_stdout, reason = "how much was looked at, for those who read what the test says")]
    fn judge(&mut self) -> Sample {
        let started = Instant::now();
        let (mut looked_at, mut faults, mut sample) = (0_usize, Vec::new(), Sample::default());
        let mut disk = self.disk();
        for_each_power_cut(&mut disk, &self.log, self.update.clone(), self.counts(), |disk, cut| {
            looked_at += 1;
            match boot_rule::look(disk, &self.contents, &self.releases) {
                Ok(appearance) => sample.add(cut, &appearance),
                Err(fault) => faults.push(format!("{cut:?}: {fault}")),
            }
        });
        let flushes = self.log[self.update.clone()].iter().filter(|operation| **operation == Operation::Flush).count();
        let (operations, kinds, seconds) = (self.update.len(), sample.kinds(), started.elapsed().as_secs());
        println!(
            "{operations} operations, {flushes} of them flushes: {looked_at} disks of {kinds} kinds that power cuts can leave, \
             looked at in {seconds} s"
        );
        let shown = faults.iter().take(20).cloned().collect::<Vec<_>>().join("\n");
        assert!(faults.is_empty(), "{} of {looked_at} disks would not start a whole release:\n{shown}", faults.len());
        let last = boot_rule::look(&disk, &self.contents, &self.releases).unwrap();
        assert_eq!(last.starts(), VERSIONS[2], "what was logged is not what the machine did: {last:?}");
        sample
    }

    /// Boots disks in virtual machines.
    fn boot(&mut self, chosen: &[Chosen]) {
        let test = thread::current().name().unwrap_or_default().to_owned();
        let mut disk = self.disk();
        thread::scope(|scope| {
            let mut running = VecDeque::new();
            let wait = |running: &mut VecDeque<thread::ScopedJoinHandle<'_, ()>>| {
                let Some(first) = running.pop_front() else { return };
                first.join().unwrap_or_else(|panic| resume_unwind(panic));
            };
            for_each_power_cut(&mut disk, &self.log, self.update.clone(), self.counts(), |disk, cut| {
                let Some(number) = chosen.iter().position(|chosen| chosen.cut == cut) else { return };
                if running.len() == AT_ONCE {
                    wait(&mut running);
                }
                let image = self.directory.join(format!("{number}.raw"));
                disk.store(&self.contents, &File::create(&image).unwrap()).unwrap();
                // The most telling ones are the first.
                let completes = number < COMPLETED;
                let chosen = &chosen[number];
                let release = self.releases.iter().find(|release| release.version == chosen.starts).unwrap();
                let root_hash = release.root_hash.to_string();
                // Each thread's console has a log of its own, named after it.
                let thread = thread::Builder::new().name(format!("{test}.{number}"));
                running.push_back(
                    thread.spawn_scoped(scope, move || comes_up(&image, chosen, &root_hash, completes)).unwrap(),
                );
            });
            while !running.is_empty() {
                wait(&mut running);
            }
        });
    }

    fn disk(&mut self) -> Disk {
        Disk::beginning_like(&mut self.contents, self.image, DISK / SECTOR).unwrap()
    }

    /// Whether a write matters to what boots: those into the data partition do not.
    fn counts(&self) -> impl Fn(&Write) -> bool + use<> {
        let var = self.var.clone();
        move |write| !var.contains(&write.first)
    }
}

/// A device comes up from this disk, healthy and with the release that was foretold.
#[expect(clippy::print_stdout, reason = "which disk a failure is about")]
fn comes_up(image: &Path, chosen: &Chosen, root_hash: &str, completes: bool) {
    println!("booting {chosen:?}");
    let options = TestOptions { memory: 1 << 30, disk_size: DISK, ..update_machine() };
    let mut machine = TestMachine::start(image, options);
    // The kernel says what it was started with. The API may be asked too late: an update that had only to be installed restarts the device soon.
    let console = machine.console();
    let started = console.split_once("roothash=").and_then(|(_, rest)| rest.get(..64));
    assert_eq!(started, Some(root_hash), "{chosen:?}");
    wait_for_updates(&mut machine, "those of one of the releases", |updates| {
        VERSIONS.iter().any(|version| updates["running"] == *version)
    });
    if completes {
        wait_for_updates(&mut machine, "completed", |updates| {
            updates["state"] == "idle" && updates["running"] == VERSIONS[2]
        });
    }
    drop(machine);
    std::fs::remove_file(image).unwrap();
}

//! Facts read from trees of files as the kernel and systemd write them.

use std::path::PathBuf;

use device_facts::{FactsError, FactsSource};

fn tree(name: &str) -> FactsSource {
    FactsSource::new(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/trees").join(name))
}

fn snapshot(name: &str) {
    let source = tree(name);
    let (boot, state, vitals) = (source.boot(), source.state(), source.vitals());
    assert!(boot.problems.is_empty() && state.problems.is_empty() && vitals.problems.is_empty());
    insta::assert_debug_snapshot!(name, (boot.facts, state.facts, vitals.facts));
}

#[test]
fn a_device_as_designed_is_read_whole() {
    snapshot("piccolo-as-designed");
}

#[test]
fn a_device_on_trial_is_read_whole() {
    snapshot("piccolo-on-trial");
}

#[test]
fn a_machine_without_uefi_and_tpm_is_read_whole() {
    snapshot("debian-without-uefi");
}

#[test]
fn an_empty_tree_has_no_facts_and_no_problems() {
    let directory = tempfile::tempdir().unwrap();
    let source = FactsSource::new(directory.path());
    let (boot, state, vitals) = (source.boot(), source.state(), source.vitals());
    assert_eq!((boot.problems.len(), state.problems.len(), vitals.problems.len()), (0, 0, 0));
    assert_eq!(state.facts, Default::default());
    assert_eq!(vitals.facts, Default::default());
    assert_eq!(boot.facts.firmware, None);
}

#[test]
fn a_file_that_makes_no_sense_is_named_and_the_others_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let write = |path: &str, content: &[u8]| {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    };
    write("proc/self/mountinfo", b"nonsense\n");
    write("proc/sys/kernel/hostname", b"kitchen\n");
    write("sys/class/block/vda/dev", b"\xff\xfe");
    write("sys/class/block/vdb/dev", b"8:16\n");
    let state = FactsSource::new(directory.path()).state();
    let problems: Vec<String> = state
        .problems
        .iter()
        .map(|problem| problem.to_string().replace(directory.path().to_str().unwrap(), ""))
        .collect();
    assert_eq!(
        problems,
        [
            "/proc/self/mountinfo does not have the form it should have and was ignored",
            "/sys/class/block/vda/dev does not have the form it should have and was ignored",
        ]
    );
    assert_eq!(state.facts.host_name, "kitchen");
    assert_eq!(state.facts.block_devices.len(), 1);
}

#[test]
fn a_file_without_end_is_not_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let proc = directory.path().join("proc");
    std::fs::create_dir_all(&proc).unwrap();
    std::os::unix::fs::symlink("/dev/zero", proc.join("meminfo")).unwrap();
    let vitals = FactsSource::new(directory.path()).vitals();
    assert!(matches!(vitals.problems.as_slice(), [FactsError::TooLarge { .. }]), "{:?}", vitals.problems);
}

#[test]
fn the_machine_that_runs_this_test_can_be_read() {
    let source = FactsSource::new("/");
    let (boot, state, vitals) = (source.boot(), source.state(), source.vitals());
    for problems in [&boot.problems, &state.problems, &vitals.problems] {
        assert!(problems.is_empty(), "{problems:?}");
    }
    assert_eq!(boot.facts.boot_id.len(), 36);
    assert!(state.facts.mount_at("/").is_some());
    assert!(
        vitals.facts.memory_total_bytes > vitals.facts.daemon_resident_bytes && vitals.facts.daemon_resident_bytes > 0
    );
}

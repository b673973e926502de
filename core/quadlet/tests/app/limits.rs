//! How much a unit may use.

use crate::app;
use quadlet::limits::{Limits, Wanted, strictest, write};
use quadlet::unit_file::UnitFile;

fn limits(text: &str) -> Limits {
    Limits::of(app(&[("a.container", text)]).unit("a.container").expect("the container"))
}

#[test]
fn limits_of_systemd_and_of_podman_are_found() {
    let limits = limits(
        "[Container]\nImage=registry.example/a:1\nPidsLimit=100\nShmSize=64m\nPodmanArgs=--memory 1g --cpus=1.5 --storage-opt size=10G\n\
         PodmanArgs=-m 3g\n[Service]\nMemoryMax=1G\nMemoryMax=512M\nCPUQuota=75%\nTasksMax=200\n",
    );
    let amounts = |limits: &[quadlet::limits::Limit]| limits.iter().map(|limit| limit.amount).collect::<Vec<_>>();
    assert_eq!(amounts(&limits.memory), [Some(512 << 20), Some(1 << 30), Some(3 << 30)]);
    assert_eq!(amounts(&limits.processes), [Some(200), Some(100)]);
    assert_eq!(amounts(&limits.processors), [Some(750), Some(1500)]);
    assert_eq!(amounts(&limits.shared_memory), [Some(64 << 20)]);
    assert_eq!(amounts(&limits.storage), [Some(10 << 30)]);
    let memory = strictest(&limits.memory).unwrap();
    assert_eq!((memory.written_as.as_str(), memory.text.as_str()), ("[Service] MemoryMax", "512M"));
    assert_eq!(memory.position.to_string(), "9:11");
}

#[test]
fn what_is_unlimited_or_known_only_on_the_device_has_no_amount() {
    let limits = limits(
        "[Container]\nImage=registry.example/a:1\nPidsLimit=-1\n[Service]\nMemoryMax=50%\nTasksMax=infinity\nCPUQuota=5%\nCPUQuota=\n",
    );
    assert_eq!((limits.memory[0].amount, strictest(&limits.memory)), (None, None));
    assert!(limits.processes.iter().all(|limit| limit.amount.is_none()));
    assert!(limits.processors.is_empty());
}

#[test]
fn limits_are_written_into_the_service_and_read_back() {
    let mut file =
        UnitFile::parse(b"[Container]\nImage=registry.example/a:1\n\n[Service]\nRestart=always\nTasksMax=9\n").unwrap();
    write(&mut file, Wanted::AtMost(1536 << 20), Wanted::Unlimited, Wanted::AtMost(1505)).unwrap();
    let expected =
        "[Container]\nImage=registry.example/a:1\n\n[Service]\nRestart=always\nMemoryMax=1536M\nCPUQuota=150.5%\n";
    assert_eq!(file.to_string(), expected);
    let limits = limits(expected);
    assert_eq!(limits.memory[0].amount, Some(1536 << 20));
    assert_eq!(limits.processors[0].amount, Some(1505));
    write(&mut file, Wanted::Unchanged, Wanted::Unchanged, Wanted::Unchanged).unwrap();
    assert_eq!(file.to_string(), expected);
}

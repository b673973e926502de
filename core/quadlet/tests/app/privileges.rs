//! What an operator must know before an app is installed.

use crate::{findings, findings_of_container};

#[test]
fn access_beyond_the_container_is_explained() {
    let cases = [
        ("Network=host", "the device's own network"),
        ("Volume=/:/host", "/ of the device: all files"),
        ("Volume=/etc:/x:ro", "/etc of the device: settings and keys"),
        ("Volume=/run/podman/podman.sock:/run/podman.sock", "whoever reaches this socket"),
        ("Volume=%t/podman/podman.sock:/var/run/docker.sock", "whoever reaches this socket"),
        ("Mount=type=bind,source=/var/run/docker.sock,target=/s", "whoever reaches this socket"),
        ("Volume=/proc:/host/proc", "the kernel's own view"),
        ("Volume=/dev:/dev", "past every protection"),
        ("Volume=/var/lib/containers/storage:/x", "the storage of all containers"),
        ("Volume=/run/dbus/system_bus_socket:/x", "services of the system can be steered"),
        ("AddDevice=/dev/sda", "/dev/sda of the device: a disk"),
        ("AddDevice=/dev/mem:/dev/mem:r", "past every protection"),
        ("AddCapability=CAP_SYS_ADMIN", "close to all rights that root has"),
        ("AddCapability=all", "all rights that root has"),
        ("SeccompProfile=unconfined", "no filter of system calls"),
        ("SecurityLabelDisable=true", "no label"),
        ("Unmask=ALL", "hidden from containers"),
        ("UserNS=host", "the device's users"),
        ("EnvironmentHost=yes", "secrets among them"),
        ("PodmanArgs=--privileged", "the container is the device"),
        ("PodmanArgs=--pid host", "all processes of the device"),
        ("PodmanArgs=--network=host", "the device's own network"),
        ("PodmanArgs=--cap-add=SYS_MODULE", "loading code into the kernel"),
        ("PodmanArgs=--security-opt seccomp=unconfined", "switches off a protection"),
        ("PodmanArgs=-v /:/host", "/ of the device: all files"),
        ("PodmanArgs=--volume=/:/host", "/ of the device: all files"),
        ("PodmanArgs=--device /dev/nvme0n1", "a disk"),
        ("GlobalArgs=--root=/x", "changes how Podman itself works"),
        ("[Service]\nExecStartPre=/bin/sh -c id", "runs on the device, outside of the container"),
    ];
    for (lines, expected) in cases {
        let found = findings_of_container(lines);
        assert!(found.len() == 1 && found[0].contains(expected), "{lines}: {found:?}");
        assert!(found[0].contains(" warning: ") && found[0].contains("[privilege]"), "{found:?}");
    }
}

#[test]
fn ordinary_access_is_not_worth_a_warning() {
    let lines = "Volume=/srv/media:/media:ro\nVolume=./conf:/etc/app\nVolume=%h/data:/data\nAddDevice=/dev/dri\nAddDevice=-/dev/ttyUSB0\n\
                 AddCapability=NET_BIND_SERVICE\nNetwork=bridge\nUserNS=keep-id\nPodmanArgs=--privileged=false --cpus 2\n\
                 EnvironmentHost=no\nSecurityLabelDisable=false\nVolume=/etcetera:/x\nVolume=/home/ann/x:/y";
    assert_eq!(findings_of_container(lines), [""; 0]);
}

#[test]
fn a_volume_unit_can_be_the_devices_root_too() {
    let found = findings(&[("all.volume", "[Volume]\nDevice=/\nType=none\nOptions=bind\n")]);
    assert_eq!(
        found,
        [
            "all.volume:2:8: warning: / of the device: all files, those of the system and of other apps among them [privilege]"
        ]
    );
}

#[test]
fn what_stands_in_kubernetes_yaml_is_not_vouched_for() {
    let found = findings(&[("a.kube", "[Kube]\nYaml=a.yaml\n")]);
    assert_eq!(found, ["a.kube:2:6: note: what a.yaml asks for is not looked into here [privilege]"]);
}

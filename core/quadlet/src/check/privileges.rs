//! What takes an app out of its container: an operator should know it before it is installed.

use super::podman_arguments::podman_options;
use crate::app::Unit;
use crate::finding::{Finding, Rule, Severity};
use crate::inventory::{HostPath, host_paths};
use crate::keys::{Value, is_on, value, values};
use crate::unit_file::Position;
use crate::unit_kind::UnitKind;

pub fn check(unit: &Unit, findings: &mut Vec<Finding>) {
    let mut warn = |position: Position, message: String| {
        findings.push(Finding::new(Severity::Warning, Rule::Privilege, &unit.name, message).at(position));
    };
    for HostPath { path, position, .. } in host_paths(unit) {
        if let Some(reason) = dangerous_path(&path) {
            warn(position, format!("{path} of the device: {reason}"));
        }
    }
    for network in values(&unit.file, unit.kind, "Network").into_iter().filter(|network| network.text == "host") {
        warn(network.position, HOST_NETWORK.to_owned());
    }
    for capability in values(&unit.file, unit.kind, "AddCapability") {
        if let Some(reason) = dangerous_capability(&capability.text) {
            warn(capability.position, format!("the capability {}: {reason}", capability.text));
        }
    }
    for (key, word, reason) in SETTINGS {
        let set = value(&unit.file, unit.kind, key).filter(|value| match *word {
            "true" => is_on(&unit.file, unit.kind, key, false),
            word => value.text.eq_ignore_ascii_case(word),
        });
        if let Some(Value { position, .. }) = set {
            warn(position, (*reason).to_owned());
        }
    }
    arguments(unit, &mut warn);
    commands(unit, &mut warn);
    if unit.kind == UnitKind::Kube
        && let Some(yaml) = value(&unit.file, unit.kind, "Yaml")
    {
        let message = format!("what {} asks for is not looked into here", yaml.text);
        findings.push(Finding::new(Severity::Note, Rule::Privilege, &unit.name, message).at(yaml.position));
    }
}

const HOST_NETWORK: &str = "the device's own network: it sees all traffic of the device, reaches what listens on loopback only, \
                            and the firewall's rules for apps do not apply";

/// Key, value, and what it means.
const SETTINGS: &[(&str, &str, &str)] = &[
    ("SeccompProfile", "unconfined", "no filter of system calls: a flaw of the kernel is open to it"),
    ("SecurityLabelDisable", "true", "no label that keeps it from other files of the device"),
    ("Unmask", "ALL", "it sees the parts of /proc and /sys that are hidden from containers"),
    ("UserNS", "host", "its users are the device's users: its root is root, where the app belongs to root"),
    ("EnvironmentHost", "true", "it gets all variables of the device's service, secrets among them"),
];

/// Why a path of the device is no business of a container; none where it is an ordinary one.
fn dangerous_path(path: &str) -> Option<&'static str> {
    let path = path.trim_end_matches('/');
    if path.ends_with("podman.sock") || path.ends_with("docker.sock") || path.ends_with("containerd.sock") {
        return Some("whoever reaches this socket starts containers at will, and so has all rights of the app's owner");
    }
    let is_or_is_below =
        |parent: &str| path == parent || path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'));
    if path.is_empty() {
        return Some("all files, those of the system and of other apps among them");
    }
    if matches!(path, "/dev") || ["/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg"].contains(&path) {
        return Some("devices and memory, past every protection");
    }
    let disks = ["/dev/sd", "/dev/nvme", "/dev/vd", "/dev/mmcblk", "/dev/disk", "/dev/mapper", "/dev/dm-"];
    if disks.iter().any(|disk| path.starts_with(disk)) {
        return Some("a disk, past the rights of the files on it");
    }
    if ["/etc", "/boot", "/efi", "/root"].into_iter().any(is_or_is_below) {
        return Some("settings and keys of the system");
    }
    if ["/proc", "/sys"].into_iter().any(is_or_is_below) {
        return Some("the kernel's own view of the device, with switches");
    }
    if is_or_is_below("/var/lib/containers") || path == "/var" || path == "/var/lib" {
        return Some("the storage of all containers and of the system");
    }
    let runtime = ["/run/systemd", "/run/dbus", "/var/run/dbus"].into_iter().any(is_or_is_below);
    if runtime || matches!(path, "/run" | "/var/run") {
        return Some("sockets with which services of the system can be steered");
    }
    (path == "/home").then_some("the files of all people")
}

/// What a capability allows beyond the container.
fn dangerous_capability(name: &str) -> Option<&'static str> {
    let upper = name.to_ascii_uppercase();
    Some(match upper.strip_prefix("CAP_").unwrap_or(&upper) {
        "ALL" => "all rights that root has",
        "SYS_ADMIN" => "mounting and much more; close to all rights that root has",
        "SYS_MODULE" => "loading code into the kernel",
        "SYS_RAWIO" => "reading and writing memory and disks directly",
        "SYS_PTRACE" => "reading and changing other processes that it sees",
        "SYS_BOOT" => "restarting the device",
        "SYS_TIME" => "setting the device's clock",
        "DAC_READ_SEARCH" => "reading every file that it can name, outside of the container, too",
        "MKNOD" => "making device nodes",
        "BPF" | "PERFMON" => "looking into the kernel",
        "NET_ADMIN" => "changing its network; the device's where it has Network=host",
        "MAC_ADMIN" | "MAC_OVERRIDE" => "passing over the rules of security modules",
        _ => return None,
    })
}

/// Options for Podman that no key of Quadlet has.
fn arguments(unit: &Unit, warn: &mut impl FnMut(Position, String)) {
    for option in podman_options(unit) {
        let written = option.value.as_deref().unwrap_or_default();
        let host = written == "host";
        let reason = match option.name.as_str() {
            "--privileged" if written != "false" => "no protection at all: the container is the device".to_owned(),
            "--network" | "--net" if host => HOST_NETWORK.to_owned(),
            "--pid" if host => "it sees all processes of the device and can stop those of its owner".to_owned(),
            "--ipc" if host => "it shares memory with processes of the device".to_owned(),
            "--uts" if host => "it can change the device's host name".to_owned(),
            "--cgroupns" if host => "it sees the control groups of the device".to_owned(),
            "--userns" if host => "its users are the device's users".to_owned(),
            "--cap-add" => match dangerous_capability(written) {
                Some(reason) => format!("the capability {written}: {reason}"),
                None => continue,
            },
            "--security-opt" if written.contains("disable") || written.contains("unconfined") => {
                format!("{written} switches off a protection")
            }
            "--security-opt" if written.eq_ignore_ascii_case("unmask=all") => {
                "it sees the parts of /proc and /sys that are hidden from containers".to_owned()
            }
            "--device-cgroup-rule" => "it may open devices that it makes nodes for".to_owned(),
            _ => continue,
        };
        warn(option.position, format!("{}: {reason}", option.name));
    }
    for argument in values(&unit.file, unit.kind, "GlobalArgs") {
        let message = format!("{} changes how Podman itself works, and is not looked into here", argument.text);
        warn(argument.position, message);
    }
}

/// Commands of the service run on the device.
fn commands(unit: &Unit, warn: &mut impl FnMut(Position, String)) {
    for entry in unit.file.entries_of("Service").filter(|entry| !entry.value.is_empty()) {
        let runs = matches!(
            entry.key.as_str(),
            "ExecStart"
                | "ExecStartPre"
                | "ExecStartPost"
                | "ExecReload"
                | "ExecStop"
                | "ExecStopPost"
                | "ExecCondition"
        );
        if runs {
            let message =
                format!("{}= runs on the device, outside of the container, with the rights of its owner", entry.key);
            warn(entry.position, message);
        }
    }
}

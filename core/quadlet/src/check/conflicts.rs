//! Keys that exclude each other, or that need another to mean something.

use crate::app::Unit;
use crate::finding::{Finding, Rule, Severity};
use crate::keys::{is_on, value, values};
use crate::unit_kind::UnitKind;

pub fn check(unit: &Unit, findings: &mut Vec<Finding>) {
    if matches!(unit.kind, UnitKind::Container | UnitKind::Kube) {
        service(unit, findings);
    }
    if matches!(unit.kind, UnitKind::Container | UnitKind::Pod | UnitKind::Kube) {
        user_mappings(unit, findings);
        ports(unit, findings);
    }
    if unit.kind == UnitKind::Container {
        container(unit, findings);
    }
    if unit.kind == UnitKind::Build
        && let Some(wrong) = value(&unit.file, unit.kind, "SetWorkingDirectory")
        && wrong.text.eq_ignore_ascii_case("yaml")
    {
        let message = "SetWorkingDirectory=yaml is for .kube files";
        let finding = Finding::new(Severity::Error, Rule::Conflict, &unit.name, message).at(wrong.position);
        findings.push(finding.suggest("write unit, file, a directory or a URL"));
    }
}

/// Podman needs these of the service.
fn service(unit: &Unit, findings: &mut Vec<Finding>) {
    for (key, allowed) in [("Type", ["notify", "oneshot"]), ("KillMode", ["mixed", "control-group"])] {
        let Some(entry) = unit.file.last("Service", key) else { continue };
        if !allowed.contains(&entry.text()) {
            let message = format!("{key}={} does not work for containers, and Podman refuses it", entry.text());
            let finding = Finding::new(Severity::Error, Rule::Conflict, &unit.name, message).at(entry.value_position());
            findings.push(finding.suggest(format!("write {} or leave it out", allowed.join(" or "))));
        }
    }
}

fn container(unit: &Unit, findings: &mut Vec<Finding>) {
    let find = |key| value(&unit.file, unit.kind, key);
    let mut conflict = |severity, key: &str, message: &str, suggestion: &str| {
        let finding = Finding::new(severity, Rule::Conflict, &unit.name, message).suggest(suggestion);
        findings.push(match value(&unit.file, unit.kind, key) {
            Some(value) => finding.at(value.position),
            None => finding,
        });
    };
    if find("Image").is_some() && find("Rootfs").is_some() {
        conflict(Severity::Error, "Rootfs", "a container has an image or a root directory, not both", "remove one");
    }
    if find("Group").is_some() && find("User").is_none() {
        conflict(Severity::Error, "Group", "Group= needs User=", "add User= to [Container]");
    }
    let healthy = find("Notify").is_some_and(|notify| notify.text.eq_ignore_ascii_case("healthy"));
    if healthy && find("HealthCmd").is_none() {
        let message = "Notify=healthy waits for a health check, and HealthCmd= says none";
        conflict(Severity::Warning, "Notify", message, "add HealthCmd=, unless the image brings a health check");
    }
    if find("Pod").is_none() && unit.file.last("Container", "StartWithPod").is_some() {
        conflict(Severity::Warning, "StartWithPod", "StartWithPod= means nothing without Pod=", "remove it");
    }
    if find("Pod").is_some() && find("PublishPort").is_some() {
        let message = "a container in a pod cannot publish ports: the network is the pod's";
        conflict(Severity::Error, "PublishPort", message, "write PublishPort= in the .pod file");
    }
}

/// Ports of a container without a network of its own are the device's anyway.
fn ports(unit: &Unit, findings: &mut Vec<Finding>) {
    let networks = values(&unit.file, unit.kind, "Network");
    let is_host = networks.iter().any(|network| network.text == "host");
    if let Some(port) = value(&unit.file, unit.kind, "PublishPort").filter(|_| is_host) {
        let severity = if unit.kind == UnitKind::Pod { Severity::Error } else { Severity::Warning };
        let message = "PublishPort= means nothing with Network=host, where all ports are the device's";
        let finding = Finding::new(severity, Rule::Conflict, &unit.name, message).at(port.position);
        findings.push(finding.suggest("remove one of them"));
    }
}

/// The old and the new keys for user namespaces.
fn user_mappings(unit: &Unit, findings: &mut Vec<Finding>) {
    let section = unit.kind.section();
    let present = |key: &str| unit.file.last(section, key).is_some_and(|entry| !entry.value.is_empty());
    let error = |key: &str, message: &str, suggestion: &str| {
        let finding = Finding::new(Severity::Error, Rule::Conflict, &unit.name, message).suggest(suggestion);
        match unit.file.last(section, key) {
            Some(entry) => finding.at(entry.position),
            None => finding,
        }
    };
    let new = ["UserNS", "UIDMap", "GIDMap", "SubUIDMap", "SubGIDMap"];
    let old = ["RemapUsers", "RemapUid", "RemapGid"];
    if let Some(first) = old.into_iter().find(|key| present(key)).filter(|_| new.into_iter().any(present)) {
        let message = "the deprecated Remap keys cannot stand beside UserNS=, UIDMap= and GIDMap=";
        findings.push(error(first, message, "remove the Remap keys"));
    }
    let mappings = ["RemapUid", "RemapGid"];
    match unit.file.text(section, "RemapUsers") {
        None => {
            if let Some(mapping) = mappings.into_iter().find(|key| present(key)) {
                findings.push(error(mapping, "this needs RemapUsers=", "use UIDMap= and GIDMap="));
            }
        }
        Some("keep-id") => {
            let several = mappings.into_iter().find(|key| values(&unit.file, unit.kind, key).len() > 1);
            if let Some(mapping) = several {
                findings.push(error(mapping, "RemapUsers=keep-id takes one mapping", "use UserNS=keep-id"));
            }
        }
        Some(_) => {}
    }
    if unit.kind == UnitKind::Container && is_on(&unit.file, unit.kind, "VolatileTmp", false) {
        let read_only = is_on(&unit.file, unit.kind, "ReadOnly", false);
        if read_only {
            findings.push(Finding::new(
                Severity::Note,
                Rule::Conflict,
                &unit.name,
                "VolatileTmp= means nothing with ReadOnly=, which brings a /tmp of its own",
            ));
        }
    }
}

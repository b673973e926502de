//! Names and ports that two units want.

use crate::app::{App, Surroundings, Unit};
use crate::finding::{Finding, Rule, Severity};
use crate::inventory::{PublishedPort, published_ports};
use crate::names::{resource_name, service_name};
use crate::unit_kind::UnitKind;
use std::collections::BTreeMap;

pub fn check(app: &App, surroundings: &Surroundings, findings: &mut Vec<Finding>) {
    services(app, surroundings, findings);
    resources(app, findings);
    ports(app, findings);
}

fn clash(unit: &Unit, message: String, suggestion: &str) -> Finding {
    Finding::new(Severity::Error, Rule::Clash, &unit.name, message).suggest(suggestion)
}

fn services(app: &App, surroundings: &Surroundings, findings: &mut Vec<Finding>) {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    let advice = "rename the file, or give it a ServiceName=";
    for unit in app.units() {
        let service = service_name(unit);
        if surroundings.services.contains(&service) {
            let message = format!("its service {service} would replace one that the device has already");
            findings.push(clash(unit, message, advice));
        }
        if let Some(other) = taken.get(&service) {
            findings.push(clash(unit, format!("its service {service} is also the one of {other}"), advice));
        } else {
            taken.insert(service, &unit.name);
        }
    }
}

/// Containers and pods share their names; volumes, networks and images have their own.
fn resources(app: &App, findings: &mut Vec<Finding>) {
    let mut taken: BTreeMap<(&str, String), &str> = BTreeMap::new();
    for unit in app.units() {
        let (space, key) = match unit.kind {
            UnitKind::Container => ("container or pod", "ContainerName"),
            UnitKind::Pod => ("container or pod", "PodName"),
            UnitKind::Volume => ("volume", "VolumeName"),
            UnitKind::Network => ("network", "NetworkName"),
            UnitKind::Image | UnitKind::Build | UnitKind::Kube => continue,
        };
        let Some(name) = resource_name(unit) else { continue };
        if let Some(other) = taken.get(&(space, name.clone())) {
            let message = format!("Podman would have two of the name {name} ({space}): this one and that of {other}");
            findings.push(clash(unit, message, &format!("give it a {key}= of its own")));
        } else {
            taken.insert((space, name), &unit.name);
        }
    }
}

fn ports(app: &App, findings: &mut Vec<Finding>) {
    let mut open: Vec<(&Unit, PublishedPort)> = Vec::new();
    for unit in app.units() {
        for port in published_ports(unit) {
            let other = open.iter().find(|(_, other)| other.mapping.collides_with(&port.mapping));
            if let (Some((owner, _)), Some(host)) = (other, port.mapping.host) {
                let owner = if owner.name == unit.name { "another line" } else { &owner.name };
                let message =
                    format!("port {host}/{} of the device is also published by {owner}", port.mapping.protocol);
                findings.push(clash(unit, message, "publish one of them on another port").at(port.position));
            }
            open.push((unit, port));
        }
    }
}

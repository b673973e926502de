//! Units that name other units.

use super::nearest::nearest;
use crate::app::{App, Surroundings, Unit};
use crate::finding::{Finding, Rule, Severity};
use crate::keys::{Value, value, values};
use crate::names::{resource_name, service_name};
use crate::unit_file::Position;
use crate::unit_kind::UnitKind;
use crate::value::{MountSpecification, NetworkMode, Source, VolumeSpecification};
use crate::words::{self, WordSyntax};

/// A unit that another one names: its service is started first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// The key that names it.
    pub key: &'static str,
    /// The file name of the unit.
    pub target: String,
    /// Where it is named.
    pub position: Position,
}

/// The units that the keys of Podman's section name.
pub(crate) fn references(unit: &Unit) -> Vec<Reference> {
    let mut references = Vec::new();
    let mut collect = |key: &'static str, target_of: fn(&str) -> Option<String>| {
        for Value { text, position } in values(&unit.file, unit.kind, key) {
            references.extend(target_of(&text).map(|target| Reference { key, target, position }));
        }
    };
    collect("Network", |text| match NetworkMode::parse(text) {
        Ok(NetworkMode::Unit(name)) => Some(name),
        _ => None,
    });
    collect("Volume", |text| unit_of(VolumeSpecification::parse(text).ok()?.source));
    collect("Mount", |text| unit_of(MountSpecification::parse(text).ok()?.source?));
    collect("Pod", |text| Some(text.to_owned()));
    let of_image = value(&unit.file, unit.kind, "Driver").is_some_and(|driver| driver.text == "image");
    if unit.kind == UnitKind::Container || (unit.kind == UnitKind::Volume && of_image) {
        collect("Image", |text| (text.ends_with(".image") || text.ends_with(".build")).then(|| text.to_owned()));
    }
    references
}

fn unit_of(source: Source) -> Option<String> {
    match source {
        Source::Unit(name) => Some(name),
        _ => None,
    }
}

/// Keys of `[Unit]` that name units (systemd.unit(5)).
pub(super) const DEPENDENCIES: [&str; 15] = [
    "After",
    "Before",
    "BindsTo",
    "Conflicts",
    "OnFailure",
    "OnSuccess",
    "PartOf",
    "PropagatesReloadTo",
    "PropagatesStopTo",
    "ReloadPropagatedFrom",
    "Requires",
    "Requisite",
    "StopPropagatedFrom",
    "Upholds",
    "Wants",
];

/// The units that a key of `[Unit]` names, with the places.
pub(super) fn dependencies(unit: &Unit, section: &str, key: &str) -> Vec<Value> {
    let entries = unit.file.all(section, key).into_iter();
    let words = entries.flat_map(|entry| {
        let words = words::split(&entry.value, WordSyntax::Plain).unwrap_or_default();
        words.into_iter().map(|word| Value { position: entry.position_in_value(word.offset), text: word.text })
    });
    words.collect()
}

pub fn check(app: &App, surroundings: &Surroundings, findings: &mut Vec<Finding>) {
    for unit in app.units() {
        for reference in references(unit) {
            findings.extend(missing(app, surroundings, unit, &reference));
        }
        let keys = DEPENDENCIES.iter().map(|key| ("Unit", *key));
        for (section, key) in keys.chain([("Install", "WantedBy"), ("Install", "RequiredBy")]) {
            for name in dependencies(unit, section, key) {
                findings.extend(file_instead_of_service(app, unit, key, &name));
            }
        }
    }
}

fn missing(app: &App, surroundings: &Surroundings, unit: &Unit, reference: &Reference) -> Option<Finding> {
    let Reference { key, target, position } = reference;
    let say = |message: String| Finding::new(Severity::Error, Rule::Reference, &unit.name, message).at(*position);
    if let Some(other) = app.unit(target) {
        let nameless = other.kind == UnitKind::Container && resource_name(other).is_none();
        return nameless.then(|| {
            say(format!("{key}= names {target}, of which only the device knows the container's name"))
                .suggest(format!("give it a ContainerName= in {target}"))
        });
    }
    if surroundings.units.contains(target) {
        return None;
    }
    let kind = UnitKind::of_file(target);
    let candidates = app.units().iter().filter(|unit| Some(unit.kind) == kind).map(|unit| unit.name.as_str());
    let finding = say(format!("{key}= names {target}, and there is no such unit"));
    Some(match nearest(target, candidates) {
        Some(near) => finding.suggest(format!("write {near}, or add {target}")),
        None => finding.suggest(format!("add {target} to the app")),
    })
}

/// Podman 5.4 hands `[Unit]` on as it is; systemd knows only services.
fn file_instead_of_service(app: &App, unit: &Unit, key: &str, name: &Value) -> Option<Finding> {
    let kind = UnitKind::of_file(&name.text)?;
    let stem = name.text.rsplit_once('.').map_or(name.text.as_str(), |(stem, _)| stem);
    let service = app.unit(&name.text).map_or_else(|| format!("{stem}{}.service", kind.service_suffix()), service_name);
    let message = format!("{key}= names the file {}, and systemd knows only the service", name.text);
    let finding = Finding::new(Severity::Warning, Rule::Reference, &unit.name, message).at(name.position);
    Some(finding.suggest(format!("write {service}")))
}

//! What must be there for the generator to make a service: podman-systemd.unit(5), the first paragraphs of each section.

use crate::app::Unit;
use crate::finding::{Finding, Rule, Severity};
use crate::keys::{Value, value, values};
use crate::unit_kind::UnitKind;

pub fn check(unit: &Unit, findings: &mut Vec<Finding>) {
    let has = |key| value(&unit.file, unit.kind, key).is_some();
    let mut missing = |message: &str, suggestion: &str| {
        findings.push(Finding::new(Severity::Error, Rule::Missing, &unit.name, message).suggest(suggestion));
    };
    match unit.kind {
        UnitKind::Container if !has("Image") && !has("Rootfs") => {
            missing("the container has no image", "add Image= to [Container]");
        }
        UnitKind::Image if !has("Image") => missing("it does not say which image to pull", "add Image= to [Image]"),
        UnitKind::Kube if !has("Yaml") => missing("it does not say which YAML to play", "add Yaml= to [Kube]"),
        UnitKind::Build => {
            if !has("ImageTag") {
                missing("the image that is built has no name", "add ImageTag=localhost/name to [Build]");
            }
            build_context(unit, &mut missing);
        }
        UnitKind::Network => subnets(unit, findings),
        UnitKind::Volume => volume(unit, findings),
        _ => {}
    }
}

/// A build needs a Containerfile by its whole path, or a directory.
fn build_context(unit: &Unit, missing: &mut impl FnMut(&str, &str)) {
    let text = |key| value(&unit.file, unit.kind, key).map(|value: Value| value.text);
    let directory = unit.file.text("Service", "WorkingDirectory");
    let context = text("SetWorkingDirectory");
    match (text("File"), context.as_deref(), directory) {
        (None, None, None) => {
            missing("it does not say what to build", "add SetWorkingDirectory=unit or File=/path to [Build]");
        }
        (None, Some(context), _) if context.eq_ignore_ascii_case("file") => {
            missing("SetWorkingDirectory=file needs File=", "add File= to [Build]");
        }
        (Some(file), None, None) if !file.starts_with('/') && !is_url(&file) => {
            missing("a relative File= needs a directory", "add SetWorkingDirectory=unit to [Build]");
        }
        _ => {}
    }
}

fn is_url(text: &str) -> bool {
    ["http://", "https://", "git://"].iter().any(|scheme| text.starts_with(scheme)) || text.contains("github.com/")
}

/// Gateways and ranges belong to subnets, in their order.
fn subnets(unit: &Unit, findings: &mut Vec<Finding>) {
    let subnets = values(&unit.file, unit.kind, "Subnet").len();
    for key in ["Gateway", "IPRange"] {
        let all = values(&unit.file, unit.kind, key);
        let Some(extra) = all.get(subnets) else { continue };
        let message = format!("there are {} {key}= and {subnets} Subnet=; each needs a subnet of its own", all.len());
        let finding = Finding::new(Severity::Error, Rule::Missing, &unit.name, message).at(extra.position);
        findings.push(finding.suggest("add Subnet= to [Network]"));
    }
}

/// Which keys of a volume need others.
fn volume(unit: &Unit, findings: &mut Vec<Finding>) {
    let find = |key| value(&unit.file, unit.kind, key);
    let is_image = find("Driver").is_some_and(|driver| driver.text == "image");
    if is_image && find("Image").is_none() {
        let finding = Finding::new(Severity::Error, Rule::Missing, &unit.name, "a volume of an image needs the image");
        findings.push(finding.suggest("add Image= to [Volume]"));
    }
    if !is_image && let Some(image) = find("Image") {
        let message = "Image= counts only with Driver=image";
        let finding = Finding::new(Severity::Warning, Rule::Conflict, &unit.name, message).at(image.position);
        findings.push(finding.suggest("add Driver=image, or remove it"));
    }
    for key in ["Type", "Options"] {
        if let Some(extra) = find(key).filter(|_| !is_image && find("Device").is_none()) {
            let message = format!("{key}= needs Device=");
            let finding = Finding::new(Severity::Error, Rule::Missing, &unit.name, message).at(extra.position);
            findings.push(finding.suggest("add Device= to [Volume]"));
        }
    }
}

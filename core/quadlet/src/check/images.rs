//! Where images come from, and secrets that stand in units.

use crate::app::Unit;
use crate::finding::{Finding, Rule, Severity};
use crate::keys::{value, values};
use crate::unit_kind::UnitKind;
use crate::value::{ImageReference, is_filled_in_later};

pub fn check(unit: &Unit, findings: &mut Vec<Finding>) {
    if matches!(unit.kind, UnitKind::Container | UnitKind::Image | UnitKind::Volume) {
        image(unit, findings);
    }
    if matches!(unit.kind, UnitKind::Container | UnitKind::Build) {
        environment(unit, findings);
    }
    if let Some(credentials) = value(&unit.file, unit.kind, "Creds").filter(|value| value.text.contains(':')) {
        let message = "Creds= shows the password of the registry to everybody who reads the unit";
        let finding = Finding::new(Severity::Warning, Rule::PlainSecret, &unit.name, message).at(credentials.position);
        findings.push(finding.suggest("log in to the registry on the device, and leave it out"));
    }
}

fn image(unit: &Unit, findings: &mut Vec<Finding>) {
    let Some(image) = value(&unit.file, unit.kind, "Image") else { return };
    let is_unit = image.text.ends_with(".image") || image.text.ends_with(".build");
    if is_filled_in_later(&image.text) || (is_unit && unit.kind != UnitKind::Image) {
        return;
    }
    let Ok(reference) = ImageReference::parse(&image.text) else { return };
    let update = value(&unit.file, unit.kind, "AutoUpdate").map(|value| value.text);
    let from_registry = update.as_deref() == Some("registry");
    let say = |severity, message: String, suggestion: &str| {
        let finding = Finding::new(severity, Rule::Image, &unit.name, message).at(image.position);
        finding.suggest(suggestion)
    };
    let advice = "write the registry before it, such as registry.example/path/name:tag";
    if !reference.is_certain() && from_registry {
        let message =
            format!("AutoUpdate=registry needs the whole name of the image, and {:?} names no registry", image.text);
        findings.push(say(Severity::Error, message, advice));
    } else if !reference.is_certain() {
        let message = format!("{:?} names no registry: which image it is depends on the device's settings", image.text);
        findings.push(say(Severity::Warning, message, advice));
    }
    if reference.is_fixed() && from_registry {
        let message = "the image is fixed by its digest, so AutoUpdate= never finds a newer one".to_owned();
        findings.push(say(Severity::Warning, message, "write a tag, or leave out AutoUpdate="));
    }
}

/// Names of variables whose values are usually secret.
const SECRET_NAMES: [&str; 6] = ["PASSWORD", "PASSWD", "PASSPHRASE", "SECRET", "TOKEN", "API_KEY"];

fn environment(unit: &Unit, findings: &mut Vec<Finding>) {
    for variable in values(&unit.file, unit.kind, "Environment") {
        let Some((name, text)) = variable.text.split_once('=') else { continue };
        let upper = name.to_ascii_uppercase();
        let is_secret = SECRET_NAMES.iter().any(|word| upper.contains(word)) && !upper.ends_with("_FILE");
        if is_secret && !text.is_empty() && !is_filled_in_later(text) {
            let message = format!("{name} looks like a secret, and everybody who reads the unit sees it");
            let finding = Finding::new(Severity::Warning, Rule::PlainSecret, &unit.name, message).at(variable.position);
            let advice = match unit.kind {
                UnitKind::Container => format!("make it a secret and write Secret=NAME,type=env,target={name}"),
                _ => "give it to the container, not to the image".to_owned(),
            };
            findings.push(finding.suggest(advice));
        }
    }
}

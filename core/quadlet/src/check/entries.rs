//! Each entry by itself: its section, its key, its value.

use super::nearest::nearest;
use crate::app::Unit;
use crate::finding::{Finding, Rule, Severity};
use crate::keys::{self, Key, QUADLET_SECTION, Shape, Standing, Value, systemd};
use crate::unit_file::{Entry, Section};
use crate::unit_kind::UnitKind;
use crate::value::{self, ValueKind};

pub fn check(unit: &Unit, findings: &mut Vec<Finding>) {
    findings.extend(unit.file.sections().filter_map(|section| unknown_section(unit, section)));
    for (section, entry) in unit.file.entries() {
        if section == unit.kind.section() || section == QUADLET_SECTION {
            podman_entry(unit, section, entry, findings);
        } else if let Some(known) = systemd::keys_of(section) {
            findings.extend(systemd_entry(unit, section, entry, known));
        }
    }
}

fn unknown_section(unit: &Unit, section: &Section) -> Option<Finding> {
    let own = unit.kind.section();
    let known = [own, "Unit", "Service", "Install", QUADLET_SECTION];
    let name = section.name.as_str();
    if known.contains(&name) || name.starts_with("X-") {
        return None;
    }
    let message = format!("nothing reads the section [{name}] of a .{} file", unit.kind);
    let other = UnitKind::ALL.into_iter().find(|kind| kind.section() == name);
    // What belongs to Podman would be missing without a word; systemd says in its log that it passes over the rest.
    let severity = if other.is_some() { Severity::Error } else { Severity::Warning };
    let finding = Finding::new(severity, Rule::UnknownSection, &unit.name, message).at(section.position);
    Some(match (other, nearest(name, known.into_iter())) {
        (Some(kind), _) => finding.suggest(format!("write [{own}] here, or put it into a .{kind} file")),
        (None, Some(near)) => finding.suggest(format!("perhaps [{near}]")),
        (None, None) => finding.suggest("remove it, or begin its name with X-"),
    })
}

fn podman_entry(unit: &Unit, section: &str, entry: &Entry, findings: &mut Vec<Finding>) {
    let known = if section == QUADLET_SECTION { keys::of_quadlet() } else { keys::of_kind(unit.kind) };
    let Some(key) = known.iter().find(|key| key.name == entry.key) else {
        findings.push(unknown_key(unit, section, entry, known));
        return;
    };
    let is_last = unit.file.last(section, key.name) == Some(entry);
    if !key.is_repeatable() && !is_last {
        let message = format!("{} counts once, and a later line replaces this one", key.name);
        let finding = Finding::new(Severity::Warning, Rule::Repeated, &unit.name, message).at(entry.position);
        findings.push(finding.suggest("remove the line that is not meant"));
    }
    if let Standing::Deprecated(instead) = key.standing {
        let message = format!("{} is deprecated", key.name);
        let finding = Finding::new(Severity::Warning, Rule::Deprecated, &unit.name, message).at(entry.position);
        findings.push(finding.suggest(instead));
    }
    check_values(unit, key, entry, findings);
}

fn unknown_key(unit: &Unit, section: &str, entry: &Entry, known: &[Key]) -> Finding {
    let written = entry.key.as_str();
    let message = format!("Podman 5.4 does not know {written}= in [{section}], and refuses the file");
    let finding = Finding::new(Severity::Error, Rule::UnknownKey, &unit.name, message).at(entry.position);
    if let Some(instead) = keys::instead_of(unit.kind, written) {
        return finding.suggest(instead);
    }
    let elsewhere = ["Unit", "Service", "Install"].into_iter().find(|section| {
        let mut keys = systemd::keys_of(section).into_iter().flatten();
        keys.any(|key| key == written)
    });
    match (nearest(written, known.iter().map(|key| key.name)), elsewhere) {
        (_, Some(section)) => finding.suggest(format!("write it in [{section}]")),
        (Some(near), None) => finding.suggest(format!("perhaps {near}=")),
        (None, None) => finding.suggest("remove it"),
    }
}

fn systemd_entry(
    unit: &Unit,
    section: &str,
    entry: &Entry,
    mut known: impl Iterator<Item = &'static str>,
) -> Option<Finding> {
    let written = entry.key.as_str();
    if written.starts_with("X-") || known.any(|key| key == written) {
        return None;
    }
    let ignored = section == "Install" && systemd::INSTALL_IGNORED.split(' ').any(|key| key == written);
    let who = if ignored { "Podman's generator" } else { "systemd" };
    let message = format!("{who} ignores {written}= in [{section}]");
    let finding = Finding::new(Severity::Warning, Rule::UnknownKey, &unit.name, message).at(entry.position);
    if keys::find(unit.kind, written).is_some() {
        return Some(finding.suggest(format!("write it in [{}]", unit.kind.section())));
    }
    let near = nearest(written, systemd::keys_of(section).into_iter().flatten());
    Some(finding.suggest(near.map_or_else(|| "remove it".to_owned(), |near| format!("perhaps {near}="))))
}

fn check_values(unit: &Unit, key: &Key, entry: &Entry, findings: &mut Vec<Finding>) {
    let error = |message| Finding::new(Severity::Error, Rule::Value, &unit.name, message);
    let values = match keys::split(entry, key.shape) {
        Ok(values) => values,
        Err(problem) => {
            let place = entry.position_in_value(problem.offset());
            findings.push(error(format!("{}: {problem}", key.name)).at(place));
            return;
        }
    };
    for Value { text, position } in values {
        // An empty value takes back those before; only here it means something.
        let counts = !text.is_empty()
            || matches!(key.kind, ValueKind::Boolean | ValueKind::BooleanOr(_) | ValueKind::ServiceName);
        if counts && let Err(problem) = value::check(key.kind, &text) {
            let message = format!("{}: {text:?} {}", key.name, problem.message);
            findings.push(error(message).at(position).suggest(problem.suggestion));
        }
    }
    findings.extend(quotes(unit, key, entry));
}

/// Podman takes double quotes away at both ends of a value that counts once, whether or not they belong together, and nowhere else.
fn quotes(unit: &Unit, key: &Key, entry: &Entry) -> Option<Finding> {
    let value = entry.value.as_str();
    let opening = value.len() - value.trim_start_matches('"').len();
    let closing = value.len() - value.trim_end_matches('"').len();
    let find = |severity, message: String, suggestion: &str| {
        let finding = Finding::new(severity, Rule::Value, &unit.name, message).at(entry.value_position());
        Some(finding.suggest(suggestion))
    };
    match key.shape {
        Shape::Once if opening != closing && value.len() > 1 => {
            let end = if closing > opening { "end" } else { "beginning" };
            let message = format!("{}: Podman takes away the quote at the {end}, and the other one stays", key.name);
            find(Severity::Error, message, "use single quotes")
        }
        Shape::Lines if opening > 0 && closing > 0 => {
            let message = format!("{}: the quotes become a part of the value", key.name);
            find(Severity::Warning, message, "leave them out")
        }
        _ => None,
    }
}

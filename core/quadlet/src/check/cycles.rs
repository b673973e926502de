//! Services that wait for each other, of which systemd would leave one out.

use super::references::{dependencies, references};
use crate::app::{App, Unit};
use crate::finding::{Finding, Rule, Severity};
use crate::names::service_name;
use std::collections::BTreeMap;

pub fn check(app: &App, findings: &mut Vec<Finding>) {
    let waits = waits(app);
    let mut state = vec![State::Unseen; waits.len()];
    for start in 0..waits.len() {
        // Each path is walked once; a cycle is found where it meets itself.
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.last_mut() {
            let node = *node;
            if *next == 0 && state.get(node) == Some(&State::Done) {
                path.pop();
                continue;
            }
            set(&mut state, node, State::OnPath);
            let following = waits.get(node).and_then(|targets| targets.get(*next)).copied();
            *next += 1;
            match following {
                None => {
                    set(&mut state, node, State::Done);
                    path.pop();
                }
                Some(target) if state.get(target) == Some(&State::OnPath) => {
                    let nodes: Vec<usize> = path.iter().map(|(node, _)| *node).collect();
                    let from = nodes.iter().position(|node| *node == target).unwrap_or(0);
                    findings.extend(cycle(app.units(), nodes.get(from..).unwrap_or_default()));
                }
                Some(target) if state.get(target) == Some(&State::Unseen) => path.push((target, 0)),
                Some(_) => {}
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Unseen,
    OnPath,
    Done,
}

fn set(state: &mut [State], node: usize, value: State) {
    if let Some(place) = state.get_mut(node) {
        *place = value;
    }
}

fn cycle(units: &[Unit], nodes: &[usize]) -> Option<Finding> {
    let names: Vec<&str> = nodes.iter().filter_map(|node| units.get(*node)).map(|unit| unit.name.as_str()).collect();
    let first = names.first()?;
    let message = match names.len() {
        1 => format!("{first} waits for itself, so that it would never start"),
        _ => format!("these wait for each other, so that one would never start: {} → {first}", names.join(" → ")),
    };
    let finding = Finding::new(Severity::Error, Rule::Cycle, first, message);
    Some(finding.suggest("take out one of the references, or of the After= and Before= in [Unit]"))
}

/// For each unit the units whose services are started before its own.
fn waits(app: &App) -> Vec<Vec<usize>> {
    let units = app.units();
    let by_file: BTreeMap<&str, usize> =
        units.iter().enumerate().map(|(index, unit)| (unit.name.as_str(), index)).collect();
    let by_service: BTreeMap<String, usize> =
        units.iter().enumerate().map(|(index, unit)| (service_name(unit), index)).collect();
    let mut waits: Vec<Vec<usize>> = vec![Vec::new(); units.len()];
    let mut add = |from: usize, to: usize| {
        if let Some(targets) = waits.get_mut(from).filter(|targets| !targets.contains(&to)) {
            targets.push(to);
        }
    };
    for (index, unit) in units.iter().enumerate() {
        for reference in references(unit) {
            if let Some(target) = by_file.get(reference.target.as_str()) {
                add(index, *target);
            }
        }
        for (key, is_after) in [("After", true), ("Before", false)] {
            for name in dependencies(unit, "Unit", key) {
                match by_service.get(&name.text) {
                    Some(target) if is_after => add(index, *target),
                    Some(target) => add(*target, index),
                    None => {}
                }
            }
        }
    }
    waits
}

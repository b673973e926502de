//! Options that are handed to Podman past Quadlet's keys.

use crate::app::Unit;
use crate::keys::{Value, values};
use crate::unit_file::Position;

/// An option of `PodmanArgs=`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PodmanOption {
    /// Its long name with the hyphens.
    pub name: String,
    /// Its value: behind the equals sign, or the next word if that is no option.
    pub value: Option<String>,
    /// Where it is written.
    pub position: Position,
}

/// Short options of `podman run` and `podman pod create` that matter here, with their long names.
const SHORT: [(&str, &str); 6] = [
    ("-v", "--volume"),
    ("-p", "--publish"),
    ("-e", "--env"),
    ("-m", "--memory"),
    ("-u", "--user"),
    ("-c", "--cpu-shares"),
];

/// The options in `PodmanArgs=`. Which of them take a value only Podman knows; a word that begins without a hyphen is taken for the value of the
/// option before it.
pub(crate) fn podman_options(unit: &Unit) -> Vec<PodmanOption> {
    let mut options: Vec<PodmanOption> = Vec::new();
    for Value { text, position } in values(&unit.file, unit.kind, "PodmanArgs") {
        if !text.starts_with('-') {
            if let Some(last) = options.last_mut().filter(|last| last.value.is_none()) {
                last.value = Some(text);
            }
            continue;
        }
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (text.as_str(), None),
        };
        let attached = SHORT.iter().find(|(short, _)| name.starts_with(short) && !name.starts_with("--"));
        options.push(match attached {
            Some((short, long)) => {
                let rest = text.get(short.len()..).unwrap_or_default().trim_start_matches('=');
                let value = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
                PodmanOption { name: (*long).to_owned(), value, position }
            }
            None => PodmanOption { name: name.to_owned(), value, position },
        });
    }
    options
}

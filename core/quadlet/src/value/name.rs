//! Words, names and pairs.

use super::Problem;

pub(super) fn one_of(text: &str, words: &[&str]) -> Result<(), Problem> {
    if words.contains(&text) {
        return Ok(());
    }
    Err(Problem::new("is none of the values that are possible", format!("write {}", words.join(", "))))
}

/// A name of a container, pod, volume or network.
pub(super) fn name(text: &str) -> Result<(), Problem> {
    let first = text.chars().next().is_some_and(|first| first.is_ascii_alphanumeric());
    let rest = text.chars().all(|character| character.is_ascii_alphanumeric() || "_.-".contains(character));
    if first && rest {
        return Ok(());
    }
    Err(Problem::new(
        "is not a name that Podman takes",
        "use letters, digits, underscores, dots and hyphens, and begin with a letter or digit",
    ))
}

/// Longest name of a unit, with `.service` (systemd.unit(5)).
const LONGEST_UNIT_NAME: usize = 255;

/// A name of a service, without `.service`.
pub(super) fn service_name(text: &str) -> Result<(), Problem> {
    if text.ends_with(".service") {
        return Err(Problem::new("ends in .service, which Podman adds itself", "write it without .service"));
    }
    if is_unit_name(text) && text.len() + ".service".len() <= LONGEST_UNIT_NAME {
        return Ok(());
    }
    Err(Problem::new("is not a name of a service", "use letters, digits, and : - _ . \\ @"))
}

/// Whether systemd takes this as the name of a unit (without its type).
pub(crate) fn is_unit_name(text: &str) -> bool {
    let allowed = |character: char| character.is_ascii_alphanumeric() || ":-_.\\@".contains(character);
    !text.is_empty() && text.chars().all(allowed)
}

/// A reference to a `.pod` unit.
pub(super) fn pod(text: &str) -> Result<(), Problem> {
    if text.ends_with(".pod") {
        return Ok(());
    }
    Err(Problem::new("is not a .pod unit", format!("write the file name of a pod unit, such as {text}.pod")))
}

/// `NAME=VALUE`.
pub(super) fn assignment(text: &str) -> Result<(), Problem> {
    match text.split_once('=') {
        Some((name, _)) if !name.is_empty() => Ok(()),
        _ => Err(Problem::new(
            "has no NAME= before it, and Podman would silently leave it out",
            "write NAME=VALUE, and quotes around it if the value has spaces",
        )),
    }
}

/// `SECRET[,OPTION=VALUE…]`.
pub(super) fn secret(text: &str) -> Result<(), Problem> {
    let mut parts = text.split(',');
    let first = parts.next().unwrap_or_default();
    if !first.is_empty() && parts.all(|part| part.contains('=')) {
        return Ok(());
    }
    Err(Problem::new("is not a secret", "write the secret's name and options, such as token,type=env,target=TOKEN"))
}

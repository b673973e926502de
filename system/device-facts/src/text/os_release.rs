//! os-release(5): a list of shell variable assignments, without any other shell syntax.

use device_status::facts::Release;

/// Reads the fields that name a release. Lines that are no assignments are skipped, as the specification asks of readers.
pub fn parse(text: &str) -> Release {
    let mut release = Release::default();
    for (key, value) in text.lines().filter_map(assignment) {
        match key {
            "ID" => release.id = value,
            "NAME" => release.name = value,
            "VERSION_ID" => release.version = Some(value),
            "PICCOLO_STREAM" => release.stream = Some(value),
            "IMAGE_ID" => release.image_id = Some(value),
            "IMAGE_VERSION" => release.image_version = Some(value),
            _ => {}
        }
    }
    release
}

fn assignment(line: &str) -> Option<(&str, String)> {
    let (key, value) = line.trim().split_once('=')?;
    let value = match value.as_bytes() {
        [b'"', .., b'"'] => unescaped(&value[1..value.len() - 1]),
        [b'\'', .., b'\''] => value[1..value.len() - 1].to_owned(),
        _ => value.to_owned(),
    };
    Some((key, value))
}

/// A backslash inside double quotes keeps the character after it.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => plain.extend(characters.next()),
            other => plain.push(other),
        }
    }
    plain
}

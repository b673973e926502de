//! Every key of Podman's sections: the tables to hold against podman-systemd.unit(5).

mod build;
mod container;
mod image;
mod kube;
mod later;
mod network;
mod pod;
mod quadlet;
pub mod systemd;
mod volume;

use crate::unit_file::{Entry, Position, UnitFile};
use crate::unit_kind::UnitKind;
use crate::value::ValueKind;
use crate::words::{self, WordError, WordSyntax};

pub use later::instead_of;

/// The section that units of all kinds may have for Quadlet itself.
pub const QUADLET_SECTION: &str = "Quadlet";

/// A key of one of Podman's sections.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// The name, as it is written.
    pub name: &'static str,
    /// How often it counts, and how a line of it is split.
    pub shape: Shape,
    /// What each value must be.
    pub kind: ValueKind,
    /// A valid line of it.
    pub example: &'static str,
    /// Whether it is to be used.
    pub standing: Standing,
}

/// How often a key counts, and how its lines are split into values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One value; where it is written more often, the last line counts.
    Once,
    /// One list of words, as in a shell; the last line counts.
    CommandLine,
    /// Each line is a value; an empty line takes away those before.
    Lines,
    /// Each word of each line is a value; an empty line takes away those before.
    Words(WordSyntax),
}

/// Whether a key is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// The manual page has it.
    Documented,
    /// The generator takes it, and the manual page of this section does not have it.
    Undocumented,
    /// The generator takes it for the sake of old files; the text says what to write.
    Deprecated(&'static str),
}

impl Key {
    const fn new(name: &'static str, shape: Shape, kind: ValueKind, example: &'static str) -> Self {
        Self { name, shape, kind, example, standing: Standing::Documented }
    }

    const fn undocumented(self) -> Self {
        Self { standing: Standing::Undocumented, ..self }
    }

    const fn deprecated(self, instead: &'static str) -> Self {
        Self { standing: Standing::Deprecated(instead), ..self }
    }

    /// Whether writing it twice means something.
    #[must_use]
    pub const fn is_repeatable(&self) -> bool {
        matches!(self.shape, Shape::Lines | Shape::Words(_))
    }
}

/// One value.
const fn once(name: &'static str, kind: ValueKind, example: &'static str) -> Key {
    Key::new(name, Shape::Once, kind, example)
}

/// A value on each line.
const fn lines(name: &'static str, kind: ValueKind, example: &'static str) -> Key {
    Key::new(name, Shape::Lines, kind, example)
}

/// Values separated by spaces, in which a backslash is nothing special.
const fn list(name: &'static str, kind: ValueKind, example: &'static str) -> Key {
    Key::new(name, Shape::Words(WordSyntax::Plain), kind, example)
}

/// Values separated by spaces, with C escapes.
const fn arguments(name: &'static str, kind: ValueKind, example: &'static str) -> Key {
    Key::new(name, Shape::Words(WordSyntax::Escaped), kind, example)
}

const CONTAINERS_CONF_MODULE: Key = lines("ContainersConfModule", ValueKind::Text, "/etc/nvd.conf");
const GLOBAL_ARGS: Key = arguments("GlobalArgs", ValueKind::Text, "--log-level=debug");
const SERVICE_NAME: Key = once("ServiceName", ValueKind::ServiceName, "name");
const REMAP: &str = "use UserNS=, UIDMap= and GIDMap=";
const REMAP_GID: Key = list("RemapGid", ValueKind::Text, "0:10000:10").deprecated(REMAP);
const REMAP_UID: Key = list("RemapUid", ValueKind::Text, "0:10000:10").deprecated(REMAP);
const REMAP_UID_SIZE: Key = once("RemapUidSize", ValueKind::Number { minimum: 0 }, "1000").deprecated(REMAP);

/// The keys of the section of this kind of unit, in alphabetical order but for case.
#[must_use]
pub const fn of_kind(kind: UnitKind) -> &'static [Key] {
    match kind {
        UnitKind::Container => container::KEYS,
        UnitKind::Pod => pod::KEYS,
        UnitKind::Volume => volume::KEYS,
        UnitKind::Network => network::KEYS,
        UnitKind::Image => image::KEYS,
        UnitKind::Build => build::KEYS,
        UnitKind::Kube => kube::KEYS,
    }
}

/// The keys of `[Quadlet]`.
#[must_use]
pub const fn of_quadlet() -> &'static [Key] {
    quadlet::KEYS
}

/// A key of the section of this kind of unit.
#[must_use]
pub fn find(kind: UnitKind, name: &str) -> Option<&'static Key> {
    of_kind(kind).iter().find(|key| key.name == name)
}

/// A value of a key, as Podman gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Without the quotes and escapes that are not part of it.
    pub text: String,
    /// Where it is written.
    pub position: Position,
}

/// The values of a key that count, in their order. Lines that cannot be split into words give none; validation says so.
#[must_use]
pub fn values(file: &UnitFile, kind: UnitKind, name: &str) -> Vec<Value> {
    let Some(key) = find(kind, name) else { return Vec::new() };
    let entries = match key.shape {
        Shape::Once | Shape::CommandLine => file.last(kind.section(), name).into_iter().collect(),
        Shape::Lines | Shape::Words(_) => file.all(kind.section(), name),
    };
    let values = entries.into_iter().flat_map(|entry| split(entry, key.shape).unwrap_or_default());
    values.filter(|value| !value.text.is_empty()).collect()
}

/// The value that counts of a key that counts once.
#[must_use]
pub fn value(file: &UnitFile, kind: UnitKind, name: &str) -> Option<Value> {
    values(file, kind, name).pop()
}

/// Whether a key is switched on; `default` where it is not written.
#[must_use]
pub fn is_on(file: &UnitFile, kind: UnitKind, name: &str, default: bool) -> bool {
    let Some(entry) = file.last(kind.section(), name) else { return default };
    ["1", "yes", "true", "on"].iter().any(|word| entry.text().eq_ignore_ascii_case(word))
}

/// The values of one line.
pub(crate) fn split(entry: &Entry, shape: Shape) -> Result<Vec<Value>, WordError> {
    let syntax = match shape {
        Shape::Once => {
            let quotes = entry.value.len() - entry.value.trim_start_matches('"').len();
            return Ok(vec![Value { text: entry.text().to_owned(), position: entry.position_in_value(quotes) }]);
        }
        Shape::Lines => {
            return Ok(vec![Value { text: entry.value.clone(), position: entry.value_position() }]);
        }
        Shape::CommandLine => WordSyntax::Escaped,
        Shape::Words(syntax) => syntax,
    };
    let words = words::split(&entry.value, syntax)?;
    let place = |offset| entry.position_in_value(offset);
    Ok(words.into_iter().map(|word| Value { position: place(word.offset), text: word.text }).collect())
}

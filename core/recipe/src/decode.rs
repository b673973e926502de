//! Reading the general kinds of values from a merged tree.

use std::collections::BTreeMap;

use serde_json::json;

use crate::origin::{Located, Origin};
use crate::problem::{ProblemKind, Problems, nearest};
use crate::shape::{
    Decode, ListRule, ListShape, MapShape, ScalarShape, ScalarValue, Shape, default_node, inner_place, scalar_shape,
};
use crate::yaml::{Node, Scalar, Value};

impl<T: ScalarValue> Decode for T {
    const REQUIRED: bool = true;

    fn shape() -> Shape {
        Shape::Scalar(scalar_shape::<T>())
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        let Some(scalar) = node.scalar() else {
            wrong_kind(node, place, T::EXPECTED, problems);
            return None;
        };
        match T::parse(scalar, &node.at) {
            Ok(value) => Some(value),
            Err(reason) => {
                bad_value(scalar, place, reason, &node.at, problems);
                None
            }
        }
    }

    fn absent(at: &Origin, place: &str, problems: &mut Problems) -> Option<Self> {
        missing(at, place, "", problems);
        None
    }
}

impl<T: ScalarValue> Decode for Located<T> {
    const REQUIRED: bool = true;

    fn shape() -> Shape {
        T::shape()
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        Some(Self { value: T::decode(node, place, problems)?, origin: node.at.clone() })
    }

    fn absent(at: &Origin, place: &str, problems: &mut Problems) -> Option<Self> {
        missing(at, place, "", problems);
        None
    }
}

impl<T: Decode> Decode for Option<T> {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        T::shape()
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        T::decode(node, place, problems).map(Some)
    }

    fn absent(_: &Origin, _: &str, _: &mut Problems) -> Option<Self> {
        Some(None)
    }
}

/// A list in which order and repetition matter.
impl<T: Decode> Decode for Vec<T> {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        Shape::List(ListShape { item: Box::new(T::shape()), rule: ListRule::Append })
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        items(node, place, problems)
    }

    fn absent(_: &Origin, _: &str, _: &mut Problems) -> Option<Self> {
        Some(Self::new())
    }
}

impl<K: ScalarValue + Ord, V: Decode> Decode for BTreeMap<K, V> {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        Shape::Map(MapShape { key: scalar_shape::<K>(), value: Box::new(V::shape()) })
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        expect_map(node, place, problems)?;
        let Value::Map(entries) = &node.value else {
            return Some(Self::new());
        };
        let mut map = Some(Self::new());
        for entry in entries {
            let scalar = Scalar { text: entry.key.clone(), quoted: true };
            let key = Node::new(Value::Scalar(scalar), entry.key_at.clone());
            let key = K::decode(&key, place, problems);
            let value = V::decode(&entry.value, &inner_place(place, &entry.key), problems);
            match (&mut map, key, value) {
                (Some(map), Some(key), Some(value)) => {
                    map.insert(key, value);
                }
                _ => map = None,
            }
        }
        map
    }

    fn absent(_: &Origin, _: &str, _: &mut Problems) -> Option<Self> {
        Some(Self::new())
    }
}

impl ScalarValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        let advice = match (scalar.text.as_str(), scalar.quoted) {
            ("true", false) => return Ok(true),
            ("false", false) => return Ok(false),
            ("true" | "false", true) => "write it without quotes".to_owned(),
            (text, _) => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" | "1" | "true" => "write `true`".to_owned(),
                "no" | "off" | "n" | "0" | "false" => "write `false`".to_owned(),
                _ => "write `true` or `false`".to_owned(),
            },
        };
        Err(format!("is not a truth value; {advice}"))
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "boolean" })
    }
}

/// Every item of a list, or `None` when one of them is wrong.
pub(crate) fn items<T: Decode>(node: &Node, place: &str, problems: &mut Problems) -> Option<Vec<T>> {
    match &node.value {
        Value::List(items) => {
            let decoded: Vec<Option<T>> = items.iter().map(|item| T::decode(item, place, problems)).collect();
            decoded.into_iter().collect()
        }
        Value::Nothing => Some(Vec::new()),
        _ => {
            wrong_kind(node, place, "a list", problems);
            None
        }
    }
}

/// The value of a key: as written, else its default, else what its type is when absent.
pub(crate) fn field<T: Decode>(
    node: &Node,
    place: &str,
    key: &str,
    default: Option<&'static str>,
    problems: &mut Problems,
) -> Option<T> {
    let place = inner_place(place, key);
    match (node.get(key), default) {
        (Some(value), _) if !matches!(value.value, Value::Nothing) => T::decode(value, &place, problems),
        (_, Some(default)) => T::decode(&default_node(default), &place, problems),
        (Some(value), None) => T::absent(&value.at, &place, problems),
        (None, None) => T::absent(&node.at, &place, problems),
    }
}

pub(crate) fn expect_map(node: &Node, place: &str, problems: &mut Problems) -> Option<()> {
    match node.value {
        Value::Map(_) | Value::Nothing => Some(()),
        _ => {
            wrong_kind(node, place, "a map", problems);
            None
        }
    }
}

pub(crate) fn missing(at: &Origin, place: &str, hint: &str, problems: &mut Problems) {
    let (outer, key) = place.rsplit_once('.').unwrap_or(("", place));
    problems.add(at, ProblemKind::Missing { place: place_name(outer), key: key.to_owned(), hint: hint.to_owned() });
}

pub(crate) fn wrong_kind(node: &Node, place: &str, expected: &str, problems: &mut Problems) {
    problems.add(
        &node.at,
        ProblemKind::WrongKind { place: place_name(place), expected: expected.to_owned(), found: node.value.kind() },
    );
}

pub(crate) fn bad_value(scalar: &Scalar, place: &str, reason: String, at: &Origin, problems: &mut Problems) {
    problems.add(at, ProblemKind::BadValue { place: place_name(place), value: shortened(&scalar.text), reason });
}

/// How a place is named in messages.
pub(crate) fn place_name(place: &str) -> String {
    if place.is_empty() { "the recipe".to_owned() } else { format!("`{place}`") }
}

/// The first 60 characters, so that a message stays readable.
pub(crate) fn shortened(text: &str) -> String {
    let mut shown: String = text.chars().take(60).collect();
    if text.chars().nth(60).is_some() {
        shown.push('…');
    }
    shown
}

/// The reason for refusing a text that is none of a few words.
pub(crate) fn not_a_word(text: &str, words: &[&str]) -> String {
    match nearest(text, words.iter().copied()) {
        Some(word) => format!("is not known; did you mean `{word}`?"),
        None => format!("is not known; write one of {}", words.join(", ")),
    }
}

/// Checks the text of one entry of a shape without keeping the value.
pub(crate) fn check_scalar(shape: &ScalarShape, scalar: &Scalar, at: &Origin, place: &str, problems: &mut Problems) {
    if let Err(reason) = (shape.check)(scalar, at) {
        bad_value(scalar, place, reason, at, problems);
    }
}

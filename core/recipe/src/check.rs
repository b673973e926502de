//! Checking one layer against the shape of the language: keys, kinds, values and tags.

use std::collections::HashMap;

use crate::decode::{check_scalar, missing, place_name, shortened, wrong_kind};
use crate::problem::{ProblemKind, Problems, nearest};
use crate::shape::{ListRule, ListShape, MapShape, RecordShape, Shape, inner_place};
use crate::yaml::{Edit, Node, Scalar, Value};

/// Reports everything in this tree that cannot be right whatever the other layers say.
pub(crate) fn check(node: &Node, shape: &Shape, place: &str, problems: &mut Problems) {
    if node.edit == Edit::Remove {
        // Whether there is something to remove is seen when layers are merged.
        if !matches!(node.value, Value::Nothing) {
            problems.add(
                &node.at,
                ProblemKind::BadTag(format!(
                    "`!remove` takes no value here: write `{}: !remove`, or put it before an item of a list",
                    place.rsplit('.').next().unwrap_or(place)
                )),
            );
        }
        return;
    }
    if node.edit == Edit::Replace && matches!(shape, Shape::Scalar(_)) {
        problems.add(
            &node.at,
            ProblemKind::BadTag(
                "`!replace` is for maps and lists; a single value always replaces the earlier one, so leave the tag out"
                    .to_owned(),
            ),
        );
    }
    match (shape, &node.value) {
        (Shape::Scalar(shape), Value::Scalar(scalar)) => {
            check_scalar(shape, scalar, &node.at, place, problems);
        }
        (Shape::Scalar(shape), Value::Nothing) => problems.add(
            &node.at,
            ProblemKind::WrongKind {
                place: place_name(place),
                expected: format!(
                    "{} (write \"\" for empty text, `!remove` to take back what an earlier layer says)",
                    shape.expected
                ),
                found: "nothing",
            },
        ),
        (Shape::Scalar(shape), _) => wrong_kind(node, place, shape.expected, problems),
        // A key whose content is commented out says nothing.
        (_, Value::Nothing) => {}
        (Shape::Record(shape), Value::Map(_)) => {
            check_record(node, shape, place, Completeness::MayBePart, problems);
        }
        (Shape::Map(shape), Value::Map(_)) => check_map(node, shape, place, problems),
        (Shape::List(shape), Value::List(items)) => check_list(items, shape, place, problems),
        (Shape::Record(_) | Shape::Map(_), _) => wrong_kind(node, place, "a map", problems),
        (Shape::List(_), _) => wrong_kind(node, place, "a list", problems),
    }
}

/// Whether another layer may still add to a record.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Completeness {
    MayBePart,
    /// An item of a list: a later layer replaces it whole.
    Whole,
}

fn check_record(node: &Node, shape: &RecordShape, place: &str, completeness: Completeness, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else {
        return;
    };
    for entry in entries {
        if let Some(field) = shape.field(&entry.key) {
            let place = inner_place(place, field.key);
            check(&entry.value, &field.shape, &place, problems);
        } else {
            let known: Vec<&str> = shape.fields.iter().map(|field| field.key).collect();
            problems.add(
                &entry.key_at,
                ProblemKind::UnknownKey {
                    key: shortened(&entry.key),
                    place: place_name(place),
                    nearest: nearest(&entry.key, known.iter().copied()),
                    known: known.iter().map(|&key| key.to_owned()).collect(),
                },
            );
        }
    }
    if completeness == Completeness::Whole {
        for field in shape.fields.iter().filter(|field| field.required) {
            if node.get(field.key).is_none() {
                missing(&node.at, &inner_place(place, field.key), "", problems);
            }
        }
        check_exactly_one(node, shape, place, problems);
    }
}

fn check_exactly_one(node: &Node, shape: &RecordShape, place: &str, problems: &mut Problems) {
    let keys = &shape.exactly_one;
    let written: Vec<String> =
        keys.iter().filter(|key| node.get(key).is_some()).map(|key| format!("`{key}`")).collect();
    if !keys.is_empty() && written.len() != 1 {
        problems.add(
            &node.at,
            ProblemKind::NotExactlyOne {
                place: place_name(place),
                keys: keys.iter().map(|&key| key.to_owned()).collect(),
                found: if written.is_empty() { "none".to_owned() } else { written.join(" and ") },
            },
        );
    }
}

fn check_map(node: &Node, shape: &MapShape, place: &str, problems: &mut Problems) {
    let Value::Map(entries) = &node.value else {
        return;
    };
    for entry in entries {
        let key = Scalar { text: entry.key.clone(), quoted: true };
        check_scalar(&shape.key, &key, &entry.key_at, place, problems);
        let place = inner_place(place, &shortened(&entry.key));
        check(&entry.value, &shape.value, &place, problems);
    }
}

fn check_list(items: &[Node], shape: &ListShape, place: &str, problems: &mut Problems) {
    let mut seen: HashMap<&str, &Node> = HashMap::new();
    for item in items {
        if item.edit == Edit::Remove {
            check_removal(item, shape, place, problems);
            continue;
        }
        if item.edit == Edit::Replace {
            problems.add(
                &item.at,
                ProblemKind::BadTag("`!replace` belongs before the whole list, not before one of its items".to_owned()),
            );
        }
        match (shape.item.as_ref(), &item.value) {
            (Shape::Record(record), Value::Map(_)) => {
                check_record(item, record, place, Completeness::Whole, problems);
            }
            (Shape::Record(_), Value::Nothing) => wrong_kind(item, place, "a list of maps", problems),
            (item_shape, _) => check(item, item_shape, place, problems),
        }
        if let ListRule::Keyed { key, beside } = shape.rule
            && let Some(name) = item.get(key).and_then(Node::scalar)
            && beside.is_none_or(|beside| item.get(beside).is_none())
            && let Some(first) = seen.insert(&name.text, item)
        {
            problems.add(
                &item.at,
                ProblemKind::DuplicateItem {
                    what: key.to_owned(),
                    key: shortened(&name.text),
                    first: first.at.clone(),
                },
            );
        }
    }
}

fn check_removal(item: &Node, shape: &ListShape, place: &str, problems: &mut Problems) {
    if item.scalar().is_some() {
        return;
    }
    let example = match shape.rule {
        ListRule::Keyed { key, .. } => format!("the `{key}` of the item, as in `- !remove {key}`"),
        ListRule::Append | ListRule::Unique => "the item, as in `- !remove value`".to_owned(),
    };
    problems.add(&item.at, ProblemKind::BadTag(format!("`!remove` in {} takes {example}", place_name(place))));
}

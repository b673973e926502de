//! The JSON schema of a layer, for editors and other tools. Generated from the shape.

use serde_json::{Map, Value as Json, json};

use crate::layer;
use crate::shape::{Field, ListShape, RecordShape, Shape, default_node};
use crate::yaml::{Node, Value};

/// The JSON schema (draft 2020-12) of one layer, with keys in a stable order.
///
/// A schema cannot say what only a whole recipe must have, nor what YAML tags mean: `!remove` and
/// `!replace` are known to [`crate::Layer::parse`] alone.
#[must_use]
pub fn json_schema() -> Json {
    let mut schema = of_shape(&layer::shape(), Whole::No);
    if let Json::Object(object) = &mut schema {
        object.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        object.insert("title".to_owned(), json!("Piccolo OS recipe layer"));
    }
    schema.sort_all_objects();
    schema
}

/// Whether a record is complete in one layer, as the items of lists are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Whole {
    Yes,
    No,
}

fn of_shape(shape: &Shape, whole: Whole) -> Json {
    match shape {
        Shape::Scalar(scalar) => (scalar.schema)(),
        Shape::Record(record) => of_record(record, whole),
        Shape::Map(map) => json!({
            "type": ["object", "null"],
            "propertyNames": (map.key.schema)(),
            "additionalProperties": of_shape(&map.value, Whole::No),
        }),
        Shape::List(list) => of_list(list),
    }
}

fn of_record(record: &RecordShape, whole: Whole) -> Json {
    let mut properties = Map::new();
    for field in &record.fields {
        properties.insert(field.key.to_owned(), of_field(field));
    }
    let mut schema = json!({
        "type": if whole == Whole::Yes { json!("object") } else { json!(["object", "null"]) },
        "description": record.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if let (Whole::Yes, Json::Object(object)) = (whole, &mut schema) {
        let required: Vec<&str> = record.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
        object.insert("required".to_owned(), json!(required));
        if !record.exactly_one.is_empty() {
            let alternatives: Vec<Json> = record.exactly_one.iter().map(|key| json!({ "required": [key] })).collect();
            object.insert("oneOf".to_owned(), json!(alternatives));
        }
    }
    schema
}

fn of_field(field: &Field) -> Json {
    let mut schema = of_shape(&field.shape, Whole::No);
    if let Json::Object(object) = &mut schema {
        object.insert("description".to_owned(), json!(field.doc));
        if let Some(default) = field.default {
            object.insert("default".to_owned(), of_node(&default_node(default)));
        }
    }
    schema
}

fn of_list(list: &ListShape) -> Json {
    json!({
        "type": ["array", "null"],
        "items": of_shape(&list.item, Whole::Yes),
    })
}

/// A default as JSON.
fn of_node(node: &Node) -> Json {
    match &node.value {
        Value::Nothing => Json::Null,
        Value::Scalar(scalar) => match scalar.text.as_str() {
            "true" if !scalar.quoted => json!(true),
            "false" if !scalar.quoted => json!(false),
            text => json!(text),
        },
        Value::List(items) => items.iter().map(of_node).collect(),
        Value::Map(entries) => {
            entries.iter().map(|entry| (entry.key.clone(), of_node(&entry.value))).collect::<Map<String, Json>>().into()
        }
    }
}

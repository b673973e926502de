//! The JSON schema of a layer, for editors and other tools. Generated from the shape.

use serde_json::{Map, Value as Json, json};

use crate::layer;
use crate::shape::{Field, ListRule, ListShape, RecordShape, Shape, default_node};
use crate::yaml::{Node, Value};

/// The JSON schema (draft 2020-12) of one layer, with keys in a stable order.
///
/// A schema cannot say what only a whole recipe must have, nor what YAML tags mean: `!remove` and
/// `!replace` are known to [`crate::Layer::parse`] alone. Besides the standard keywords it has
/// `x-merge`, how the place joins with earlier layers, and `x-required`, which keys only the merged
/// recipe must have; the reference is made from both.
#[must_use]
pub fn json_schema() -> Json {
    let mut schema = of_shape(&layer::shape(), Whole::No);
    insert(&mut schema, "$schema", json!("https://json-schema.org/draft/2020-12/schema"));
    insert(&mut schema, "title", json!("Piccolo OS recipe layer"));
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
        Shape::Scalar(scalar) => {
            let mut schema = (scalar.schema)();
            insert(&mut schema, "title", json!(scalar.expected));
            schema
        }
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
    if whole == Whole::Yes {
        let required: Vec<&str> = record.fields.iter().filter(|field| field.required).map(|field| field.key).collect();
        insert(&mut schema, "required", json!(required));
        if !record.exactly_one.is_empty() {
            let alternatives: Vec<Json> = record.exactly_one.iter().map(|key| json!({ "required": [key] })).collect();
            insert(&mut schema, "oneOf", json!(alternatives));
        }
    }
    schema
}

fn of_field(field: &Field) -> Json {
    let mut schema = of_shape(&field.shape, Whole::No);
    insert(&mut schema, "description", json!(field.doc));
    if field.required {
        insert(&mut schema, "x-required", json!(true));
    }
    if let Some(default) = field.default {
        insert(&mut schema, "default", of_node(&default_node(default)));
    }
    schema
}

fn of_list(list: &ListShape) -> Json {
    json!({
        "type": ["array", "null"],
        "items": of_shape(&list.item, Whole::Yes),
        "x-merge": match list.rule {
            ListRule::Append => "appends".to_owned(),
            ListRule::Unique => "appends, each once".to_owned(),
            ListRule::Keyed { key, beside: None } => format!("appends; same `{key}` replaces"),
            ListRule::Keyed { key, beside: Some(beside) } => {
                format!("appends; same `{key}` replaces, except with `{beside}`")
            }
        },
    })
}

fn insert(schema: &mut Json, keyword: &str, value: Json) {
    if let Json::Object(object) = schema {
        object.insert(keyword.to_owned(), value);
    }
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

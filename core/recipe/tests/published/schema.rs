//! The published JSON schema: current, and as strict as the language.

use crate::{REFERENCE, SCHEMA, blocks, check_or_update};
use recipe::json_schema;
use serde_json::Value;

fn validator() -> jsonschema::Validator {
    jsonschema::draft202012::new(&json_schema()).expect("the schema compiles")
}

/// Reads YAML with another parser, as an editor that knows the schema would.
fn instance(yaml: &str) -> Value {
    let value: Option<Value> = serde_saphyr::from_str(yaml).expect("the example is YAML");
    value.unwrap_or_default()
}

#[test]
fn the_published_schema_is_current() {
    let mut text = serde_json::to_string_pretty(&json_schema()).unwrap();
    text.push('\n');
    check_or_update("recipe.schema.json", SCHEMA, &text);
}

#[test]
fn the_schema_is_a_valid_schema() {
    jsonschema::draft202012::meta::validate(&json_schema()).unwrap();
}

#[test]
fn the_schema_accepts_every_example_of_the_reference() {
    let validator = validator();
    let mut accepted = 0;
    for block in blocks(REFERENCE) {
        // Tags of YAML are beyond JSON schema.
        if !matches!(block.info, "yaml recipe" | "yaml layer") || block.text.contains('!') {
            continue;
        }
        let errors: Vec<String> = validator
            .iter_errors(&instance(block.text))
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "line {}: {errors:?}\n{}", block.line, block.text);
        accepted += 1;
    }
    assert!(accepted >= 5, "only {accepted} examples were tried");
}

#[test]
fn the_schema_refuses_what_the_language_refuses() {
    let validator = validator();
    for broken in [
        "nam: piccolo",
        "name: Piccolo",
        "name: [piccolo]",
        "version: 1.0",
        "version: '01.0.0'",
        "stream: unstable",
        "architecture: amd64",
        "timestamp: -1",
        "timestamp: soon",
        "extends: base.yaml",
        "extends: [/base.yaml]",
        "base: {debian: {suite: trixie, components: main}}",
        "base: {debian: {mirrors: [archive.example]}}",
        "base: {debian: {repositories: [{name: x, suite: y}]}}",
        "packages: [nano]",
        "packages: {include: [Nano]}",
        "packages: {recommends: maybe}",
        "files: [{content: x}]",
        "files: [{path: etc/motd, content: x}]",
        "files: [{path: /etc/motd}]",
        "files: [{path: /etc/motd, content: x, source: y}]",
        "files: [{path: /etc/motd, content: x, mode: rw-r--r--}]",
        "files: [{path: /etc/motd, content: x, owner: 'a b'}]",
        "files: [{path: /etc/motd, content: x, xattrs: {note: x}}]",
        "files: [{path: /x, directory: false}]",
        "remove_paths: [usr/share/doc]",
        "units: {enable: [ssh]}",
        "sysusers: {a/b: x}",
        "kernel: {modules: {exclude: [sounds]}}",
        "kernel: {modules: {include: [drivers/net/**]}}",
        "initrd: {programs: [sh]}",
        "initrd: {modules: ['virtio blk']}",
        "post_process: [{name: x}]",
        "image: {formats: [qcow3]}",
        "image: {sizes: {root: 3GB}}",
    ] {
        assert!(!validator.is_valid(&instance(broken)), "the schema accepts {broken}");
        let path = recipe::LayerPath::new("a.yaml").unwrap();
        assert!(recipe::Layer::parse(path, broken).is_err(), "the language accepts {broken}");
    }
}

#[test]
fn the_table_of_keys_in_the_reference_is_current() {
    let mut table = String::from("| key | meaning | value | default | in later layers |\n|---|---|---|---|---|\n");
    rows("", &json_schema(), &mut table);
    let start = "<!-- keys: made from the schema by UPDATE_SNAPSHOTS=1 cargo test -p recipe -->\n";
    let end = "<!-- end of keys -->";
    let (before, rest) = REFERENCE.split_once(start).expect("the reference has the start of the table");
    let (_, after) = rest.split_once(end).expect("the reference has the end of the table");
    let expected = format!("{before}{start}{table}{end}{after}");
    check_or_update("recipe.md", REFERENCE, &expected);
}

/// One row for each key, in the order of the alphabet.
fn rows(outer: &str, schema: &Value, table: &mut String) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (key, property) in properties {
        let path = format!("{outer}{key}");
        let default = match (&property["default"], property["x-required"].as_bool()) {
            (_, Some(true)) => "required".to_owned(),
            (Value::Null, _) => "-".to_owned(),
            (value, _) => format!("`{}`", value.to_string().replace('"', "")),
        };
        let (value, merge) = kind(property);
        // An item of a list is replaced whole, so its keys do not merge one by one.
        let merge = if path.contains("[]") { "-".to_owned() } else { merge };
        let meaning = property["description"].as_str().unwrap_or_default().replace('\n', " ");
        let escaped = value.replace('|', "\\|");
        table.push_str(&format!("| `{path}` | {meaning} | {escaped} | {default} | {merge} |\n"));
        rows(&format!("{path}."), property, table);
        rows(&format!("{path}[]."), &property["items"], table);
    }
}

fn kind(schema: &Value) -> (String, String) {
    let title = |schema: &Value| schema["title"].as_str().unwrap_or("a map").to_owned();
    if let Some(merge) = schema["x-merge"].as_str() {
        return (format!("list: {}", title(&schema["items"])), merge.to_owned());
    }
    if schema["additionalProperties"].is_object() {
        return (format!("map: name to {}", title(&schema["additionalProperties"])), "merges".to_owned());
    }
    if schema["properties"].is_object() {
        return ("a map".to_owned(), "merges".to_owned());
    }
    (title(schema), "replaces".to_owned())
}

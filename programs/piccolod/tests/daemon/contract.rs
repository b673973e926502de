//! The OpenAPI document: current, well formed, and what the resources really send.

use std::fs;

use crate::support::{Daemon, repository};
use serde_json::{Value, json};

#[test]
fn the_committed_document_is_the_served_one() {
    let served = Daemon::over_tree("piccolo-as-designed").get("/api/v1/openapi.json").body;
    let path = repository().join("docs/reference/openapi.json");
    if std::env::var_os("UPDATE_SNAPSHOTS").is_some() {
        fs::write(&path, &served).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == served,
        "docs/reference/openapi.json is not current: run this test with UPDATE_SNAPSHOTS=1 and commit what it writes"
    );
}

#[test]
fn the_document_is_openapi_3_1_and_lists_every_path_of_the_contract() {
    let document = Daemon::over_tree("piccolo-as-designed").get("/api/v1/openapi.json").json();
    assert_eq!(document["openapi"], "3.1.0");
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    assert_eq!(
        paths,
        [
            device_api::EVENTS_PATH,
            device_api::HEALTH_PATH,
            device_api::OPENAPI_PATH,
            device_api::SYSTEM_PATH,
            device_api::UPDATES_PATH,
        ]
    );
}

#[test]
fn what_the_resources_send_fits_the_document() {
    for tree in ["piccolo-as-designed", "piccolo-on-trial", "debian-without-uefi"] {
        let daemon = Daemon::over_tree(tree);
        let document = daemon.get("/api/v1/openapi.json").json();
        for (path, schema) in
            [("/api/v1/system", "System"), ("/api/v1/health", "Health"), ("/api/v1/nothing", "Problem")]
        {
            assert_fits(&document, schema, &daemon.get(path).json());
        }
        for (event, path) in
            [("health", "/api/v1/health"), ("identity", "/api/v1/system"), ("vitals", "/api/v1/system")]
        {
            assert_fits(&document, "Event", &json!({ "event": event, "data": daemon.get(path).json() }));
        }
    }
}

#[test]
fn the_schemas_refuse_what_is_something_else() {
    let document = Daemon::over_tree("piccolo-as-designed").get("/api/v1/openapi.json").json();
    for schema in ["System", "Health", "Problem", "Event"] {
        assert!(!validator(&document, schema).is_valid(&json!({})), "{schema} takes an empty object");
    }
}

fn assert_fits(document: &Value, schema: &str, instance: &Value) {
    let problems: Vec<String> =
        validator(document, schema).iter_errors(instance).map(|error| error.to_string()).collect();
    assert!(problems.is_empty(), "{schema}: {problems:?} in {instance}");
}

fn validator(document: &Value, schema: &str) -> jsonschema::Validator {
    // OpenAPI 3.1 schemas are JSON Schema 2020-12, and their references are relative to the document.
    let root = json!({ "$ref": format!("#/components/schemas/{schema}"), "components": document["components"] });
    jsonschema::draft202012::new(&root).unwrap()
}

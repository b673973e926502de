//! The examples of the reference do what it says.

use std::collections::BTreeMap;

use crate::{REFERENCE, blocks};
use recipe::{LayerPath, LayerStack, MODULE_CLASSES, resolve};

/// Resolves layers that are given as texts, named base.yaml and mine.yaml.
fn resolve_texts(base: &str, mine: Option<&str>) -> Result<recipe::Recipe, String> {
    let mut texts = BTreeMap::from([("base.yaml", base)]);
    let mut stack = "base.yaml".to_owned();
    if let Some(mine) = mine {
        texts.insert("mine.yaml", mine);
        stack.push_str(":mine.yaml");
    }
    let source = |path: &LayerPath| {
        let text = texts.get(path.as_str()).ok_or("no such file")?;
        Ok(text.as_bytes().to_vec())
    };
    let stack = LayerStack::parse(&stack).map_err(|error| error.to_string())?;
    resolve(&stack, &source).map_err(|error| error.to_string())
}

/// `yaml recipe` is complete; `yaml layer` and `yaml refused` lie over the recipe before them. The
/// block behind a refused one is the message.
#[test]
fn every_example_resolves_or_is_refused_with_the_message_that_is_shown() {
    let mut base = None;
    let mut refused: Option<String> = None;
    let mut tried = 0;
    for block in blocks(REFERENCE) {
        let lies_over = || base.expect("a recipe comes first");
        match block.info {
            "yaml recipe" => {
                resolve_texts(block.text, None).unwrap_or_else(|error| panic!("line {}: {error}", block.line));
                base = Some(block.text);
            }
            "yaml layer" => {
                resolve_texts(lies_over(), Some(block.text))
                    .unwrap_or_else(|error| panic!("line {}: {error}", block.line));
            }
            "yaml refused" => {
                let message = resolve_texts(lies_over(), Some(block.text))
                    .expect_err(&format!("line {} is accepted", block.line));
                refused = Some(message);
            }
            "text" => {
                if let Some(message) = refused.take() {
                    assert_eq!(message, block.text.trim_end(), "line {}", block.line);
                }
            }
            "sh" => {}
            other => panic!("line {}: a block of unknown kind {other:?}", block.line),
        }
        tried += 1;
    }
    assert!(refused.is_none(), "a refused example shows no message");
    assert!(tried >= 10, "only {tried} examples were found");
}

#[test]
fn the_table_of_module_classes_is_complete() {
    for class in MODULE_CLASSES {
        let directories: Vec<String> = class.directories.iter().map(|directory| format!("`{directory}`")).collect();
        let row = format!("| `{}` | {} | {} |", class.name, class.description, directories.join(", "));
        assert!(REFERENCE.contains(&row), "the reference lacks the row\n{row}");
    }
}

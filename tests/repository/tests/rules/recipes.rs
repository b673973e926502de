//! Recipes in documents and in os/ are recipes.

use crate::no_violations;
use recipe::{LayerPath, LayerStack, resolve};
use repository::files::{root, text, tracked_with_ending};
use repository::markdown::code_blocks;
use std::fs;

#[test]
fn recipes_shown_in_guides_are_accepted() {
    let guides = tracked_with_ending(&[".md"]);
    let guides = guides.iter().filter(|path| *path == "README.md" || path.starts_with("docs/how-to/"));
    let mut violations = Vec::new();
    for guide in guides {
        for (number, example) in code_blocks(&text(guide), "yaml") {
            // Fragments stand for what a reader adds to a complete recipe.
            let layers = if example.starts_with("extends:") { "shown.yaml" } else { "os/recipes/vm.yaml:shown.yaml" };
            violations.extend(problems(layers, &example).map(|problem| format!("{guide}:{number}: {problem}")));
        }
    }
    no_violations("examples must work as written:", &violations);
}

#[test]
fn our_own_recipes_are_accepted() {
    let mut violations = Vec::new();
    for path in tracked_with_ending(&[".yaml"]).iter().filter(|path| path.starts_with("os/recipes/")) {
        // A layer that is not complete by itself goes on top of the virtual machine's.
        let layers = if text(path).contains("extends:") || path.ends_with("base.yaml") {
            path.clone()
        } else {
            format!("os/recipes/vm.yaml:{path}")
        };
        violations.extend(problems(&layers, ""));
    }
    no_violations("these recipes are refused:", &violations);
}

/// What is wrong with layers of the repository, one of which may be `shown.yaml`, with this text.
fn problems(layers: &str, shown: &str) -> impl Iterator<Item = String> {
    let source = |path: &LayerPath| match path.as_str() {
        "shown.yaml" => Ok(shown.as_bytes().to_vec()),
        other => fs::read(root().join(other)).map_err(|error| error.to_string()),
    };
    let stack = LayerStack::parse(layers).expect("the layers above are written correctly");
    let error = resolve(&stack, &source).err();
    error.into_iter().flat_map(|error| error.to_string().lines().map(str::to_owned).collect::<Vec<_>>())
}

//! Any bytes as a layer over a small recipe: accepted, or refused with a place, without panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use recipe::{LayerPath, LayerStack, resolve};

const BASE: &[u8] = b"name: a\nversion: 1.0.0\nbase: {debian: {suite: trixie}}\n";

fuzz_target!(|bytes: &[u8]| {
    let source = |path: &LayerPath| match path.as_str() {
        "base" => Ok(BASE.to_vec()),
        "fuzzed" => Ok(bytes.to_vec()),
        _ => Err("no such file".to_owned()),
    };
    if let Ok(stack) = LayerStack::parse("base:fuzzed") {
        match resolve(&stack, &source) {
            Ok(recipe) => assert!(!recipe.canonical_json().is_empty()),
            Err(error) => assert!(error.problems().iter().all(|problem| problem.origin.is_some())),
        }
    }
});

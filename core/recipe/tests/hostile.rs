//! Whatever bytes a layer has, it is accepted or refused with a message, quickly and without panic.

use proptest::prelude::{any, prop, proptest};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config as ProptestConfig, RngSeed};
use recipe::{LayerPath, LayerStack, Recipe, resolve};

fn read(bytes: &[u8], below: &[u8]) -> Result<Recipe, recipe::RecipeError> {
    let source = |path: &LayerPath| match path.as_str() {
        "a.yaml" => Ok(bytes.to_vec()),
        "b.yaml" => Ok(below.to_vec()),
        _ => Err("no such file".to_owned()),
    };
    resolve(&LayerStack::parse("b.yaml:a.yaml").expect("two paths"), &source)
}

/// The same cases in every run; PROPTEST_CASES asks for more of them.
fn config() -> ProptestConfig {
    ProptestConfig { rng_seed: RngSeed::Fixed(0x9e37_79b9), failure_persistence: None, ..ProptestConfig::default() }
}

const COMPLETE: &str = include_str!("complete.yaml");

/// Text made of the words and marks of the language, so that much of it is nearly a recipe.
fn nearly_a_recipe() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "name",
        "version",
        "base",
        "debian",
        "suite",
        "packages",
        "include",
        "exclude",
        "files",
        "path",
        "content",
        "mode",
        "0644",
        "/etc/motd",
        "!remove",
        "!replace",
        "- ",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "[",
        "]",
        "{",
        "}",
        ", ",
        "&a ",
        "*a",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "kernel",
        "modules",
        "sound",
        "1GiB",
        "extends",
        "a.yaml",
        "b.yaml",
        "~",
        "null",
        "true",
        "\t",
        "?",
        "%",
        "---\n",
        "é",
        "tree",
        "units",
        "sysusers",
        "image",
        "sizes",
        "template",
    ]);
    prop::collection::vec(word, 0..60).prop_map(|words| words.concat())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, COMPLETE.as_bytes()).map(|recipe| recipe.canonical_json());
    }

    #[test]
    fn any_text_is_answered(text in "(?s).{0,300}") {
        let _ = read(text.as_bytes(), COMPLETE.as_bytes());
    }

    #[test]
    fn what_is_nearly_a_recipe_is_answered_with_a_place(text in nearly_a_recipe()) {
        if let Err(error) = read(text.as_bytes(), COMPLETE.as_bytes()) {
            for problem in error.problems() {
                let origin = problem.origin.as_ref().expect("problems of a layer have a place");
                assert!(origin.line >= 1 && origin.column >= 1);
                assert!(!problem.to_string().contains('\n'), "{problem}");
            }
        }
    }

    #[test]
    fn one_changed_byte_is_answered(position in 0..COMPLETE.len(), byte in any::<u8>()) {
        let mut bytes = COMPLETE.as_bytes().to_vec();
        bytes[position] = byte;
        let _ = read(&bytes, b"");
        let _ = read(&bytes, COMPLETE.as_bytes());
    }
}

#[test]
fn what_a_layer_says_cannot_control_the_terminal() {
    let message = read(b"\"\\e[2J\\u202e\\nname\": x", COMPLETE.as_bytes()).unwrap_err().to_string();
    assert!(message.starts_with(r"a.yaml:1:1: unknown key `\u{1b}[2J\u{202e}\nname` in the recipe"), "{message}");
}

#[test]
fn messages_are_short_and_few() {
    let long = format!("sysusers: {{\"{}\": [x]}}", "k".repeat(1000));
    let message = read(long.as_bytes(), COMPLETE.as_bytes()).unwrap_err().to_string();
    assert!(message.len() < 1000, "{message}");
    let many: String = (0..5000).map(|number| format!("key{number}: x\n")).collect();
    let message = read(many.as_bytes(), COMPLETE.as_bytes()).unwrap_err().to_string();
    assert_eq!(message.lines().count(), 101);
    assert!(message.ends_with("and 4900 more problems"), "{message}");
}

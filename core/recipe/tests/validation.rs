//! Validation of merged recipes, and their canonical form.

use std::collections::BTreeSet;

use recipe::{Architecture, Base, FileContent, LayerPath, LayerStack, Recipe, VeritySize, json_schema, resolve};

const COMPLETE: &str = include_str!("complete.yaml");
const SMALLEST: &str = "name: piccolo\nversion: 1.4.0\nbase: {debian: {suite: trixie}}\n";

fn read(layers: &[&str]) -> Result<Recipe, String> {
    let names = ["a.yaml", "b.yaml", "c.yaml"];
    let source = |path: &LayerPath| {
        let index = names.iter().position(|name| *name == path.as_str()).ok_or("no such file")?;
        Ok(layers[index].as_bytes().to_vec())
    };
    let stack = LayerStack::parse(&names[..layers.len()].join(":")).expect("the names are paths");
    resolve(&stack, &source).map_err(|error| error.to_string())
}

#[test]
fn the_smallest_recipe_gets_the_documented_defaults() {
    let recipe = read(&[SMALLEST]).unwrap();
    assert_eq!(recipe.stream.as_str(), "stable");
    assert_eq!(recipe.architecture, Architecture::X86_64);
    assert_eq!(recipe.architecture.debian_name(), "amd64");
    assert_eq!(recipe.kernel.package_name(recipe.architecture), "linux-image-amd64");
    assert_eq!(recipe.image.sizes.esp.bytes(), 1 << 30);
    assert_eq!(recipe.image.sizes.root.bytes(), 3 << 30);
    assert_eq!(recipe.image.sizes.verity.value, VeritySize::Auto);
    assert!(!recipe.packages.recommends);
    assert!(recipe.timestamp.is_none());
    let Base::Debian(debian) = &recipe.base;
    let pockets: Vec<&str> = debian.pockets.iter().map(|pocket| pocket.as_str()).collect();
    assert_eq!(pockets, ["security", "updates"]);
    assert!(debian.mirrors.is_empty());
    assert_eq!(debian.suite.origin.to_string(), "a.yaml:3:24");
}

#[test]
fn the_complete_example_uses_every_key() {
    let mut known = BTreeSet::new();
    keys("", &json_schema(), &mut known);
    let written: serde_json::Value = serde_saphyr::from_str(COMPLETE).unwrap();
    let mut used = BTreeSet::new();
    keys_of("", &written, &mut used);
    let missing: Vec<&String> = known.difference(&used).collect();
    assert!(missing.is_empty(), "complete.yaml lacks {missing:?}");
}

fn keys(outer: &str, schema: &serde_json::Value, known: &mut BTreeSet<String>) {
    for (key, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{outer}{key}");
        keys(&format!("{path}."), property, known);
        keys(&format!("{path}."), &property["items"], known);
        known.insert(path);
    }
}

fn keys_of(outer: &str, value: &serde_json::Value, used: &mut BTreeSet<String>) {
    for item in value.as_array().into_iter().flatten() {
        keys_of(outer, item, used);
    }
    for (key, value) in value.as_object().into_iter().flatten() {
        let path = format!("{outer}{key}");
        keys_of(&format!("{path}."), value, used);
        used.insert(path);
    }
}

/// A change of this form changes every cache key, so it should be seen in review.
#[test]
#[expect(clippy::disallowed_methods, reason = "rewriting a snapshot on demand of the developer")]
fn the_canonical_form_of_the_complete_example_is_as_recorded() {
    let canonical = read(&[COMPLETE]).unwrap().canonical_json();
    let value: serde_json::Value = serde_json::from_str(&canonical).unwrap();
    let recorded = include_str!("complete.json");
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/complete.json");
        return std::fs::write(path, format!("{canonical}\n")).unwrap();
    }
    assert_eq!(canonical, recorded.trim_end(), "if that is meant, run with UPDATE_SNAPSHOTS=1");
    assert_eq!(value["name"], "home");
}

#[test]
fn the_canonical_form_does_not_depend_on_how_a_recipe_is_written() {
    let one = read(&[
        "name: a\nversion: 1.0.0\nbase: {debian: {suite: trixie, components: [main, contrib]}}\npackages: {include: [vim, nano]}\nimage: {sizes: {root: 3GiB}}\n",
    ])
    .unwrap();
    let other = read(&[
        "# split\nbase:\n  debian:\n    suite: bookworm\nversion: 0.9.0\npackages:\n  include: [nano]\n",
        "name: 'a'\nversion: 1.0.0\nbase: {debian: {components: [contrib, main], suite: trixie}}\npackages: {include: [vim]}\nimage: {sizes: {root: 3221225472}}",
    ])
    .unwrap();
    assert_eq!(one.canonical_json(), other.canonical_json());
}

#[test]
fn what_is_missing_is_named() {
    let message = read(&["packages: {include: [nano]}"]).unwrap_err();
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "a.yaml:1:1: the recipe needs the key `name`",
            "a.yaml:1:1: the recipe needs the key `version`",
            "a.yaml:1:1: `base` needs the key `debian`, such as `base: {debian: {suite: trixie}}`",
        ]
    );
    let message = read(&["name: a\nversion: 1.0.0\nbase: {debian: {components: [main]}}"]).unwrap_err();
    assert_eq!(message, "a.yaml:3:16: `base.debian` needs the key `suite`");
}

#[test]
fn contradictions_are_refused_with_both_places() {
    for (layer, expected) in [
        (
            "units: {enable: [a.service], mask: [a.service]}",
            "b.yaml:1:37: `a.service` is masked here but enabled by b.yaml:1:18; keep one of them",
        ),
        ("units: {enable: [a.service], disable: [a.service]}", "is disabled here but enabled by"),
        (
            "packages: {exclude: [linux-image-cloud-amd64]}\nkernel: {package: linux-image-cloud-amd64}",
            "is excluded here but is the kernel chosen by b.yaml:2:19",
        ),
        (
            "files: [{path: /a, content: x}, {path: /a/b/c, content: x}]",
            "b.yaml:1:33: `/a/b/c` lies below `/a`, which is made a file by b.yaml:1:9",
        ),
        ("base: {debian: {repositories: [{name: x, suite: y, key: k}]}}", "repository `x` needs the key `urls`"),
        ("base: {debian: {components: []}}", "there would be no packages"),
        ("image: {formats: []}", "no image would be made"),
        (
            "image: {sizes: {esp: 32MiB}}",
            "b.yaml:1:22: `32MiB` in `image.sizes.esp`: is too small; the least is 260MiB",
        ),
        ("image: {sizes: {root: 3000000000}}", "no multiple of 1 MiB"),
        ("image: {sizes: {verity: 1MiB}}", "`1MiB` in `image.sizes.verity`: is too small; the least is 25MiB"),
    ] {
        let message = read(&[SMALLEST, layer]).unwrap_err();
        assert!(message.contains(expected), "{layer}: {message}");
        assert_eq!(message.lines().count(), 1, "{layer}: {message}");
    }
    let long = format!("kernel: {{command_line: [{}]}}", ["abcdefghijklmnop"; 100].join(", "));
    assert!(read(&[SMALLEST, &long]).unwrap_err().contains("1536 bytes"));
}

#[test]
fn keys_that_mean_nothing_for_a_file_are_refused() {
    for (entry, expected) in [
        ("{path: /a, symlink: b, mode: 0644}", "a symbolic link has no mode"),
        ("{path: /a, tree: b, mode: 0644}", "the files of a tree"),
        ("{path: /a, tree: b, xattrs: {user.a: b}}", "belong to one file"),
        ("{path: /a, directory: true, template: true}", "can be a template"),
        ("{path: /, content: x}", "use `tree`"),
        ("{path: /a, directory: false}", "means nothing here"),
        ("{path: /a, content: '{{ host }}', template: true}", "uses `host`"),
        (
            "{path: /a}",
            "`files` needs exactly one of the keys `source`, `content`, `symlink`, `directory`, `tree`, but has none",
        ),
        ("{path: /a, content: x, source: y}", "but has `source` and `content`"),
        ("{content: x}", "`files` needs the key `path`"),
        (
            "{path: /a, content: x}, {path: /a, content: y}",
            "path `/a` is written twice in this layer, first at b.yaml:1:9",
        ),
        ("{path: /a, source: /etc/passwd}", "is absolute and would not exist on another computer"),
        ("{path: /a, source: ..}", "names no file"),
        ("{path: /a, content: x, owner: 4294967295}", "is no number of an account"),
        ("{path: /a, content: x, xattrs: {user.a: '0x123'}}", "even number"),
        ("{path: /a, content: [x]}", "`files.content` must be text, but a list is written here"),
        ("{path: /a, content: }", "write \"\" for empty text"),
        ("{path: /a, content: x, template: yes}", "write `true`"),
    ] {
        let layer = format!("files: [{entry}]");
        let message = read(&[SMALLEST, &layer]).unwrap_err();
        assert!(message.contains(expected), "{layer}: {message}");
        assert_eq!(message.lines().count(), 1, "{layer}: {message}");
    }
}

#[test]
fn sources_are_relative_to_the_layer_that_wrote_them() {
    let source = |path: &LayerPath| match path.as_str() {
        "os/recipes/vm.yaml" => Ok(format!("{SMALLEST}files: [{{path: /a, source: ../files/a}}]").into_bytes()),
        _ => Err("no such file".to_owned()),
    };
    let recipe = resolve(&LayerStack::parse("os/recipes/vm.yaml").unwrap(), &source).unwrap();
    let FileContent::Source { from, mode, .. } = &recipe.files[0].content else {
        panic!("a source");
    };
    assert_eq!(from.resolved(), "os/files/a");
    assert_eq!(from.as_written(), "../files/a");
    assert_eq!(from.origin.to_string(), "os/recipes/vm.yaml:4:28");
    assert_eq!(*mode, None);
}

#[test]
fn templates_get_the_values_of_the_recipe() {
    let recipe = read(&[COMPLETE]).unwrap();
    let text = recipe.render("{{ name }}_{{ version }} {{ stream }}/{{ architecture }}").unwrap();
    assert_eq!(text, "home_2.1.0~dev.7 next/arm64");
    assert!(recipe.render("{{ secret }}").is_err());
}

#[test]
fn tags_are_refused_where_they_mean_nothing() {
    for (layer, expected) in [
        ("version: !replace 1.0.0", "`!replace` is for maps and lists"),
        ("version: !remove 1.0.0", "write `version: !remove`"),
        ("packages: {include: [!replace nano]}", "before the whole list"),
        ("packages: {include: [!remove [nano]]}", "takes the item"),
        ("files: [!remove {path: /a}]", "takes the `path` of the item"),
        ("!remove\nname: x", "a whole layer takes no tag"),
        ("!replace {name: x}", "a whole layer takes no tag"),
    ] {
        let message = read(&[SMALLEST, layer]).unwrap_err();
        assert!(message.contains(expected), "{layer}: {message}");
    }
}

use std::collections::BTreeMap;

use super::{LayerStack, load};
use crate::origin::LayerPath;

/// The order of layers, or the message.
fn order(stack: &str, files: &[(&str, &str)]) -> Result<Vec<String>, String> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let source = |path: &LayerPath| {
        let text = files.get(path.as_str()).ok_or("no such file")?;
        Ok(text.as_bytes().to_vec())
    };
    let stack = LayerStack::parse(stack).map_err(|error| error.to_string())?;
    let layers = load(&stack, &source).map_err(|error| error.to_string())?;
    Ok(layers.iter().map(|layer| layer.path().to_string()).collect())
}

#[test]
fn layers_apply_left_to_right_each_after_what_it_extends() {
    let files = [
        ("os/base.yaml", ""),
        ("os/parts/tpm.yaml", "extends: [../base.yaml]"),
        ("os/vm.yaml", "extends: [base.yaml, parts/tpm.yaml]"),
        ("mine.yaml", "extends: [os/parts/tpm.yaml]"),
    ];
    assert_eq!(
        order("os/vm.yaml:mine.yaml", &files).unwrap(),
        ["os/base.yaml", "os/parts/tpm.yaml", "os/vm.yaml", "mine.yaml"]
    );
    // Reached twice, it counts once, at its first place.
    assert_eq!(
        order("os/base.yaml:./os/../os/base.yaml:mine.yaml:os/vm.yaml", &files).unwrap(),
        ["os/base.yaml", "os/parts/tpm.yaml", "mine.yaml", "os/vm.yaml"]
    );
}

#[test]
fn a_circle_is_refused_with_its_layers() {
    let files =
        [("a.yaml", "extends: [b.yaml]"), ("b.yaml", "name: b\nextends:\n  - c.yaml"), ("c.yaml", "extends: [b.yaml]")];
    let message = order("a.yaml", &files).unwrap_err();
    assert!(
        message.starts_with("c.yaml:1:11: layers extend each other in a circle: b.yaml -> c.yaml -> b.yaml"),
        "{message}"
    );
    let message = order("a.yaml", &[("a.yaml", "extends: [./a.yaml]")]).unwrap_err();
    assert!(message.contains("a.yaml -> a.yaml"), "{message}");
}

#[test]
fn a_missing_layer_is_reported_where_it_is_named() {
    let message = order("a.yaml", &[("a.yaml", "extends: [x/b.yaml]")]).unwrap_err();
    assert_eq!(message, "a.yaml:1:11: layer `x/b.yaml` cannot be read: no such file");
    assert_eq!(order("b.yaml", &[]).unwrap_err(), "layer `b.yaml` cannot be read: no such file");
    let message = order("a.yaml::b.yaml", &[]).unwrap_err();
    assert!(message.starts_with("`` is no path of a layer"), "{message}");
}

#[test]
fn problems_of_several_layers_are_reported_together() {
    let files = [("a.yaml", "extends: [b.yaml]\nnam: x\nversion: 1"), ("b.yaml", "pakages: {}\nname: X")];
    let message = order("a.yaml", &files).unwrap_err();
    let lines: Vec<&str> = message.lines().collect();
    assert_eq!(lines.len(), 4, "{message}");
    assert_eq!(lines[0], "a.yaml:2:1: unknown key `nam` in the recipe; did you mean `name`?");
    assert!(lines[1].starts_with("a.yaml:3:10: `1` in `version`: is no version"), "{message}");
    assert_eq!(lines[2], "b.yaml:1:1: unknown key `pakages` in the recipe; did you mean `packages`?");
    assert!(lines[3].starts_with("b.yaml:2:7: `X` in `name`"), "{message}");
}

#[test]
fn the_number_depth_and_size_of_layers_are_limited() {
    let many: Vec<(String, String)> = (0..100).map(|n| (format!("l{n}.yaml"), String::new())).collect();
    let files: Vec<(&str, &str)> = many.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    let names: Vec<&str> = many.iter().map(|(path, _)| path.as_str()).collect();
    assert!(order(&names[..64].join(":"), &files).is_ok());
    assert!(order(&names[..65].join(":"), &files).unwrap_err().contains("64 layers"));
    let all = format!("extends: [{}]", names.join(", "));
    let mut wide = files.clone();
    wide.push(("all.yaml", &all));
    assert!(order("all.yaml", &wide).unwrap_err().contains("64 layers"));

    let chain: Vec<(String, String)> =
        (0..20).map(|n| (format!("c{n}.yaml"), format!("extends: [c{}.yaml]", n + 1))).collect();
    let files: Vec<(&str, &str)> = chain.iter().map(|(p, t)| (p.as_str(), t.as_str())).collect();
    assert!(order("c0.yaml", &files).unwrap_err().contains("16 layers"));

    let comment = format!("# {}", "x".repeat(900_000));
    let files: Vec<(&str, &str)> = names[..6].iter().map(|&path| (path, comment.as_str())).collect();
    assert!(order(&names[..6].join(":"), &files).unwrap_err().contains("4194304 bytes"));
}

#[test]
fn text_that_is_not_utf8_is_refused_with_its_line() {
    let source = |_: &LayerPath| Ok(b"name: x\nversion: \xff".to_vec());
    let stack = LayerStack::parse("a.yaml").unwrap();
    let message = load(&stack, &source).unwrap_err().to_string();
    assert_eq!(message, "a.yaml:2:1: the text is not UTF-8 from here on");
}

#[test]
fn extends_takes_no_tags_and_no_absolute_paths() {
    for (text, expected) in [
        ("extends: !replace [b.yaml]", "tags have no meaning"),
        ("extends: [!remove b.yaml]", "tags have no meaning"),
        ("extends: [/b.yaml]", "is absolute"),
        ("extends: b.yaml", "`extends` must be a list"),
        ("extends: [{a: b}]", "must be the path of a layer"),
    ] {
        let message = order("a.yaml", &[("a.yaml", text), ("b.yaml", "")]).unwrap_err();
        assert!(message.contains(expected), "{text}: {message}");
    }
}

use super::{Edit, Node, Value, parse};
use crate::origin::LayerPath;
use crate::problem::Problems;

fn read(text: &str) -> Result<Node, String> {
    let mut problems = Problems::default();
    let layer = LayerPath::new("a.yaml").unwrap();
    let node = parse(&layer, text, &mut problems);
    problems.settle(node).map_err(|error| error.to_string())
}

fn message(text: &str) -> String {
    read(text).unwrap_err()
}

#[test]
fn values_know_their_line_column_and_edit() {
    let root = read("packages:\n  include: !replace [nano, !remove vim]\n  # x\n  exclude: !remove\n").unwrap();
    let packages = root.get("packages").unwrap();
    let include = packages.get("include").unwrap();
    assert_eq!(include.at.to_string(), "a.yaml:2:12");
    assert_eq!(include.edit, Edit::Replace);
    let Value::List(items) = &include.value else { panic!("a list") };
    assert_eq!(items[1].edit, Edit::Remove);
    assert_eq!(items[1].scalar().unwrap().text, "vim");
    assert_eq!(items[1].at.to_string(), "a.yaml:2:28");
    let exclude = packages.get("exclude").unwrap();
    assert_eq!(exclude.edit, Edit::Remove);
    assert!(matches!(exclude.value, Value::Nothing));
}

#[test]
fn columns_count_characters() {
    let root = read("name: {ä: é, b: c}\n").unwrap();
    let node = root.get("name").unwrap().get("b").unwrap();
    assert_eq!(node.at.to_string(), "a.yaml:1:17");
}

#[test]
fn an_empty_document_is_an_empty_map() {
    for text in ["", "# only a comment\n", "---\n"] {
        let root = read(text).unwrap();
        assert!(matches!(root.value, Value::Map(_) | Value::Nothing), "{text:?}");
    }
}

#[test]
fn what_is_not_a_recipe_is_refused_with_its_place() {
    for (text, expected) in [
        ("a: [1\nb: 2", "a.yaml:2:"),
        ("a: 1\na: 2", "a.yaml:2:1: key `a` is written twice in one map, first at a.yaml:1:1"),
        ("a: 1\n---\nb: 2", "a.yaml:2:1: a layer is one YAML document"),
        ("%YAML 1.2\n---\na: 1", "a.yaml:1:1: not valid YAML"),
        ("a: !include x", "a.yaml:1:4: unknown tag `!include`"),
        ("a: !!binary eA==", "a.yaml:1:4: unknown tag `!!binary`"),
        ("!remove a: 1", "the tag stands before a key"),
        ("[a]: 1", "the key of a map must be plain text"),
        ("a: *b", "a.yaml:1:4: not valid YAML"),
        ("a: &a [*a]", "this alias stands inside the value that it names"),
    ] {
        let message = message(text);
        assert!(message.contains(expected), "{text:?} gave {message}");
    }
}

#[test]
fn an_alias_stands_for_its_value() {
    let root = read("a: &x [1, 2]\nb: *x\n").unwrap();
    assert!(matches!(&root.get("b").unwrap().value, Value::List(items) if items.len() == 2));
}

#[test]
fn an_alias_bomb_is_refused() {
    let mut text = "a: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, earlier) in [("b", "a"), ("c", "b"), ("d", "c"), ("e", "d"), ("f", "e"), ("g", "f")] {
        let aliases = vec![format!("*{earlier}"); 10].join(", ");
        text.push_str(&format!("{name}: &{name} [{aliases}]\n"));
    }
    assert!(message(&text).contains("aliases expanded"), "{}", message(&text));
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(500_000), ["*a"; 100].join(", "));
    assert!(message(&long).contains("4194304 bytes"), "{}", message(&long));
}

#[test]
fn nesting_and_size_are_limited() {
    let deep = format!("a: {}{}", "[".repeat(40), "]".repeat(40));
    assert!(message(&deep).contains("16 levels"), "{}", message(&deep));
    let block: String = (0..40).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
    assert!(message(&block).contains("16 levels"), "{}", message(&block));
    let mut chain = "a: &a0 [x]\n".to_owned();
    for level in 0..20 {
        chain.push_str(&format!("k{level}: &a{} [*a{level}]\n", level + 1));
    }
    assert!(message(&chain).contains("16 levels"), "{}", message(&chain));
    let large = format!("a: {}", "x".repeat(1024 * 1024));
    assert!(message(&large).contains("1048576 bytes"));
}

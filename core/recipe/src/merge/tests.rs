use std::collections::BTreeMap;

use crate::layers::{LayerStack, load};
use crate::origin::LayerPath;
use crate::problem::RecipeError;
use crate::recipe::{Recipe, resolve};

const BASE: &str = "
name: piccolo
version: 1.4.0
base: {debian: {suite: trixie}}
packages: {include: [nano, systemd]}
files:
  - {path: /etc/motd, content: base}
  - {path: /etc/issue, content: base}
  - {path: /, tree: rootfs}
kernel: {command_line: [quiet, console=tty0]}
sysusers: {piccolo: 'u piccolo -', other: 'u other -'}
image: {sizes: {esp: 512MiB, root: 2GiB}}
";

/// Resolves BASE with further layers over it, named a.yaml, b.yaml and so on.
fn over_base(layers: &[&str]) -> Result<Recipe, RecipeError> {
    let mut texts = BTreeMap::from([("base.yaml".to_owned(), BASE.to_owned())]);
    let mut stack = "base.yaml".to_owned();
    for (name, text) in ["a.yaml", "b.yaml", "c.yaml"].iter().zip(layers) {
        texts.insert((*name).to_owned(), (*text).to_owned());
        stack = format!("{stack}:{name}");
    }
    let source = |path: &LayerPath| {
        let text = texts.get(path.as_str()).ok_or("no such file")?;
        Ok(text.clone().into_bytes())
    };
    resolve(&LayerStack::parse(&stack).unwrap(), &source)
}

fn message(layers: &[&str]) -> String {
    over_base(layers).unwrap_err().to_string()
}

fn names<T: ToString + Ord>(set: &crate::Set<T>) -> Vec<String> {
    set.iter().map(ToString::to_string).collect()
}

fn paths(recipe: &Recipe) -> Vec<&str> {
    recipe.files.iter().map(|entry| entry.path.as_str()).collect()
}

#[test]
fn maps_merge_and_single_values_are_replaced() {
    let recipe = over_base(&["version: 1.5.0\nimage: {sizes: {root: 4GiB}}\nsysusers: {more: 'u more -'}"]).unwrap();
    assert_eq!(recipe.version.as_str(), "1.5.0");
    assert_eq!(recipe.image.sizes.root.to_string(), "4GiB");
    assert_eq!(recipe.image.sizes.esp.to_string(), "512MiB");
    assert_eq!(recipe.image.sizes.root.origin.to_string(), "a.yaml:2:23");
    assert_eq!(recipe.sysusers.len(), 3);
}

#[test]
fn sets_take_each_value_once_and_remember_where_it_was_written_first() {
    let recipe = over_base(&["packages: {include: [vim, nano, vim]}"]).unwrap();
    assert_eq!(names(&recipe.packages.include), ["nano", "systemd", "vim"]);
    let nano = recipe.packages.include.iter().next().unwrap();
    assert_eq!(recipe.packages.include.origin(nano).unwrap().to_string(), "base.yaml:5:22");
}

#[test]
fn lists_append_in_order() {
    let recipe = over_base(&["kernel: {command_line: [console=ttyS0, quiet]}"]).unwrap();
    let arguments: Vec<&str> = recipe.kernel.command_line.iter().map(|a| a.as_str()).collect();
    assert_eq!(arguments, ["quiet", "console=tty0", "console=ttyS0", "quiet"]);
}

#[test]
fn an_item_with_the_same_key_takes_the_place_of_the_earlier_one_at_the_end() {
    let recipe = over_base(&["files: [{path: /etc/motd, content: mine}]"]).unwrap();
    assert_eq!(paths(&recipe), ["/etc/issue", "/", "/etc/motd"]);
    assert_eq!(recipe.files.last().unwrap().origin.layer.as_str(), "a.yaml");
}

#[test]
fn trees_at_one_path_stand_beside_each_other() {
    let recipe = over_base(&["files: [{path: /, tree: mine}]"]).unwrap();
    assert_eq!(paths(&recipe), ["/etc/motd", "/etc/issue", "/", "/"]);
}

#[test]
fn remove_takes_away_items_keys_and_keyed_items() {
    let recipe = over_base(&["
packages: {include: [!remove nano]}
files: [!remove /etc/motd, !remove /]
kernel: {command_line: [!remove quiet]}
sysusers: {other: !remove }
image: {sizes: {root: !remove }}
"])
    .unwrap();
    assert_eq!(names(&recipe.packages.include), ["systemd"]);
    assert_eq!(paths(&recipe), ["/etc/issue"]);
    assert_eq!(recipe.kernel.command_line.len(), 1);
    assert_eq!(recipe.sysusers.len(), 1);
    assert_eq!(recipe.image.sizes.root.to_string(), "3GiB");
}

#[test]
fn a_layer_can_remove_an_item_and_add_it_again() {
    let recipe = over_base(&["kernel: {command_line: [quiet, !remove quiet]}"]).unwrap();
    let arguments: Vec<&str> = recipe.kernel.command_line.iter().map(|a| a.as_str()).collect();
    assert_eq!(arguments, ["console=tty0", "quiet"]);
}

#[test]
fn removing_what_is_not_there_is_an_error_with_its_place() {
    let all = message(&["
packages: {include: [!remove nanoo]}
files: [!remove /etc/passwd]
sysusers: {othr: !remove }
timestamp: !remove
"]);
    let lines: Vec<&str> = all.lines().collect();
    assert!(lines[0].starts_with("a.yaml:2:22: there is no `nanoo` in `packages.include` to remove"), "{all}");
    assert!(lines[0].ends_with("did you mean `nano`?"), "{all}");
    assert!(lines[1].starts_with("a.yaml:3:9: there is no `/etc/passwd` in `files`"), "{all}");
    assert!(lines[2].starts_with("a.yaml:4:12: there is no `othr` in `sysusers`"), "{all}");
    assert!(lines[3].starts_with("a.yaml:5:1: there is no `timestamp` in the recipe"), "{all}");
    assert_eq!(lines.len(), 4);
}

#[test]
fn a_layer_cannot_remove_what_it_adds_itself() {
    assert!(message(&["packages: {include: [vim, !remove vim]}"]).contains("there is no `vim`"));
}

#[test]
fn replace_forgets_what_earlier_layers_wrote() {
    let recipe = over_base(&["
packages: {include: !replace [vim]}
files: !replace
sysusers: !replace {mine: 'u mine -'}
kernel: !replace {command_line: [debug]}
"])
    .unwrap();
    assert_eq!(names(&recipe.packages.include), ["vim"]);
    assert_eq!(paths(&recipe), Vec::<&str>::new());
    assert_eq!(recipe.sysusers.len(), 1);
    assert_eq!(recipe.kernel.command_line.len(), 1);
}

#[test]
fn replacing_what_is_not_there_is_no_error_but_removing_within_it_is() {
    assert!(over_base(&["presets: !replace {a: enable x.service}"]).is_ok());
    assert!(message(&["packages: !replace {include: [!remove nano]}"]).contains("there is no `nano`"));
}

#[test]
fn an_empty_key_changes_nothing() {
    let recipe = over_base(&["packages:\nfiles:\nunits: {enable: }\n"]).unwrap();
    assert_eq!(recipe.canonical_json(), over_base(&[]).unwrap().canonical_json());
}

#[test]
fn the_layers_are_remembered() {
    let source = |_: &LayerPath| Ok(BASE.as_bytes().to_vec());
    let stack = LayerStack::parse("x/base.yaml:mine.yaml").unwrap();
    let merged = load(&stack, &source).unwrap().merge().unwrap();
    let layers: Vec<&str> = merged.layers().iter().map(LayerPath::as_str).collect();
    assert_eq!(layers, ["x/base.yaml", "mine.yaml"]);
}

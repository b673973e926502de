//! The index files of a kernel's directory, as `depmod` writes them.

use super::graph::Graph;
use super::index_file::IndexFile;
use super::{KernelDirectory, Module, ModuleSet, ModulesError, module_name};
use file_tree::content::{Content, ReadBlob};
use file_tree::tree::{FileTree, Inode, Kind, Metadata};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Longest alias that depmod and libkmod work with, in bytes. It also bounds the depth of the index.
const MAXIMUM_ALIAS: usize = 1023;

/// Computes all indexes of a kernel and puts them into the tree, replacing those there. Answers the names written.
///
/// # Errors
/// When a module is compressed or damaged, when modules need one another in a circle, or a name cannot be stored.
pub fn index(
    tree: &mut FileTree,
    blobs: &dyn ReadBlob,
    kernel: &KernelDirectory,
) -> Result<Vec<&'static str>, ModulesError> {
    let set = ModuleSet::read(tree, blobs, kernel)?;
    write(tree, kernel, &set)
}

/// Puts the indexes of `set` into the tree. Answers the names written.
pub(crate) fn write(
    tree: &mut FileTree,
    kernel: &KernelDirectory,
    set: &ModuleSet,
) -> Result<Vec<&'static str>, ModulesError> {
    let mut names = Vec::new();
    for (name, bytes) in files(set)? {
        let inode = Inode::new(Metadata::root_owned(0o644), Kind::File(Content::from_bytes(bytes)));
        tree.insert(&kernel.file(name)?, inode)?;
        names.push(name);
    }
    Ok(names)
}

/// The index files by name: what `depmod` makes of the same modules. The lines of `modules.symbols`, which no program reads,
/// are sorted here.
///
/// # Errors
/// When modules need one another in a circle, or a name cannot be stored.
pub fn files(set: &ModuleSet) -> Result<Vec<(&'static str, Vec<u8>)>, ModulesError> {
    let graph = Graph::new(set)?;
    let mut dependencies = Dependencies::default();
    for (position, module) in set.modules.iter().enumerate() {
        let needed = graph.all(position).into_iter().map(|needed| &set.modules[needed]).collect::<Vec<_>>();
        dependencies.add(priority(position), module, &needed)?;
    }
    let symbols = symbols(set);
    let files = vec![
        ("modules.dep", Some(dependencies.text.into_bytes())),
        ("modules.dep.bin", dependencies.index.to_bytes()),
        ("modules.alias", Some(alias_text(set).into_bytes())),
        ("modules.alias.bin", alias_index(set)?.to_bytes()),
        (
            "modules.softdep",
            Some(values_text(set, "softdep", "# Soft dependencies extracted from modules themselves.\n")),
        ),
        (
            "modules.weakdep",
            Some(values_text(set, "weakdep", "# Weak dependencies extracted from modules themselves.\n")),
        ),
        ("modules.symbols", Some(symbol_text(set, &symbols).into_bytes())),
        ("modules.symbols.bin", symbol_index(set, &symbols)?.to_bytes()),
        ("modules.builtin.bin", builtin_index(set)?.to_bytes()),
        ("modules.builtin.alias.bin", builtin_alias_index(set)?),
        ("modules.devname", Some(device_names(set).into_bytes())),
    ];
    files.into_iter().map(|(name, bytes)| Ok((name, bytes.ok_or(ModulesError::IndexTooLarge { name })?))).collect()
}

#[derive(Default)]
struct Dependencies {
    text: String,
    index: IndexFile,
}

impl Dependencies {
    fn add(&mut self, priority: u32, module: &Module, needed: &[&Module]) -> Result<(), ModulesError> {
        let mut line = format!("{}:", module.path);
        for needed in needed {
            line.push(' ');
            line.push_str(&needed.path);
        }
        self.index.insert(ascii(&module.name, &module.name)?, ascii(&module.name, &line)?, priority);
        self.text.push_str(&line);
        self.text.push('\n');
        Ok(())
    }
}

/// Modules earlier in `modules.order` win; at most 2³² modules fit an arena of inodes.
fn priority(position: usize) -> u32 {
    u32::try_from(position).unwrap_or(u32::MAX)
}

/// Text that the index can store.
fn ascii<'a>(module: &str, text: &'a str) -> Result<&'a str, ModulesError> {
    if text.is_ascii() && !text.contains('\0') {
        return Ok(text);
    }
    Err(ModulesError::NotAscii { module: module.to_owned(), text: text.to_owned() })
}

fn alias_text(set: &ModuleSet) -> String {
    let mut text = "# Aliases extracted from modules themselves.\n".to_owned();
    for module in &set.modules {
        for alias in module.info.values("alias") {
            let _ = writeln!(text, "alias {alias} {}", module.name);
        }
    }
    text
}

fn alias_index(set: &ModuleSet) -> Result<IndexFile, ModulesError> {
    let mut index = IndexFile::default();
    for (position, module) in set.modules.iter().enumerate() {
        for alias in module.info.values("alias") {
            if let Some(alias) = normalize_alias(alias) {
                index.insert(ascii(&module.name, &alias)?, ascii(&module.name, &module.name)?, priority(position));
            }
        }
    }
    Ok(index)
}

/// Underscores for hyphens outside of brackets, as every look-up of an alias does. Nothing for unbalanced brackets and for
/// aliases too long to be looked up.
pub(crate) fn normalize_alias(alias: &str) -> Option<String> {
    if alias.len() > MAXIMUM_ALIAS {
        return None;
    }
    let mut normal = String::with_capacity(alias.len());
    let mut rest = alias;
    while let Some(position) = rest.find(['[', ']']) {
        let (before, bracket) = rest.split_at(position);
        if bracket.starts_with(']') {
            return None;
        }
        let end = bracket.find(']')? + 1;
        normal.push_str(&before.replace('-', "_"));
        normal.push_str(&bracket[..end]);
        rest = &bracket[end..];
    }
    normal.push_str(&rest.replace('-', "_"));
    Some(normal)
}

fn values_text(set: &ModuleSet, key: &str, heading: &str) -> Vec<u8> {
    let mut text = heading.to_owned();
    for module in &set.modules {
        for value in module.info.values(key) {
            let _ = writeln!(text, "{key} {} {value}", module.name);
        }
    }
    text.into_bytes()
}

/// Exported symbols and the position of the module that owns each.
fn symbols(set: &ModuleSet) -> BTreeMap<&str, usize> {
    let mut symbols = BTreeMap::new();
    for (position, module) in set.modules.iter().enumerate() {
        symbols.extend(module.info.exports.iter().map(|symbol| (symbol.as_str(), position)));
    }
    symbols
}

fn symbol_text(set: &ModuleSet, symbols: &BTreeMap<&str, usize>) -> String {
    let mut text = "# Aliases for symbols, used by symbol_request().\n".to_owned();
    for (symbol, position) in symbols {
        let _ = writeln!(text, "alias symbol:{symbol} {}", set.modules[*position].name);
    }
    text
}

fn symbol_index(set: &ModuleSet, symbols: &BTreeMap<&str, usize>) -> Result<IndexFile, ModulesError> {
    let mut index = IndexFile::default();
    for (symbol, position) in symbols {
        let module = &set.modules[*position].name;
        let key = format!("symbol:{symbol}");
        if key.len() <= MAXIMUM_ALIAS {
            index.insert(ascii(module, &key)?, ascii(module, module)?, priority(*position));
        }
    }
    Ok(index)
}

fn builtin_index(set: &ModuleSet) -> Result<IndexFile, ModulesError> {
    let mut index = IndexFile::default();
    for path in &set.builtin {
        let name = module_name(path);
        index.insert(ascii(path, &name)?, "", 0);
    }
    Ok(index)
}

/// depmod leaves the file empty where no built-in module has an alias.
fn builtin_alias_index(set: &ModuleSet) -> Result<Option<Vec<u8>>, ModulesError> {
    let mut index = IndexFile::default();
    let mut any = false;
    for (module, key, value) in &set.builtin_info {
        if key == "alias"
            && let Some(alias) = normalize_alias(value)
        {
            index.insert(ascii(module, &alias)?, ascii(module, module)?, 0);
            any = true;
        }
    }
    Ok(if any { index.to_bytes() } else { Some(Vec::new()) })
}

/// Device nodes that load a module when opened: the alias `devname:` beside `char-major-M-N` or `block-major-M-N`.
fn device_names(set: &ModuleSet) -> String {
    let mut text = "# Device nodes to trigger on-demand module loading.\n".to_owned();
    for module in &set.modules {
        let mut name = None;
        let mut number = None;
        for alias in module.info.values("alias") {
            if let Some(device) = alias.strip_prefix("devname:") {
                name = Some(device);
            } else if let Some(device) = device_number(alias) {
                number = Some(device);
            }
            if name.is_some() && number.is_some() {
                break;
            }
        }
        if let (Some(name), Some((kind, major, minor))) = (name, number) {
            let _ = writeln!(text, "{} {name} {kind}{major}:{minor}", module.name);
        }
    }
    text
}

fn device_number(alias: &str) -> Option<(char, u32, u32)> {
    let (kind, rest) = match alias.strip_prefix("char-major-") {
        Some(rest) => ('c', rest),
        None => ('b', alias.strip_prefix("block-major-")?),
    };
    let (major, minor) = rest.split_once('-')?;
    Some((kind, major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::normalize_alias;

    #[test]
    fn hyphens_in_brackets_stay() {
        assert_eq!(normalize_alias("pci:a-b[0-9]c-d").unwrap(), "pci:a_b[0-9]c_d");
        assert_eq!(normalize_alias("a[b"), None);
        assert_eq!(normalize_alias("a]b"), None);
    }
}

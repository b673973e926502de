//! The modules an initrd asks for, and all that come with them.

use super::graph::Graph;
use super::index::normalize_alias;
use super::select::Pattern;
use super::{ModuleSet, ModulesError, module_name};
use crate::report::{Cause, Reason};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The closure over hard, soft and weak dependencies.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Chosen modules by position in the set, and why.
    pub(crate) modules: BTreeMap<usize, Reason>,
    /// Requests and dependencies that nothing satisfies: the name and who asked. Names of the request are marked by nobody.
    pub(crate) missing: Vec<Missing>,
}

/// A module that was asked for and is neither a file nor built in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) name: String,
    /// The module whose soft dependency it is; none where the request names it.
    pub(crate) wanted_by: Option<String>,
}

/// Chooses the modules that match the names and patterns of a request.
pub(crate) fn wanted(set: &ModuleSet, names: &[&str]) -> Result<Wanted, ModulesError> {
    let graph = Graph::new(set)?;
    let lookup = Lookup::new(set);
    let mut wanted = Wanted::default();
    let mut pending = Vec::new();
    for name in names {
        let found = if name.contains(['*', '?', '[', '/']) {
            let pattern = Pattern::parse(name)?;
            let positions = (0..set.modules.len()).filter(|position| pattern.matches(&set.modules[*position].path));
            Found::of(positions.collect(), || set.builtin.iter().any(|path| pattern.matches(path)))
        } else {
            lookup.find(name)
        };
        match found {
            Found::Modules(positions) => {
                let reason = Reason::new(Cause::Requested, name);
                pending.extend(positions.into_iter().map(|position| (position, reason.clone())));
            }
            Found::BuiltIn => {}
            Found::Nothing => wanted.missing.push(Missing { name: (*name).to_owned(), wanted_by: None }),
        }
    }
    while let Some((position, reason)) = pending.pop() {
        if wanted.modules.contains_key(&position) {
            continue;
        }
        wanted.modules.insert(position, reason);
        let module = &set.modules[position];
        let because = |cause| Reason::new(cause, &module.name);
        pending.extend(graph.direct(position).iter().map(|needed| (*needed, because(Cause::ModuleDependency))));
        for name in soft_dependencies(module.info.values("softdep"), module.info.values("weakdep")) {
            match lookup.find(name) {
                Found::Modules(positions) => {
                    pending.extend(positions.into_iter().map(|needed| (needed, because(Cause::SoftDependency))));
                }
                Found::BuiltIn => {}
                Found::Nothing => {
                    wanted.missing.push(Missing { name: name.to_owned(), wanted_by: Some(module.name.clone()) })
                }
            }
        }
    }
    Ok(wanted)
}

/// Names in soft dependencies (`pre: a b post: c`; without either word they are taken as both) and in weak ones.
fn soft_dependencies<'a>(
    soft: impl Iterator<Item = &'a str>,
    weak: impl Iterator<Item = &'a str>,
) -> BTreeSet<&'a str> {
    let words = soft.chain(weak).flat_map(str::split_whitespace);
    words.filter(|word| !matches!(*word, "pre:" | "post:")).collect()
}

enum Found {
    Modules(Vec<usize>),
    BuiltIn,
    Nothing,
}

impl Found {
    fn of(positions: Vec<usize>, built_in: impl FnOnce() -> bool) -> Self {
        if !positions.is_empty() {
            Self::Modules(positions)
        } else if built_in() {
            Self::BuiltIn
        } else {
            Self::Nothing
        }
    }
}

/// Modules by name and by exact alias. Soft dependencies name aliases such as `crypto-crc32c`.
struct Lookup {
    by_name: HashMap<String, Vec<usize>>,
    built_in: BTreeSet<String>,
}

impl Lookup {
    fn new(set: &ModuleSet) -> Self {
        let mut by_name: HashMap<String, Vec<usize>> = HashMap::new();
        let mut built_in: BTreeSet<String> = set.builtin.iter().map(|path| module_name(path)).collect();
        for (position, module) in set.modules.iter().enumerate() {
            let aliases = module.info.values("alias").filter(|alias| !alias.contains(['*', '?', '[']));
            for alias in aliases.filter_map(normalize_alias) {
                let positions = by_name.entry(alias).or_default();
                if !positions.contains(&position) {
                    positions.push(position);
                }
            }
        }
        for (position, module) in set.modules.iter().enumerate() {
            // A name wins over the aliases of others.
            by_name.insert(module.name.clone(), vec![position]);
        }
        let aliases = set.builtin_info.iter().filter(|(_, key, _)| key == "alias");
        built_in.extend(aliases.filter_map(|(_, _, value)| normalize_alias(value)));
        Self { by_name, built_in }
    }

    fn find(&self, name: &str) -> Found {
        let name = normalize_alias(name).unwrap_or_default();
        let positions = self.by_name.get(&name).cloned().unwrap_or_default();
        Found::of(positions, || self.built_in.contains(&name))
    }
}

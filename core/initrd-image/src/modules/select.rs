//! Which of a kernel's modules a tree keeps.

use super::graph::Graph;
use super::{KernelDirectory, ModuleSet, ModulesError, module_name};
use file_tree::content::ReadBlob;
use file_tree::tree::FileTree;
use globset::{Glob, GlobBuilder, GlobMatcher};
use std::collections::BTreeSet;

/// What a selection kept and removed. Modules are named by path relative to the kernel's directory.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Selected {
    /// How many modules are left.
    pub kept: usize,
    /// Modules removed because a pattern says so.
    pub excluded: Vec<String>,
    /// Modules removed because one they need was removed.
    pub dependents: Vec<String>,
    /// Bytes that the removed modules took.
    pub removed_bytes: u64,
    /// Patterns that no module matched: a spelling mistake, or another kernel.
    pub unmatched: Vec<String>,
}

/// Removes from the tree the modules that match `exclude`, and with them those that need one of them. Modules that match
/// `include`, and all they need, stay. The indexes are not rewritten; run [`super::index::index`] afterwards.
///
/// A pattern with `*`, `?` or `[` is a glob over the path relative to the kernel's directory (`kernel/drivers/gpu/**`; `*` does not
/// cross slashes). One without is a class or a module: it matches a directory with all below (`drivers/gpu`, `kernel/sound`)
/// or a module's name (`floppy`). The leading `kernel/` may be left out of either.
///
/// # Errors
/// When a pattern is not a glob, or a module cannot be read.
pub fn select(
    tree: &mut FileTree,
    blobs: &dyn ReadBlob,
    kernel: &KernelDirectory,
    include: &[String],
    exclude: &[String],
) -> Result<Selected, ModulesError> {
    let set = ModuleSet::read(tree, blobs, kernel)?;
    let graph = Graph::new(&set)?;
    let mut selected = Selected::default();

    let mut protected = BTreeSet::new();
    for position in matching(&set, include, &mut selected.unmatched)? {
        protected.insert(position);
        protected.extend(graph.all(position));
    }
    let excluded: BTreeSet<usize> =
        matching(&set, exclude, &mut selected.unmatched)?.difference(&protected).copied().collect();

    for (position, module) in set.modules.iter().enumerate() {
        let list = if excluded.contains(&position) {
            &mut selected.excluded
        } else if !protected.contains(&position) && graph.all(position).iter().any(|needed| excluded.contains(needed)) {
            &mut selected.dependents
        } else {
            selected.kept += 1;
            continue;
        };
        list.push(module.path.clone());
        if let file_tree::tree::Kind::File(content) = &tree.inode(module.inode).kind {
            selected.removed_bytes += content.length();
        }
        tree.remove(&kernel.file(&module.path)?);
    }
    Ok(selected)
}

/// Positions of the modules that any pattern matches. Patterns that match none are added to `unmatched`.
fn matching(
    set: &ModuleSet,
    patterns: &[String],
    unmatched: &mut Vec<String>,
) -> Result<BTreeSet<usize>, ModulesError> {
    let mut all = BTreeSet::new();
    for text in patterns {
        let pattern = Pattern::parse(text)?;
        let before = all.len();
        let mut any = false;
        for (position, module) in set.modules.iter().enumerate() {
            if pattern.matches(&module.path) {
                all.insert(position);
                any = true;
            }
        }
        if !any && all.len() == before {
            unmatched.push(text.clone());
        }
    }
    Ok(all)
}

/// A pattern over the paths of modules, as [`select`] describes it.
pub(crate) enum Pattern {
    Glob(GlobMatcher),
    ClassOrName(String),
}

impl Pattern {
    pub(crate) fn parse(text: &str) -> Result<Self, ModulesError> {
        if !text.contains(['*', '?', '[']) {
            return Ok(Self::ClassOrName(text.trim_end_matches('/').to_owned()));
        }
        let glob: Result<Glob, _> = GlobBuilder::new(text).literal_separator(true).build();
        let glob = glob.map_err(|source| ModulesError::Pattern { pattern: text.to_owned(), source })?;
        Ok(Self::Glob(glob.compile_matcher()))
    }

    pub(crate) fn matches(&self, path: &str) -> bool {
        let short = path.strip_prefix("kernel/").unwrap_or(path);
        match self {
            Self::Glob(glob) => glob.is_match(path) || glob.is_match(short),
            Self::ClassOrName(text) => {
                let below = |path: &str| path.strip_prefix(text.as_str()).is_some_and(|rest| rest.starts_with('/'));
                let file = !text.contains('/') && module_name(path) == module_name(text);
                file || below(path) || below(short) || path == text || short == text
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    #[test]
    fn patterns_match_globs_classes_and_names() {
        let gpu = "kernel/drivers/gpu/drm/bochs/bochs-drm.ko";
        for pattern in [
            "kernel/drivers/gpu/**",
            "drivers/gpu/**",
            "drivers/gpu",
            "kernel/drivers/gpu/",
            "bochs_drm",
            "bochs-drm",
            gpu,
        ] {
            assert!(Pattern::parse(pattern).unwrap().matches(gpu), "{pattern}");
        }
        for pattern in ["drivers/gp", "drivers/*", "gpu", "bochs"] {
            assert!(!Pattern::parse(pattern).unwrap().matches(gpu), "{pattern}");
        }
    }
}

//! Where a shared library is found: the search of `ld.so`(8) inside a tree.

use crate::elf::{self, Needs};
use file_tree::content::ReadBlob;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Kind};
use globset::GlobBuilder;

/// Largest `ld.so.conf` file read, in bytes.
const MAXIMUM_CONFIGURATION: u64 = 1 << 20;
/// Deepest nesting of `include` in `ld.so.conf`.
const MAXIMUM_INCLUDES: usize = 4;

/// `e_machine` of the architectures with a multiarch directory of their own, and that directory's name on Debian. Debian's loader
/// has it compiled in, so that libraries are found there without a cache.
const MULTIARCH: [(u16, &str); 3] = [(62, "x86_64-linux-gnu"), (183, "aarch64-linux-gnu"), (243, "riscv64-linux-gnu")];

/// The directories libraries are searched in.
pub(crate) struct Libraries<'a> {
    tree: &'a FileTree,
    blobs: &'a dyn ReadBlob,
    /// Directories of `/etc/ld.so.conf`, which only the cache makes known to the loader. An initrd has no cache.
    configured: Vec<TreePath>,
}

/// A library that was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FoundLibrary {
    /// The path by which it was found; symbolic links are not followed.
    pub(crate) path: TreePath,
    /// Where it must be linked to, because the loader would not look in its directory without a cache.
    pub(crate) link: Option<TreePath>,
}

impl<'a> Libraries<'a> {
    pub(crate) fn new(tree: &'a FileTree, blobs: &'a dyn ReadBlob) -> Self {
        let mut libraries = Self { tree, blobs, configured: Vec::new() };
        libraries.configured = libraries.configuration("/etc/ld.so.conf", 0);
        libraries
    }

    /// Finds the library `name` as needed by the file `origin` with these needs. `inherited` are the `DT_RPATH` directories, with
    /// `$ORIGIN` expanded, of those that loaded it.
    pub(crate) fn find(
        &self,
        name: &[u8],
        origin: &TreePath,
        needs: &Needs,
        inherited: &[TreePath],
    ) -> Option<FoundLibrary> {
        if name.contains(&b'/') {
            let path = TreePath::parse(name).ok()?;
            return self.is_library(&path, needs.machine).then_some(FoundLibrary { path, link: None });
        }
        let mut directories = Vec::new();
        if needs.runpath.is_empty() {
            directories.extend(expand(&needs.rpath, origin, needs.machine));
            directories.extend(inherited.iter().cloned());
        }
        directories.extend(expand(&needs.runpath, origin, needs.machine));
        let defaults = default_directories(needs.machine);
        let find = |directories: &[TreePath]| {
            let mut paths = directories.iter().map(|directory| directory.join(name));
            paths.find(|path| self.is_library(path, needs.machine))
        };
        if let Some(path) = find(&directories).or_else(|| find(&defaults)) {
            return Some(FoundLibrary { path, link: None });
        }
        let path = find(&self.configured)?;
        Some(FoundLibrary { path, link: defaults.first().map(|directory| directory.join(name)) })
    }

    /// The `DT_RPATH` directories that libraries of this file inherit.
    pub(crate) fn passed_on(origin: &TreePath, needs: &Needs, inherited: &[TreePath]) -> Vec<TreePath> {
        if !needs.runpath.is_empty() {
            return Vec::new();
        }
        let mut directories = expand(&needs.rpath, origin, needs.machine);
        directories
            .extend(inherited.iter().filter(|directory| !directories.contains(directory)).cloned().collect::<Vec<_>>());
        directories
    }

    /// The loader passes over files of other machines, so that directories may hold libraries for several.
    fn is_library(&self, path: &TreePath, machine: u16) -> bool {
        let Ok((_, id)) = self.tree.resolve(path) else { return false };
        let Kind::File(content) = &self.tree.inode(id).kind else { return false };
        let mut start = [0; 20];
        content.read_exact_at(self.blobs, 0, &mut start).is_ok()
            && start.starts_with(elf::MAGIC)
            && start[18..20] == machine.to_le_bytes()
    }

    fn configuration(&self, path: &str, depth: usize) -> Vec<TreePath> {
        let file = TreePath::parse(path).ok().and_then(|path| self.tree.resolve(&path).ok());
        let Some(Kind::File(content)) = file.map(|(_, id)| &self.tree.inode(id).kind) else { return Vec::new() };
        let Ok(bytes) = content.read_all(self.blobs, MAXIMUM_CONFIGURATION) else { return Vec::new() };
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut directories = Vec::new();
        for line in text.lines() {
            let line = line.split('#').next().unwrap_or_default().trim();
            if let Some(pattern) = line.strip_prefix("include ") {
                if depth < MAXIMUM_INCLUDES {
                    for included in self.matching(pattern.trim()) {
                        directories.extend(self.configuration(&included, depth + 1));
                    }
                }
            } else if line.starts_with('/') {
                directories.extend(TreePath::parse(line).ok());
            }
        }
        directories
    }

    /// Files that an `include` pattern names; its wildcard is in the file name, as everywhere in practice.
    fn matching(&self, pattern: &str) -> Vec<String> {
        let Some((directory, _)) = pattern.rsplit_once('/') else { return Vec::new() };
        let Ok(glob) = GlobBuilder::new(pattern).literal_separator(true).build() else { return Vec::new() };
        let glob = glob.compile_matcher();
        let directory_id = TreePath::parse(directory).ok().and_then(|path| self.tree.resolve(&path).ok());
        let Some(Kind::Directory(names)) = directory_id.map(|(_, id)| &self.tree.inode(id).kind) else {
            return Vec::new();
        };
        let paths = names.keys().map(|name| format!("{directory}/{}", String::from_utf8_lossy(name)));
        paths.filter(|path| glob.is_match(path)).collect()
    }
}

/// The directories compiled into the loader.
fn default_directories(machine: u16) -> Vec<TreePath> {
    let multiarch = MULTIARCH.iter().find(|(number, _)| *number == machine).map(|(_, name)| format!("/usr/lib/{name}"));
    let names = multiarch.into_iter().chain(["/usr/lib64".to_owned(), "/usr/lib".to_owned()]);
    names.filter_map(|name| TreePath::parse(name).ok()).collect()
}

/// Replaces `$ORIGIN`, `$LIB` and `$PLATFORM`-free directories; others that are not absolute are passed over.
fn expand(directories: &[Vec<u8>], origin: &TreePath, machine: u16) -> Vec<TreePath> {
    let above = origin.split_last().map(|(parent, _)| parent.to_bytes()).unwrap_or_default();
    let above = String::from_utf8_lossy(&above).into_owned();
    let library = MULTIARCH.iter().find(|(number, _)| *number == machine).map_or("lib64", |(_, name)| name);
    let library = if library == "lib64" { library.to_owned() } else { format!("lib/{library}") };
    let expanded = directories.iter().map(|directory| {
        let text = String::from_utf8_lossy(directory).into_owned();
        let text = text.replace("${ORIGIN}", &above).replace("$ORIGIN", &above);
        text.replace("${LIB}", &library).replace("$LIB", &library)
    });
    expanded.filter(|text| text.starts_with('/')).filter_map(|text| normalise(&text)).collect()
}

/// Resolves `..` in the text: `$ORIGIN/../lib` is the common form.
fn normalise(text: &str) -> Option<TreePath> {
    let mut names: Vec<&str> = Vec::new();
    for name in text.split('/') {
        match name {
            "" | "." => {}
            ".." => {
                names.pop();
            }
            name => names.push(name),
        }
    }
    TreePath::parse(names.join("/")).ok()
}

#[cfg(test)]
mod tests {
    use super::expand;
    use file_tree::path::TreePath;

    #[test]
    fn the_directory_of_the_file_replaces_origin() {
        let origin = TreePath::parse("/usr/bin/tool").unwrap();
        let directories =
            [b"$ORIGIN/../lib/tool".to_vec(), b"${ORIGIN}/x".to_vec(), b"relative".to_vec(), b"/opt/$LIB".to_vec()];
        let expanded: Vec<_> = expand(&directories, &origin, 62).iter().map(ToString::to_string).collect();
        assert_eq!(expanded, ["/usr/lib/tool", "/usr/bin/x", "/opt/lib/x86_64-linux-gnu"]);
    }
}

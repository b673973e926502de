//! Kernel modules of a tree: what they are, what they need, and the indexes that kmod looks them up in.
//!
//! Everything is computed from the modules themselves, as `depmod` does, so a tree whose `modules.dep` is old or missing is
//! treated like any other. Modules must be uncompressed; [`decompress::decompress`] makes them so.

pub mod decompress;
pub mod graph;
pub mod index;
mod index_file;
pub mod module_info;
pub mod select;
pub(crate) mod wanted;

use file_tree::content::ReadBlob;
use file_tree::path::{PathError, TreePath};
use file_tree::tree::{FileTree, InodeId, Kind, TreeError};
use module_info::{ModuleInfo, ModuleInfoError};
use std::collections::BTreeMap;
use std::io;

/// Largest module read, in bytes, uncompressed.
pub const MAXIMUM_MODULE: u64 = 256 << 20;
/// Largest text file read from a kernel's directory (`modules.order` and the like), in bytes.
const MAXIMUM_TEXT: u64 = 64 << 20;
/// Where the kernels' directories are.
const MODULES_DIRECTORY: &str = "/usr/lib/modules";

/// Why modules could not be read, chosen or indexed.
#[derive(Debug, thiserror::Error)]
pub enum ModulesError {
    /// No directory of that kernel.
    #[error("{MODULES_DIRECTORY}/{version} is not in the tree; install that kernel's package or name another version")]
    NoSuchKernel {
        /// The kernel's version, as `uname -r` prints it.
        version: String,
    },
    /// No kernel at all.
    #[error("{MODULES_DIRECTORY} holds no kernel; install a kernel package")]
    NoKernel,
    /// Several kernels where one was expected.
    #[error("{MODULES_DIRECTORY} holds several kernels ({versions}); name the one to use")]
    SeveralKernels {
        /// Their versions, separated by commas.
        versions: String,
    },
    /// A module is compressed.
    #[error("the module {path} is compressed; decompress the tree's modules first")]
    Compressed {
        /// Its path in the tree.
        path: String,
    },
    /// A file's bytes cannot be had.
    #[error("{path} cannot be read")]
    Read {
        /// Its path in the tree.
        path: String,
        /// What the store answered.
        source: io::Error,
    },
    /// A module is not what it should be.
    #[error("{path} is not a kernel module that can be loaded")]
    Module {
        /// Its path in the tree.
        path: String,
        /// What is wrong with it.
        source: ModuleInfoError,
    },
    /// Compressed bytes are damaged or too many.
    #[error("the module {path} cannot be decompressed")]
    Decompress {
        /// Its path in the tree.
        path: String,
        /// What the decompressor said.
        source: io::Error,
    },
    /// A name that cannot be stored in the indexes.
    #[error(
        "the text {text:?} of module {module} holds bytes other than ASCII, which kmod's index format cannot store"
    )]
    NotAscii {
        /// The module.
        module: String,
        /// The offending text.
        text: String,
    },
    /// Modules need one another in a circle.
    #[error("modules depend on each other in a cycle: {modules}")]
    Cycle {
        /// The names of the modules in or behind the cycle.
        modules: String,
    },
    /// An index would be larger than its offsets can say.
    #[error("the index {name} would exceed the 256 MiB that kmod's index format can address")]
    IndexTooLarge {
        /// The index file.
        name: &'static str,
    },
    /// A pattern is not a valid glob.
    #[error("the module pattern {pattern:?} is not a valid glob")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// The tree refused a change.
    #[error("the tree's modules cannot be changed")]
    Tree(#[from] TreeError),
    /// A path of the kernel's directory is unusable.
    #[error("a path of the kernel's directory is unusable")]
    Path(#[from] PathError),
}

/// The directory of one kernel's modules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KernelDirectory {
    /// The kernel's version, as `uname -r` prints it.
    pub version: String,
    /// Its directory, `/usr/lib/modules/<version>`.
    pub path: TreePath,
}

impl KernelDirectory {
    /// The directory of the kernel `version`, or of the only kernel there is.
    ///
    /// # Errors
    /// When the kernel is missing, or several are there and none was named.
    pub fn find(tree: &FileTree, version: Option<&str>) -> Result<Self, ModulesError> {
        let parent = TreePath::parse(MODULES_DIRECTORY)?;
        let directories = || -> Vec<String> {
            let Some(id) = tree.lookup(&parent) else { return Vec::new() };
            let Kind::Directory(names) = &tree.inode(id).kind else { return Vec::new() };
            let directory = |id: &InodeId| matches!(tree.inode(*id).kind, Kind::Directory(_));
            names
                .iter()
                .filter(|(_, id)| directory(id))
                .map(|(name, _)| String::from_utf8_lossy(name).into_owned())
                .collect()
        };
        let found = directories();
        let version = match (version, found.as_slice()) {
            (Some(version), _) if found.iter().any(|name| name == version) => version.to_owned(),
            (Some(version), _) => return Err(ModulesError::NoSuchKernel { version: version.to_owned() }),
            (None, []) => return Err(ModulesError::NoKernel),
            (None, [only]) => only.clone(),
            (None, several) => return Err(ModulesError::SeveralKernels { versions: several.join(", ") }),
        };
        let path = parent.join(version.as_bytes());
        Ok(Self { version, path })
    }

    /// The path in the tree of a file named relative to this directory.
    ///
    /// # Errors
    /// When the relative path climbs or is too long.
    pub fn file(&self, relative: &str) -> Result<TreePath, PathError> {
        TreePath::parse([self.path.to_bytes(), relative.as_bytes().to_vec()].join(&b'/'))
    }
}

/// One module of a kernel.
#[derive(Clone, Debug)]
pub struct Module {
    /// Name as the kernel knows it: underscores, no suffix.
    pub name: String,
    /// Path relative to the kernel's directory, such as `kernel/fs/erofs/erofs.ko`.
    pub path: String,
    /// The file in the tree.
    pub inode: InodeId,
    /// What the module says about itself.
    pub info: ModuleInfo,
}

/// All modules of one kernel, in the order that decides precedence (`modules.order`, the rest by path behind it).
#[derive(Clone, Debug, Default)]
pub struct ModuleSet {
    /// The modules.
    pub modules: Vec<Module>,
    /// Paths of what is built into the kernel (`modules.builtin`), in the file's order.
    pub builtin: Vec<String>,
    /// What the built-in modules say about themselves (`modules.builtin.modinfo`): module, key, value.
    pub builtin_info: Vec<(String, String, String)>,
}

impl ModuleSet {
    /// Reads the modules of a kernel on all cores.
    ///
    /// # Errors
    /// When a module is compressed, unreadable or damaged.
    pub fn read(tree: &FileTree, blobs: &dyn ReadBlob, kernel: &KernelDirectory) -> Result<Self, ModulesError> {
        let order = read_lines(tree, blobs, kernel, "modules.order")?;
        let rank: BTreeMap<&str, usize> = order.iter().zip(0..).map(|(path, rank)| (path.as_str(), rank)).collect();
        let mut files = module_files(tree, kernel)?;
        files.sort_by(|(one, _), (other, _)| {
            let key = |path: &str| (rank.get(path).copied().unwrap_or(usize::MAX), path.to_owned());
            key(one).cmp(&key(other))
        });
        let modules = decompress::on_all_cores(&files, |(path, inode)| {
            let shown = || format!("{}/{path}", kernel.path);
            let Kind::File(content) = &tree.inode(*inode).kind else {
                return Err(ModulesError::Read { path: shown(), source: io::ErrorKind::InvalidInput.into() });
            };
            let data = content
                .read_all(blobs, MAXIMUM_MODULE)
                .map_err(|source| ModulesError::Read { path: shown(), source })?;
            let info = ModuleInfo::parse(&data).map_err(|source| ModulesError::Module { path: shown(), source })?;
            Ok(Module { name: module_name(path), path: path.clone(), inode: *inode, info })
        });
        Ok(Self {
            modules: modules.into_iter().collect::<Result<_, _>>()?,
            builtin: read_lines(tree, blobs, kernel, "modules.builtin")?,
            builtin_info: read_builtin_info(tree, blobs, kernel)?,
        })
    }

    /// The same kernel with only the modules for which `keep` answers true, by position.
    #[must_use]
    pub fn subset(&self, keep: impl Fn(usize) -> bool) -> Self {
        let kept = self.modules.iter().enumerate().filter(|(position, _)| keep(*position));
        Self {
            modules: kept.map(|(_, module)| module.clone()).collect(),
            builtin: self.builtin.clone(),
            builtin_info: self.builtin_info.clone(),
        }
    }
}

/// The kernel's name of the module in a file: the file name up to its first dot, with underscores for hyphens.
#[must_use]
pub fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split('.').next().unwrap_or(file).replace('-', "_")
}

/// The module files of a kernel by relative path, one per module name. Of two files for one module, that below `updates/` wins
/// (depmod.d(5), the default search order), else the first by path.
fn module_files(tree: &FileTree, kernel: &KernelDirectory) -> Result<Vec<(String, InodeId)>, ModulesError> {
    let mut by_name: BTreeMap<String, (bool, String, InodeId)> = BTreeMap::new();
    for (path, inode) in files_below(tree, &kernel.path) {
        if compression(&path).is_some() {
            return Err(ModulesError::Compressed { path: format!("{}/{path}", kernel.path) });
        }
        if !path.ends_with(".ko") {
            continue;
        }
        let candidate = (!path.starts_with("updates/"), path.clone(), inode);
        let slot = by_name.entry(module_name(&path)).or_insert_with(|| candidate.clone());
        if (candidate.0, &candidate.1) < (slot.0, &slot.1) {
            *slot = candidate;
        }
    }
    Ok(by_name.into_values().map(|(_, path, inode)| (path, inode)).collect())
}

/// Regular files below a directory, by path relative to it; names that are not UTF-8 are no modules and left out.
fn files_below(tree: &FileTree, directory: &TreePath) -> Vec<(String, InodeId)> {
    let Some(start) = tree.lookup(directory) else { return Vec::new() };
    let mut files = Vec::new();
    let mut pending = vec![(String::new(), start)];
    while let Some((prefix, id)) = pending.pop() {
        match &tree.inode(id).kind {
            Kind::Directory(names) => {
                for (name, child) in names {
                    let Ok(name) = std::str::from_utf8(name) else { continue };
                    let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
                    pending.push((path, *child));
                }
            }
            Kind::File(_) => files.push((prefix, id)),
            _ => {}
        }
    }
    files.sort();
    files
}

/// The suffix of a compressed module file.
fn compression(path: &str) -> Option<&'static str> {
    [".ko.xz", ".ko.zst", ".ko.gz"].into_iter().find(|suffix| path.ends_with(suffix))
}

fn read_text(
    tree: &FileTree,
    blobs: &dyn ReadBlob,
    kernel: &KernelDirectory,
    name: &str,
) -> Result<Vec<u8>, ModulesError> {
    let path = kernel.file(name)?;
    let Some(Kind::File(content)) = tree.lookup(&path).map(|id| &tree.inode(id).kind) else { return Ok(Vec::new()) };
    content.read_all(blobs, MAXIMUM_TEXT).map_err(|source| ModulesError::Read { path: path.to_string(), source })
}

fn read_lines(
    tree: &FileTree,
    blobs: &dyn ReadBlob,
    kernel: &KernelDirectory,
    name: &str,
) -> Result<Vec<String>, ModulesError> {
    let text = String::from_utf8_lossy(&read_text(tree, blobs, kernel, name)?).into_owned();
    Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
}

/// Parses `modules.builtin.modinfo`: NUL-terminated `module.key=value`.
fn read_builtin_info(
    tree: &FileTree,
    blobs: &dyn ReadBlob,
    kernel: &KernelDirectory,
) -> Result<Vec<(String, String, String)>, ModulesError> {
    let bytes = read_text(tree, blobs, kernel, "modules.builtin.modinfo")?;
    let entry = |entry: &[u8]| {
        let text = String::from_utf8_lossy(entry);
        let (module, rest) = text.split_once('.')?;
        let (key, value) = rest.split_once('=')?;
        Some((module.to_owned(), key.to_owned(), value.to_owned()))
    };
    Ok(bytes.split(|byte| *byte == 0).filter_map(entry).collect())
}

#[cfg(test)]
mod tests {
    use super::module_name;

    #[test]
    fn a_module_is_named_as_the_kernel_names_it() {
        assert_eq!(module_name("kernel/drivers/md/dm-verity.ko"), "dm_verity");
        assert_eq!(module_name("kernel/x/a.b.ko.xz"), "a");
    }
}

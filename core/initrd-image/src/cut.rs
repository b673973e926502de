//! From a root tree and a request to an initrd.

mod binaries;
mod kernel;
mod unit_closure;

use crate::cpio::{self, WriteError};
use crate::elf::ElfError;
use crate::modules::{KernelDirectory, ModulesError};
use crate::report::{Cause, Reason, Report};
use crate::request::{InitrdRequest, Wish};
use crate::selection::{Selection, overlay};
use file_tree::content::ReadBlob;
use file_tree::path::{PathError, TreePath};
use file_tree::tree::{FileTree, Inode, Kind, Metadata, Timestamp, TreeError};
use globset::{GlobBuilder, GlobMatcher};
use std::io::{self, Write};

/// An initrd and why it is as it is.
#[derive(Clone, Debug)]
pub struct Initrd {
    /// Its files.
    pub tree: FileTree,
    /// What brought in what, and what was not found.
    pub report: Report,
}

/// Why an initrd could not be cut.
#[derive(Debug, thiserror::Error)]
pub enum InitrdError {
    /// The request names something that the tree does not have.
    #[error(
        "the initrd needs the {what} {name:?}, which the root tree does not have; add the package that brings it, or mark it optional (\"?{name}\")"
    )]
    Missing {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A library that a file needs is nowhere.
    #[error(
        "{needed_by} needs the library {library}, which the root tree does not have; add the package that brings it"
    )]
    MissingLibrary {
        /// The library's name.
        library: String,
        /// The file that needs it.
        needed_by: String,
    },
    /// The interpreter of a program or script is nowhere.
    #[error("{needed_by} needs the interpreter {interpreter}, which the root tree does not have")]
    MissingInterpreter {
        /// Its path.
        interpreter: String,
        /// The program or script.
        needed_by: String,
    },
    /// A program that a unit starts is nowhere.
    #[error("the unit {unit} starts {program}, which the root tree does not have; add the package that brings it")]
    MissingProgram {
        /// The program.
        program: String,
        /// The unit.
        unit: String,
    },
    /// A request's path is not absolute, or unusable.
    #[error("the path {path:?} of the initrd request is unusable")]
    Path {
        /// The path.
        path: String,
        /// What is wrong with it.
        source: PathError,
    },
    /// A request's glob is not one.
    #[error("the pattern {pattern:?} of the initrd request is not a valid glob")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: globset::Error,
    },
    /// A file's bytes cannot be had.
    #[error("{path} cannot be read")]
    Read {
        /// Its path in the tree.
        path: String,
        /// What the store answered.
        source: io::Error,
    },
    /// An executable or library is damaged.
    #[error("{path} is not an ELF file that can run")]
    Elf {
        /// Its path in the tree.
        path: String,
        /// What is wrong with it.
        source: ElfError,
    },
    /// The kernel's modules.
    #[error("the kernel modules of the initrd cannot be gathered")]
    Modules(#[from] ModulesError),
    /// Files contradict each other.
    #[error("the files of the initrd contradict each other")]
    Tree(#[from] TreeError),
}

/// Cuts an initrd from the tree `root`: the files of the request with all they need, and nothing else. Same inputs, same initrd.
///
/// # Errors
/// When something required, or something it needs, is missing, damaged or compressed.
pub fn cut(root: &FileTree, blobs: &dyn ReadBlob, request: &InitrdRequest) -> Result<Initrd, InitrdError> {
    let source = source_tree(root, request)?;
    let mut cutting = Cutting { tree: &source, blobs, selection: Selection::new(&source), report: Report::default() };
    cutting.add_base(request)?;
    cutting.add_files(&request.files)?;
    cutting.add_programs(&request.programs)?;
    cutting.add_units(request)?;
    cutting.add_links(request)?;
    cutting.add_libraries(&request.libraries)?;
    cutting.follow_binaries(request)?;
    let kernel = cutting.add_modules(request)?;

    let (mut tree, files) = cutting.selection.into_tree()?;
    let mut report = Report { files, ..cutting.report };
    if let Some(kernel) = kernel {
        kernel.write_indexes(&mut tree, &mut report)?;
    }
    report.finish(&tree);
    Ok(Initrd { tree, report })
}

impl Initrd {
    /// Writes the initrd as the archive that the kernel unpacks. Times later than `latest` are set to it. Answers the number of
    /// bytes written.
    ///
    /// # Errors
    /// When a file cannot be read or the output fails.
    pub fn write_cpio(&self, blobs: &dyn ReadBlob, latest: Timestamp, out: &mut dyn Write) -> Result<u64, WriteError> {
        cpio::write(&self.tree, blobs, latest, out)
    }
}

/// The tree that everything is looked up in: the root tree with the request's own files, links and directories.
fn source_tree(root: &FileTree, request: &InitrdRequest) -> Result<FileTree, InitrdError> {
    let mut source = root.clone();
    for (path, target) in &request.links {
        let link = Inode::new(Metadata::root_owned(0o777), Kind::Symlink(target.clone().into_bytes()));
        source.insert(&parse(path)?, link)?;
    }
    for directory in &request.directories {
        let path = parse(directory)?;
        if source.resolve(&path).is_err() {
            source.insert(&path, Inode::directory(Metadata::root_owned(0o755)))?;
        }
    }
    overlay(&mut source, &request.extra)?;
    Ok(source)
}

fn parse(path: &str) -> Result<TreePath, InitrdError> {
    TreePath::parse(path).map_err(|source| InitrdError::Path { path: path.to_owned(), source })
}

/// An initrd in the making.
struct Cutting<'a> {
    tree: &'a FileTree,
    blobs: &'a dyn ReadBlob,
    selection: Selection<'a>,
    report: Report,
}

impl Cutting<'_> {
    /// The merged-usr links, the request's directories, and the files that exist only in the initrd.
    fn add_base(&mut self, request: &InitrdRequest) -> Result<(), InitrdError> {
        let base = Reason::new(Cause::Requested, "the base of every initrd");
        for name in ["/bin", "/sbin", "/lib", "/lib64"] {
            let path = parse(name)?;
            if self.tree.lookup(&path).is_some_and(|id| matches!(self.tree.inode(id).kind, Kind::Symlink(_))) {
                self.selection.take_link(&path, &base);
            }
        }
        for directory in &request.directories {
            self.selection.take(&parse(directory)?, &Reason::new(Cause::Requested, directory))?;
        }
        for (path, id) in request.extra.walk().skip(1) {
            let reason = Reason::new(Cause::InitrdOnly, "file of the request");
            match request.extra.inode(id).kind {
                Kind::Symlink(_) => self.selection.take_link(&path, &reason),
                _ => _ = self.selection.take(&path, &reason)?,
            }
        }
        Ok(())
    }

    /// The request's links and what they lead to.
    fn add_links(&mut self, request: &InitrdRequest) -> Result<(), InitrdError> {
        for (path, target) in &request.links {
            self.selection.take_link(&parse(path)?, &Reason::new(Cause::InitrdOnly, &format!("link to {target}")));
        }
        Ok(())
    }

    /// Files, directories with everything below, and all that globs match.
    fn add_files(&mut self, wishes: &[Wish]) -> Result<(), InitrdError> {
        let (patterns, paths): (Vec<_>, Vec<_>) = wishes.iter().partition(|wish| wish.name.contains(['*', '?', '[']));
        for wish in paths {
            let reason = Reason::new(Cause::Requested, &wish.name);
            let path = parse(&wish.name)?;
            if self.selection.take_all(&path, &reason).is_err() {
                if self.tree.lookup(&path).is_some() {
                    // A link that leads out of the tree is a file like others.
                    self.selection.take_link(&path, &reason);
                } else {
                    self.miss("file", wish)?;
                }
            }
        }
        let globs: Vec<GlobMatcher> = patterns.iter().map(|wish| glob(&wish.name)).collect::<Result<_, _>>()?;
        if globs.is_empty() {
            return Ok(());
        }
        let mut used = vec![false; globs.len()];
        let tree = self.tree;
        for (path, id) in tree.walk() {
            let text = path.to_string();
            let Some(position) = globs.iter().position(|glob| glob.is_match(&text)) else { continue };
            used[position] = true;
            let reason = Reason::new(Cause::Requested, &patterns[position].name);
            match tree.inode(id).kind {
                Kind::Symlink(_) => self.selection.take_link(&path, &reason),
                _ => _ = self.selection.take(&path, &reason)?,
            }
        }
        for (wish, _) in patterns.iter().zip(used).filter(|(_, used)| !used) {
            self.miss("file", wish)?;
        }
        Ok(())
    }

    fn add_programs(&mut self, wishes: &[Wish]) -> Result<(), InitrdError> {
        for wish in wishes {
            let reason = Reason::new(Cause::Requested, &wish.name);
            match self.selection.take(&parse(&wish.name)?, &reason) {
                Ok(_) => {}
                Err(_) => self.miss("program", wish)?,
            }
        }
        Ok(())
    }

    /// Notes an optional thing that is not there; a required one is an error.
    fn miss(&mut self, what: &'static str, wish: &Wish) -> Result<(), InitrdError> {
        if !wish.optional {
            return Err(InitrdError::Missing { what, name: wish.name.clone() });
        }
        self.report.missing_optional.push(format!("{what} {}", wish.name));
        Ok(())
    }

    fn kernel(&self, request: &InitrdRequest) -> Result<KernelDirectory, InitrdError> {
        Ok(KernelDirectory::find(self.tree, request.kernel_version.as_deref())?)
    }
}

fn glob(pattern: &str) -> Result<GlobMatcher, InitrdError> {
    let glob = GlobBuilder::new(pattern).literal_separator(true).build();
    let glob = glob.map_err(|source| InitrdError::Pattern { pattern: pattern.to_owned(), source })?;
    Ok(glob.compile_matcher())
}

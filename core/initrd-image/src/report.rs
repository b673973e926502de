//! Why each file is in an initrd.

use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Kind};
use serde::Serialize;
use std::collections::HashSet;
use std::fmt;

/// What a cut put into an initrd, and what it could not find.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The kernel whose modules are in the initrd.
    pub kernel_version: String,
    /// Every file and link, by path.
    pub files: Vec<ReportedFile>,
    /// Sum of the files' sizes, each hard-linked file once, in bytes.
    pub bytes: u64,
    /// Optional requests that the tree does not have.
    pub missing_optional: Vec<String>,
    /// Firmware that an included module names and the tree does not have.
    pub missing_firmware: Vec<Missing>,
    /// Soft dependencies of included modules that the tree does not have.
    pub missing_modules: Vec<Missing>,
    /// Programs that an included unit would start and that the tree does not have. All are marked `-` in their unit: their failure
    /// is ignored.
    pub missing_programs: Vec<Missing>,
    /// Units that an included unit asks for and that the tree does not have.
    pub missing_units: Vec<Missing>,
    /// Libraries that an included program may load by name and that are not included.
    pub not_loaded: Vec<NotLoaded>,
}

impl Report {
    /// Fills in sizes and sorts, once the tree is complete.
    pub(crate) fn finish(&mut self, tree: &FileTree) {
        self.files.sort_by(|one, other| one.path.cmp(&other.path));
        let mut counted = HashSet::new();
        for file in &mut self.files {
            let id = TreePath::parse(&file.path).ok().and_then(|path| tree.lookup(&path));
            let Some((id, Kind::File(content))) = id.map(|id| (id, &tree.inode(id).kind)) else { continue };
            file.bytes = content.length();
            if counted.insert(id) {
                self.bytes += content.length();
            }
        }
        for list in
            [&mut self.missing_firmware, &mut self.missing_modules, &mut self.missing_programs, &mut self.missing_units]
        {
            list.sort();
            list.dedup();
        }
        self.not_loaded.sort();
        self.not_loaded.dedup();
    }
}

/// One file or link of the initrd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReportedFile {
    /// Its path.
    pub path: String,
    /// Its size in bytes; zero for links.
    pub bytes: u64,
    /// Why it is here. Where several reasons hold, the first one found.
    pub reason: Reason,
}

/// A thing that something included asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Missing {
    /// The thing.
    pub name: String,
    /// Who asked for it.
    pub wanted_by: String,
}

/// A library left out that a program may load by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NotLoaded {
    /// The library's names, the preferred one first.
    pub libraries: Vec<String>,
    /// The feature it serves.
    pub feature: String,
    /// Who may load it.
    pub wanted_by: String,
    /// Whether the tree has it.
    pub in_tree: bool,
}

/// Why a file is in the initrd.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The kind of reason.
    pub cause: Cause,
    /// Who is the reason: a path, a unit, a module, or the text of the request.
    pub by: String,
}

impl Reason {
    pub(crate) fn new(cause: Cause, by: &str) -> Self {
        Self { cause, by: by.to_owned() }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.cause {
            Cause::Requested => "requested as",
            Cause::InitrdOnly => "only in the initrd:",
            Cause::Library => "library of",
            Cause::Interpreter => "interpreter of",
            Cause::LoadedByName => "loaded by name by",
            Cause::Program => "started by",
            Cause::WantedBy => "wanted by",
            Cause::DropIn => "drop-in of",
            Cause::Alias => "alias of",
            Cause::Enables => "enables",
            Cause::ModuleDependency => "needed by module",
            Cause::SoftDependency => "soft dependency of module",
            Cause::Firmware => "firmware of module",
            Cause::ModuleIndex => "index of the modules of",
        };
        write!(formatter, "{text} {}", self.by)
    }
}

/// The kinds of reasons for a file to be in an initrd.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The request names it, or a pattern of the request matches it.
    Requested,
    /// The request brings it; the root tree need not have it.
    InitrdOnly,
    /// A shared library that a file needs.
    Library,
    /// The program interpreter of an ELF file or a script.
    Interpreter,
    /// A library that a program loads by name.
    LoadedByName,
    /// A program that a unit starts.
    Program,
    /// A unit that another unit asks for.
    WantedBy,
    /// A drop-in of a unit.
    DropIn,
    /// Another name of a unit.
    Alias,
    /// A link in a `.wants` or `.requires` directory between two included units.
    Enables,
    /// A module that another module needs.
    ModuleDependency,
    /// A module that another module asks for.
    SoftDependency,
    /// Firmware that a module names.
    Firmware,
    /// An index of modules.
    ModuleIndex,
}

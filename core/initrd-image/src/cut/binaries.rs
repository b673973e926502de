//! What the chosen executables, libraries and scripts need.

use super::{Cutting, InitrdError};
use crate::elf::{self, DlopenFeature, DlopenPriority, Needs};
use crate::libraries::{FoundLibrary, Libraries};
use crate::report::{Cause, NotLoaded, Reason};
use crate::request::{InitrdRequest, Wish};
use file_tree::path::TreePath;
use file_tree::tree::{InodeId, Kind};
use std::collections::{HashMap, HashSet, VecDeque};

/// Largest executable or library read, in bytes.
const MAXIMUM_BINARY: u64 = 512 << 20;
/// Longest first line of a script, in bytes (the kernel's `BINPRM_BUF_SIZE`).
const SCRIPT_LINE: usize = 256;

/// What is known of binaries while their needs are followed.
struct Binaries<'a> {
    libraries: Libraries<'a>,
    /// Needs of files already parsed.
    needs: HashMap<InodeId, Needs>,
    /// Files reached as part of some program.
    reached: HashSet<InodeId>,
    /// Every library found so far, by name.
    found: HashMap<Vec<u8>, TreePath>,
}

/// A file on its way into a process, with the `DT_RPATH` directories of those that load it.
struct Loading {
    path: TreePath,
    inode: InodeId,
    inherited: Vec<TreePath>,
}

impl Cutting<'_> {
    /// Chooses the libraries that the request names itself, found as a program of the tree's own architecture would find them.
    pub(super) fn add_libraries(&mut self, wishes: &[Wish]) -> Result<(), InitrdError> {
        if wishes.is_empty() {
            return Ok(());
        }
        let libraries = Libraries::new(self.tree, self.blobs);
        let machine = self.machine();
        for wish in wishes {
            let needs = Needs { machine, ..Needs::default() };
            match libraries.find(wish.name.as_bytes(), &TreePath::root(), &needs, &[]) {
                Some(found) => _ = self.selection.take(&found.path, &Reason::new(Cause::Requested, &wish.name))?,
                None => self.miss("library", wish)?,
            }
        }
        Ok(())
    }

    /// Chooses what the chosen files need until nothing new turns up.
    pub(super) fn follow_binaries(&mut self, request: &InitrdRequest) -> Result<(), InitrdError> {
        let mut binaries = Binaries {
            libraries: Libraries::new(self.tree, self.blobs),
            needs: HashMap::new(),
            reached: HashSet::new(),
            found: HashMap::new(),
        };
        // Libraries that nothing seen so far loads, such as plug-ins: their turn comes when every program has had its.
        let mut alone = VecDeque::new();
        loop {
            while let Some((path, inode)) = self.selection.next_unread() {
                let start = self.start_of(&path, inode)?;
                if let Some(line) = start.strip_prefix(b"#!") {
                    self.follow_script(&path, line)?;
                } else if start.starts_with(elf::MAGIC) && !is_module(&path) {
                    let file = Loading { path, inode, inherited: Vec::new() };
                    if self.needs_of(&file, &mut binaries.needs)?.interpreter.is_some() {
                        self.follow_program(file, &mut binaries, request)?;
                    } else {
                        alone.push_back(file);
                    }
                }
            }
            match alone.pop_front() {
                Some(file) if binaries.reached.contains(&file.inode) => {}
                Some(file) => self.follow_program(file, &mut binaries, request)?,
                None => return Ok(()),
            }
        }
    }

    /// Does what the loader does when a program starts: breadth first, a library already loaded under its name is not searched
    /// again. What the program says it loads by name later is loaded at once.
    fn follow_program(
        &mut self,
        program: Loading,
        binaries: &mut Binaries<'_>,
        request: &InitrdRequest,
    ) -> Result<(), InitrdError> {
        let mut loaded: HashSet<Vec<u8>> = HashSet::new();
        let mut pending = VecDeque::from([program]);
        while let Some(file) = pending.pop_front() {
            binaries.reached.insert(file.inode);
            let needs = self.needs_of(&file, &mut binaries.needs)?;
            let shown = file.path.to_string();
            if let Some(interpreter) = &needs.interpreter {
                self.take_interpreter(interpreter, &shown)?;
            }
            let passed_on = Libraries::passed_on(&file.path, &needs, &file.inherited);
            for name in &needs.libraries {
                if !loaded.insert(name.clone()) {
                    continue;
                }
                let found = binaries.libraries.find(name, &file.path, &needs, &file.inherited);
                // A plug-in finds its program's libraries loaded already, whichever way the program found them.
                let known = || binaries.found.get(name).map(|path| FoundLibrary { path: path.clone(), link: None });
                let found = found.or_else(known).ok_or_else(|| InitrdError::MissingLibrary {
                    library: String::from_utf8_lossy(name).into_owned(),
                    needed_by: shown.clone(),
                })?;
                binaries.found.entry(name.clone()).or_insert_with(|| found.path.clone());
                let reason = Reason::new(Cause::Library, &shown);
                let (path, inode) = self.selection.take(&found.path, &reason)?;
                if let Some(link) = found.link {
                    self.selection.add_link(link, path.clone(), &reason);
                }
                pending.push_back(Loading { path, inode, inherited: passed_on.clone() });
            }
            for found in self.loaded_by_name(&file.path, &needs, &binaries.libraries, request)? {
                if loaded.insert(found.path.components().last().cloned().unwrap_or_default()) {
                    let (path, inode) = self.selection.take(&found.path, &Reason::new(Cause::LoadedByName, &shown))?;
                    pending.push_back(Loading { path, inode, inherited: passed_on.clone() });
                }
            }
        }
        Ok(())
    }

    /// Libraries that a file says it loads by name and that belong into the initrd: the required and recommended ones, and those
    /// of the request's features. The rest is noted.
    fn loaded_by_name(
        &mut self,
        path: &TreePath,
        needs: &Needs,
        libraries: &Libraries<'_>,
        request: &InitrdRequest,
    ) -> Result<Vec<FoundLibrary>, InitrdError> {
        let mut chosen = Vec::new();
        for feature in &needs.dlopen {
            let found = feature.soname.iter().find_map(|name| libraries.find(name.as_bytes(), path, needs, &[]));
            match found {
                Some(found) if follows(feature, request) => chosen.push(found),
                None if feature.priority == DlopenPriority::Required && follows(feature, request) => {
                    let library = feature.soname.join(" or ");
                    return Err(InitrdError::MissingLibrary { library, needed_by: path.to_string() });
                }
                found => self.report.not_loaded.push(NotLoaded {
                    libraries: feature.soname.clone(),
                    feature: feature.feature.clone(),
                    wanted_by: path.to_string(),
                    in_tree: found.is_some(),
                }),
            }
        }
        Ok(chosen)
    }

    fn follow_script(&mut self, path: &TreePath, line: &[u8]) -> Result<(), InitrdError> {
        let line = line.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = line.trim_ascii();
        let interpreter = line.split(u8::is_ascii_whitespace).next().unwrap_or_default();
        if !interpreter.starts_with(b"/") {
            return Ok(());
        }
        let shown = path.to_string();
        self.take_interpreter(interpreter, &shown)?;
        if interpreter.ends_with(b"/env") {
            // `#!/usr/bin/env name`: the name is looked up at run time.
            let name = line.split(u8::is_ascii_whitespace).skip(1).find(|word| !word.is_empty() && word[0] != b'-');
            let name = String::from_utf8_lossy(name.unwrap_or_default()).into_owned();
            let program = self.find_program(&name);
            let program = program
                .ok_or_else(|| InitrdError::MissingInterpreter { interpreter: name, needed_by: shown.clone() })?;
            self.selection.take(&program, &Reason::new(Cause::Interpreter, &shown))?;
        }
        Ok(())
    }

    fn take_interpreter(&mut self, interpreter: &[u8], needed_by: &str) -> Result<(), InitrdError> {
        let missing = || InitrdError::MissingInterpreter {
            interpreter: String::from_utf8_lossy(interpreter).into_owned(),
            needed_by: needed_by.to_owned(),
        };
        let path = TreePath::parse(interpreter).map_err(|_| missing())?;
        self.selection.take(&path, &Reason::new(Cause::Interpreter, needed_by)).map_err(|_| missing())?;
        Ok(())
    }

    fn start_of(&self, path: &TreePath, id: InodeId) -> Result<Vec<u8>, InitrdError> {
        let Kind::File(content) = &self.tree.inode(id).kind else { return Ok(Vec::new()) };
        let length = usize::try_from(content.length()).map_or(SCRIPT_LINE, |length| length.min(SCRIPT_LINE));
        let mut start = vec![0; length];
        content
            .read_exact_at(self.blobs, 0, &mut start)
            .map_err(|source| InitrdError::Read { path: path.to_string(), source })?;
        Ok(start)
    }

    fn needs_of(&self, file: &Loading, known: &mut HashMap<InodeId, Needs>) -> Result<Needs, InitrdError> {
        if let Some(needs) = known.get(&file.inode) {
            return Ok(needs.clone());
        }
        let needs = self.read_needs(&file.path, file.inode)?;
        known.insert(file.inode, needs.clone());
        Ok(needs)
    }

    fn read_needs(&self, path: &TreePath, id: InodeId) -> Result<Needs, InitrdError> {
        let Kind::File(content) = &self.tree.inode(id).kind else { return Ok(Needs::default()) };
        let data = content
            .read_all(self.blobs, MAXIMUM_BINARY)
            .map_err(|source| InitrdError::Read { path: path.to_string(), source })?;
        elf::needs(&data).map_err(|source| InitrdError::Elf { path: path.to_string(), source })
    }

    /// The architecture of the tree: that of its service manager or shell; x86-64 where it has neither.
    fn machine(&self) -> u16 {
        let probes = ["/usr/lib/systemd/systemd", "/bin/sh", "/usr/bin/true"];
        let machine = probes.iter().find_map(|probe| {
            let (path, id) = self.tree.resolve(&TreePath::parse(probe).ok()?).ok()?;
            self.read_needs(&path, id).ok().map(|needs| needs.machine)
        });
        machine.unwrap_or(object::elf::EM_X86_64)
    }
}

fn follows(feature: &DlopenFeature, request: &InitrdRequest) -> bool {
    let named = |list: &[String]| list.contains(&feature.feature);
    !named(&request.dlopen_features_exclude)
        && (feature.priority != DlopenPriority::Suggested || named(&request.dlopen_features))
}

/// Modules are ELF files without run-time needs of this kind.
fn is_module(path: &TreePath) -> bool {
    path.components().last().is_some_and(|name| name.ends_with(b".ko"))
}

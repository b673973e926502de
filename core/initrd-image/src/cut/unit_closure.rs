//! The chosen units and all that comes with them.

use super::{Cutting, InitrdError, parse};
use crate::report::{Cause, Missing, Reason};
use crate::request::InitrdRequest;
use crate::units::{self, DIRECTORIES, Program};
use file_tree::path::TreePath;
use file_tree::tree::{InodeId, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// Largest unit file or drop-in read, in bytes.
const MAXIMUM_UNIT: u64 = 1 << 20;
/// Where programs without a path are looked up.
const PROGRAM_DIRECTORIES: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

impl Cutting<'_> {
    /// Chooses the requested units, those among the request's own files, and what they bring.
    pub(super) fn add_units(&mut self, request: &InitrdRequest) -> Result<(), InitrdError> {
        let mut pending: Vec<(String, Reason)> = Vec::new();
        for wish in &request.units {
            if self.unit_file(&wish.name).is_none() {
                self.miss("unit", wish)?;
            } else {
                pending.push((wish.name.clone(), Reason::new(Cause::Requested, &wish.name)));
            }
        }
        pending.extend(own_units(request).into_iter().map(|name| {
            let reason = Reason::new(Cause::InitrdOnly, &name);
            (name, reason)
        }));
        // The last is taken first; requests in their order make the report's reasons predictable.
        pending.reverse();
        let mut included = BTreeSet::new();
        while let Some((name, reason)) = pending.pop() {
            if included.insert(name.clone()) {
                self.add_unit(&name, &reason, &mut pending)?;
            }
        }
        self.add_unit_links(&included);
        Ok(())
    }

    fn add_unit(
        &mut self,
        name: &str,
        reason: &Reason,
        pending: &mut Vec<(String, Reason)>,
    ) -> Result<(), InitrdError> {
        let Some(path) = self.unit_file(name) else {
            self.report.missing_units.push(Missing { name: name.to_owned(), wanted_by: reason.by.clone() });
            return Ok(());
        };
        self.selection.take_link(&path, reason);
        let Ok((file, id)) = self.tree.resolve(&path) else {
            // Masked: a link to /dev/null.
            return Ok(());
        };
        let own = file.components().last().map(|last| String::from_utf8_lossy(last).into_owned()).unwrap_or_default();
        if own != name && units::template(name).as_ref() != Some(&own) && units::is_unit_name(&own) {
            pending.push((own, Reason::new(Cause::Alias, name)));
        }
        let mut text = self.unit_text(&file, id)?;
        for (drop_in, id) in self.drop_ins(name) {
            self.selection.take_link(&drop_in, &Reason::new(Cause::DropIn, name));
            text.push('\n');
            text.push_str(&self.unit_text(&drop_in, id)?);
        }
        let asks = units::asks(name, &text);
        for program in asks.programs {
            self.add_program_of_unit(name, &program)?;
        }
        pending.extend(asks.units.into_iter().rev().map(|unit| (unit, units::wanted_by(name))));
        Ok(())
    }

    fn add_program_of_unit(&mut self, unit: &str, program: &Program) -> Result<(), InitrdError> {
        let reason = Reason::new(Cause::Program, unit);
        let path =
            if program.name.starts_with('/') { Some(parse(&program.name)?) } else { self.find_program(&program.name) };
        if path.is_some_and(|path| self.selection.take(&path, &reason).is_ok()) {
            return Ok(());
        }
        if !program.may_fail {
            return Err(InitrdError::MissingProgram { program: program.name.clone(), unit: unit.to_owned() });
        }
        self.report.missing_programs.push(Missing { name: program.name.clone(), wanted_by: unit.to_owned() });
        Ok(())
    }

    /// The path of a program named without one.
    pub(super) fn find_program(&self, name: &str) -> Option<TreePath> {
        let paths =
            PROGRAM_DIRECTORIES.iter().filter_map(|directory| TreePath::parse(format!("{directory}/{name}")).ok());
        paths.into_iter().find(|path| self.tree.resolve(path).is_ok())
    }

    /// The file of a unit, or of its template, as named in the unit directories.
    fn unit_file(&self, name: &str) -> Option<TreePath> {
        if !units::is_unit_name(name) {
            return None;
        }
        let names = [Some(name.to_owned()), units::template(name)];
        names.iter().flatten().find_map(|name| {
            let paths = DIRECTORIES.iter().filter_map(|directory| TreePath::parse(format!("{directory}/{name}")).ok());
            paths.into_iter().find(|path| self.tree.lookup(path).is_some())
        })
    }

    /// The drop-ins of a unit by file name; of two with one name the first directory's wins.
    fn drop_ins(&self, unit: &str) -> Vec<(TreePath, InodeId)> {
        let mut found: BTreeMap<Vec<u8>, (TreePath, InodeId)> = BTreeMap::new();
        for directory in DIRECTORIES {
            for name in units::drop_in_directories(unit) {
                let Ok(path) = TreePath::parse(format!("{directory}/{name}")) else { continue };
                for (name, id) in self.names_in(&path) {
                    if name.ends_with(b".conf") {
                        let path = path.join(&name);
                        found.entry(name).or_insert((path, id));
                    }
                }
            }
        }
        found.into_values().collect()
    }

    fn unit_text(&self, path: &TreePath, id: InodeId) -> Result<String, InitrdError> {
        let id = if matches!(self.tree.inode(id).kind, Kind::Symlink(_)) {
            match self.tree.resolve(path) {
                Ok((_, id)) => id,
                Err(_) => return Ok(String::new()),
            }
        } else {
            id
        };
        let Kind::File(content) = &self.tree.inode(id).kind else { return Ok(String::new()) };
        let bytes = content.read_all(self.blobs, MAXIMUM_UNIT);
        let bytes = bytes.map_err(|source| InitrdError::Read { path: path.to_string(), source })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Links between included units: further names of one, and what one wants or requires.
    fn add_unit_links(&mut self, included: &BTreeSet<String>) {
        for directory in DIRECTORIES {
            let Ok(directory) = TreePath::parse(directory) else { continue };
            for (name, id) in self.names_in(&directory) {
                let text = String::from_utf8_lossy(&name).into_owned();
                let path = directory.join(&name);
                let owner = text.strip_suffix(".wants").or_else(|| text.strip_suffix(".requires"));
                if let Some(owner) = owner.filter(|owner| included.contains(*owner)) {
                    for (unit, _) in self.names_in(&path) {
                        if included.contains(&*String::from_utf8_lossy(&unit)) {
                            self.selection.take_link(&path.join(&unit), &Reason::new(Cause::Enables, owner));
                        }
                    }
                } else if let Kind::Symlink(target) = &self.tree.inode(id).kind {
                    let target = String::from_utf8_lossy(target);
                    let of = target.rsplit('/').next().unwrap_or_default();
                    if units::is_unit_name(&text) && included.contains(of) {
                        self.selection.take_link(&path, &Reason::new(Cause::Alias, of));
                    }
                }
            }
        }
    }

    fn names_in(&self, directory: &TreePath) -> Vec<(Vec<u8>, InodeId)> {
        match self.tree.lookup(directory).map(|id| &self.tree.inode(id).kind) {
            Some(Kind::Directory(names)) => names.iter().map(|(name, id)| (name.clone(), *id)).collect(),
            _ => Vec::new(),
        }
    }
}

/// Units among the files that exist only in the initrd.
fn own_units(request: &InitrdRequest) -> Vec<String> {
    let mut names = Vec::new();
    for (path, id) in request.extra.walk() {
        let Some((parent, name)) = path.split_last() else { continue };
        let name = String::from_utf8_lossy(name).into_owned();
        let in_unit_directory = DIRECTORIES.iter().any(|directory| parent.to_string() == *directory);
        if in_unit_directory
            && units::is_unit_name(&name)
            && !matches!(request.extra.inode(id).kind, Kind::Directory(_))
        {
            names.push(name);
        }
    }
    names
}

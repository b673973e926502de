//! Kernel modules and firmware of an initrd.

use super::{Cutting, InitrdError, glob};
use crate::modules::wanted::{self, Missing as MissingModule};
use crate::modules::{KernelDirectory, ModuleSet, ModulesError, index};
use crate::report::{Cause, Missing, Reason, Report, ReportedFile};
use crate::request::InitrdRequest;
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Kind};

/// Where firmware is.
const FIRMWARE: &str = "/usr/lib/firmware";
/// The kernel's own lists that the indexes are made of; kmod and depmod read them too.
const LISTS: [&str; 3] = ["modules.builtin", "modules.builtin.modinfo", "modules.order"];

/// The modules chosen for an initrd, to be indexed.
pub(super) struct ChosenModules {
    kernel: KernelDirectory,
    set: ModuleSet,
}

impl Cutting<'_> {
    /// Chooses the requested modules with their dependencies, firmware and the kernel's lists. Nothing without requested modules.
    pub(super) fn add_modules(&mut self, request: &InitrdRequest) -> Result<Option<ChosenModules>, InitrdError> {
        if request.modules.is_empty() {
            return Ok(None);
        }
        let kernel = self.kernel(request)?;
        self.report.kernel_version.clone_from(&kernel.version);
        let set = ModuleSet::read(self.tree, self.blobs, &kernel)?;
        let names: Vec<&str> = request.modules.iter().map(|wish| wish.name.as_str()).collect();
        let wanted = wanted::wanted(&set, &names)?;
        for MissingModule { name, wanted_by } in wanted.missing {
            match wanted_by {
                Some(wanted_by) => self.report.missing_modules.push(Missing { name, wanted_by }),
                None => {
                    let wish = request.modules.iter().filter(|wish| wish.name == name);
                    if let Some(wish) = wish.min_by_key(|wish| wish.optional) {
                        self.miss("kernel module", wish)?;
                    }
                }
            }
        }
        for (position, reason) in &wanted.modules {
            let module = &set.modules[*position];
            self.selection.take(&kernel.file(&module.path).map_err(ModulesError::from)?, reason)?;
            let firmware: Vec<String> = module.info.values("firmware").map(str::to_owned).collect();
            self.add_firmware(&module.name, &firmware)?;
        }
        let reason = Reason::new(Cause::ModuleIndex, &kernel.version);
        for name in LISTS {
            let path = kernel.file(name).map_err(ModulesError::from)?;
            if self.tree.lookup(&path).is_some() {
                self.selection.take(&path, &reason)?;
            }
        }
        let set = set.subset(|position| wanted.modules.contains_key(&position));
        Ok(Some(ChosenModules { kernel, set }))
    }

    /// Firmware that the tree has, plain or as the kernel reads it compressed. Names may be globs.
    fn add_firmware(&mut self, module: &str, names: &[String]) -> Result<(), InitrdError> {
        let reason = Reason::new(Cause::Firmware, module);
        for name in names {
            let paths =
                if name.contains(['*', '?', '[']) { self.matching_firmware(name)? } else { self.firmware(name) };
            if paths.is_empty() {
                self.report.missing_firmware.push(Missing { name: name.clone(), wanted_by: module.to_owned() });
            }
            for path in paths {
                self.selection.take(&path, &reason)?;
            }
        }
        Ok(())
    }

    fn firmware(&self, name: &str) -> Vec<TreePath> {
        let paths = ["", ".zst", ".xz"].map(|suffix| TreePath::parse(format!("{FIRMWARE}/{name}{suffix}")));
        paths.into_iter().flatten().find(|path| self.tree.resolve(path).is_ok()).into_iter().collect()
    }

    fn matching_firmware(&self, name: &str) -> Result<Vec<TreePath>, InitrdError> {
        let matcher = glob(&format!("{FIRMWARE}/{name}"))?;
        let tree = self.tree;
        let files = tree.walk().filter(|(_, id)| matches!(tree.inode(*id).kind, Kind::File(_) | Kind::Symlink(_)));
        let matching = files.filter(|(path, _)| {
            let text = path.to_string();
            let plain = text.strip_suffix(".zst").or_else(|| text.strip_suffix(".xz")).unwrap_or(&text);
            matcher.is_match(plain)
        });
        Ok(matching.map(|(path, _)| path).filter(|path| tree.resolve(path).is_ok()).collect())
    }
}

impl ChosenModules {
    /// Puts the indexes of the chosen modules into the initrd's tree.
    pub(super) fn write_indexes(&self, tree: &mut FileTree, report: &mut Report) -> Result<(), InitrdError> {
        for name in index::write(tree, &self.kernel, &self.set)? {
            let path = self.kernel.file(name).map_err(ModulesError::from)?;
            let reason = Reason::new(Cause::ModuleIndex, &self.kernel.version);
            report.files.push(ReportedFile { path: path.to_string(), bytes: 0, reason });
        }
        Ok(())
    }
}

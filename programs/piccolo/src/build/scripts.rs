//! The recipe's scripts: they see the finished tree as their root, without network.

use super::{base, packages};
use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::Report;
use anyhow::{Context, anyhow};
use build_cache::BuildCache;
use file_tree::export::tree_to_tar;
use file_tree::tree::FileTree;
use package_archive::tree::{self, TreeScript};
use recipe::{PostProcess, PostProcessScript, Recipe};
use source_files::SourceFiles;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};

/// Largest script, in bytes.
const LARGEST_SCRIPT: u64 = 16 << 20;

/// Runs the scripts on a copy of the tree and gives the tree they left; its contents are then in `sources`' base archive.
pub fn run(
    tree: FileTree,
    recipe: &Recipe,
    sources: &mut SourceFiles,
    epoch: i64,
    cache: &BuildCache,
    report: &Report,
) -> Result<FileTree, Failure> {
    let phase = report.phase("scripts");
    let scripts = recipe.post_process.iter().map(|step| script(step, sources)).collect::<anyhow::Result<Vec<_>>>();
    let scripts = scripts.or_fail(FailureKind::Input)?;
    let scratch = cache.scratch().or_fail(FailureKind::Requirement)?;
    let before = pack(&tree, sources, &scratch.path().join("before.tar")).or_fail(FailureKind::Requirement)?;
    let after = scratch.path().join("after.tar");
    let out = File::create(&after)
        .with_context(|| format!("creating {}", after.display()))
        .or_fail(FailureKind::Requirement)?;
    tree::post_process(before, &scripts, epoch, out, &|progress| packages::show(&phase, progress), report.cancel())
        .map_err(|error| packages::tree_failure(error, report))?;
    // The scratch directory goes away; the open file stays readable until the build is over.
    let (tree, archive) = base::read(&after).or_fail(FailureKind::Requirement)?;
    sources.set_base(archive);
    Ok(tree)
}

fn script(step: &PostProcess, sources: &SourceFiles) -> anyhow::Result<TreeScript> {
    let name = step.name.as_str().to_owned();
    let contents = match &step.script {
        PostProcessScript::Content(text) => text.as_str().as_bytes().to_vec(),
        PostProcessScript::Script(path) => {
            let file = sources.file(path.resolved()).ok_or_else(|| anyhow!("{} was not read", path.resolved()))?;
            file.content.read_all(sources, LARGEST_SCRIPT).with_context(|| format!("reading {}", path.resolved()))?
        }
    };
    Ok(TreeScript { name, contents })
}

fn pack(tree: &FileTree, sources: &SourceFiles, path: &std::path::Path) -> anyhow::Result<File> {
    let context = || format!("writing {}", path.display());
    let file = File::options().read(true).write(true).create_new(true).open(path).with_context(context)?;
    let mut out = BufWriter::with_capacity(1 << 20, file);
    tree_to_tar(tree, sources, &mut out).with_context(context)?;
    out.flush().with_context(context)?;
    let mut file = out.into_inner().map_err(|error| error.into_error()).with_context(context)?;
    file.rewind().with_context(context)?;
    Ok(file)
}

//! Reading recipe layers and what they bring along.

use anyhow::Context;
use recipe::{FileContent, LayerPath, LayerSource, LayerStack, PostProcessScript, Recipe};
use source_files::SourceFiles;
use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

/// A recipe, complete, with the files it names.
#[derive(Debug)]
pub struct LoadedRecipe {
    /// The recipe.
    pub recipe: Recipe,
    /// Its files, hashed; contents stay on disk.
    pub sources: SourceFiles,
    /// Where the lockfile goes unless told otherwise: beside the last layer.
    pub default_lockfile: PathBuf,
}

/// Reads the layers of a command line, everything they extend, and every file they name.
pub fn load(layers: &str) -> anyhow::Result<LoadedRecipe> {
    let stack = LayerStack::parse(layers)?;
    let recipe = recipe::resolve(&stack, &WorkingDirectory)?;
    let mut sources = SourceFiles::new();
    for entry in recipe.files.iter() {
        let read = match &entry.content {
            FileContent::Source { from, .. } => sources.add_file(from.resolved()),
            FileContent::Tree(tree) => sources.add_tree(tree.from.resolved()),
            _ => Ok(()),
        };
        read.with_context(|| format!("{}: the source of {}", entry.origin, entry.path.as_str()))?;
    }
    for step in recipe.post_process.iter() {
        if let PostProcessScript::Script(path) = &step.script {
            sources.add_file(path.resolved()).with_context(|| format!("{}: the script", step.origin))?;
        }
    }
    let last = stack.paths().last().map_or("recipe.yaml", LayerPath::as_str);
    Ok(LoadedRecipe { recipe, sources, default_lockfile: PathBuf::from(last).with_extension("lock.json") })
}

/// Layers as files; relative paths count from the working directory.
struct WorkingDirectory;

impl LayerSource for WorkingDirectory {
    fn read(&self, path: &LayerPath) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        let limit = recipe::MAX_LAYER_BYTES + 1;
        let file = File::open(path.as_str()).map_err(|error| error.to_string())?;
        file.take(limit).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        Ok(bytes)
    }
}

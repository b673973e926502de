//! From a recipe to an image: load, resolve, plan, perform.

pub mod base;
pub mod boot;
pub mod disk;
pub mod layers;
pub mod manifest;
pub mod packages;
pub mod plan;
pub mod request;
pub mod root;
pub mod scripts;

use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Report, human_bytes};
use build_cache::BuildCache;
use layers::LoadedRecipe;
use manifest::Manifest;
use plan::BuildPlan;
use std::path::{Path, PathBuf};

/// What to build and where to put it.
#[derive(Debug)]
pub struct Settings {
    /// Layers as on the command line, separated by colons.
    pub layers: String,
    /// Directory of the results.
    pub output: PathBuf,
    /// The lockfile; beside the last layer when not given.
    pub lockfile: Option<PathBuf>,
    /// Refuse to resolve packages: the lockfile must be there and answer the recipe.
    pub locked: bool,
    /// Directory of the cache.
    pub cache: PathBuf,
    /// Only plan.
    pub dry_run: bool,
}

/// What came of it.
#[derive(Debug)]
pub enum Outcome {
    /// Only planned.
    Planned(build_plan::plan::Plan),
    /// The image was there already, made from the same inputs.
    UpToDate(Box<Manifest>),
    /// Built.
    Built(Box<Manifest>),
}

/// Builds an image.
pub fn build(settings: &Settings, report: &Report) -> Result<Outcome, Failure> {
    let loaded = layers::load(&settings.layers).or_fail(FailureKind::Input)?;
    let cache = BuildCache::open(&settings.cache).or_fail(FailureKind::Requirement)?;
    let lockfile = packages::lockfile(settings, &loaded, report)?;
    let plan = BuildPlan::new(settings, loaded, lockfile, &cache).or_fail(FailureKind::Input)?;
    if settings.dry_run {
        return Ok(Outcome::Planned(plan.steps()));
    }
    if let Some(manifest) = &plan.existing {
        return Ok(Outcome::UpToDate(Box::new(manifest.clone())));
    }
    perform(settings, plan, &cache, report).map(|manifest| Outcome::Built(Box::new(manifest)))
}

fn perform(settings: &Settings, plan: BuildPlan, cache: &BuildCache, report: &Report) -> Result<Manifest, Failure> {
    let LoadedRecipe { recipe, mut sources, .. } = plan.loaded;
    let base = match plan.base {
        Some(base) => base,
        None => {
            packages::fetch(&plan.lockfile, &plan.packages, cache, report)?;
            packages::base_tree(&plan.lockfile, &recipe, &plan.base_key, cache, report)?
        }
    };

    let phase = report.phase("root tree");
    let (mut tree, archive) = base::read(&base.join(packages::BASE_ARCHIVE)).or_fail(FailureKind::Requirement)?;
    sources.set_base(archive);
    root::add_recipe(&mut tree, &recipe, &sources, &plan.lockfile).or_fail(FailureKind::Input)?;
    if !recipe.post_process.is_empty() {
        tree = scripts::run(tree, &recipe, &mut sources, plan.epoch, cache, report)?;
    }
    let kernel = root_tree::kernel::settle(&mut tree).or_fail(FailureKind::Input)?;
    let sizes = disk::sizes(&recipe);
    root::add_repart_definitions(&mut tree, &recipe, &sizes).or_fail(FailureKind::Input)?;
    root::finish(&mut tree, &recipe, plan.epoch).or_fail(FailureKind::Input)?;
    drop(phase);

    let phase = report.phase("initrd");
    let initrd = boot::initrd(&recipe, &tree, &sources, &kernel, plan.epoch).or_fail(FailureKind::Input)?;
    drop(phase);

    std::fs::create_dir_all(&settings.output)
        .map_err(|error| anyhow::anyhow!("creating {}: {error}", settings.output.display()))
        .or_fail(FailureKind::Requirement)?;
    let image = disk::write(
        &disk::DiskRequest {
            recipe: &recipe,
            tree: &tree,
            sources: &sources,
            initrd: &initrd,
            kernel: &kernel,
            key: &plan.key,
            epoch: plan.epoch,
            sizes: &sizes,
            output: &settings.output,
        },
        report,
    )?;
    let manifest = manifest::write(&settings.output, &recipe, &plan.lockfile, plan.key, plan.epoch, image)
        .or_fail(FailureKind::Requirement)?;
    report.note(&format!("root {}, initrd {}", human_bytes(manifest.root.size), human_bytes(manifest.initrd_size)));
    Ok(manifest)
}

/// Where results of a recipe go by their names.
fn artifact(output: &Path, name: &str, suffix: &str) -> PathBuf {
    output.join(format!("{name}.{suffix}"))
}

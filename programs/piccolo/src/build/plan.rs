//! What a build has to do, and what of it is done already.

use super::layers::LoadedRecipe;
use super::manifest::{self, Manifest};
use super::packages::BASE_REVISION;
use super::request::{PackageRequest, package_request};
use super::{Settings, packages};
use build_cache::BuildCache;
use build_plan::key::{KeyBuilder, StepKey};
use build_plan::plan::{Plan, Step, StepState};
use package_lock::lockfile::Lockfile;
use std::path::PathBuf;

/// Changes when the same inputs come to give another image.
const IMAGE_REVISION: u32 = 1;

/// Everything that is known before anything is made.
#[derive(Debug)]
pub struct BuildPlan {
    /// The recipe and its files.
    pub loaded: LoadedRecipe,
    /// Exactly which packages.
    pub lockfile: Lockfile,
    /// Where packages come from.
    pub packages: PackageRequest,
    /// The time that everything in the image carries, in seconds since 1970.
    pub epoch: i64,
    /// Address of the base tree.
    pub base_key: StepKey,
    /// The base tree, if it is in the cache.
    pub base: Option<PathBuf>,
    /// Address of the image: a hash of everything that goes into it.
    pub key: StepKey,
    /// The image, if it is in the output directory.
    pub existing: Option<Manifest>,
    missing_packages: (usize, u64),
}

impl BuildPlan {
    /// Looks at what is there.
    pub fn new(
        settings: &Settings,
        loaded: LoadedRecipe,
        lockfile: Lockfile,
        cache: &BuildCache,
    ) -> anyhow::Result<Self> {
        let recipe = &loaded.recipe;
        let epoch = recipe.timestamp.map_or(lockfile.source_date_epoch(), |timestamp| i64::from(timestamp.seconds()));
        let base_key = base_key(&loaded, &lockfile, epoch);
        let key = KeyBuilder::new("image", IMAGE_REVISION)
            .input("program", env!("CARGO_PKG_VERSION").as_bytes())
            .input("base", base_key.as_bytes())
            .input("lockfile", lockfile.to_text().as_bytes())
            .input("recipe", recipe.canonical_json().as_bytes())
            .input("sources", &loaded.sources.digest())
            .input("epoch", &epoch.to_le_bytes())
            .finish();
        let packages = package_request(recipe)?;
        let missing_packages = packages::missing(&lockfile, cache);
        let existing = manifest::read_current(&settings.output, recipe.name.as_str(), &key);
        let base = cache.find(&base_key);
        Ok(Self { loaded, lockfile, packages, epoch, base_key, base, key, existing, missing_packages })
    }

    /// The plan as a value, for `--dry-run`.
    pub fn steps(&self) -> Plan {
        let state = |done: bool, reason: &str| {
            if done { StepState::Cached } else { StepState::Needed { reason: reason.to_owned() } }
        };
        let finished = self.existing.is_some();
        let (missing, bytes) = self.missing_packages;
        let needs_packages = self.base.is_none() && !finished && missing > 0;
        let total = self.lockfile.packages.len();
        let missing_text = format!("{missing} of {total} are not in the cache, {bytes} bytes to download");
        Plan {
            steps: vec![
                Step {
                    name: "packages",
                    action: format!("fetch {total} packages"),
                    key: None,
                    state: state(!needs_packages, &missing_text),
                },
                Step {
                    name: "base tree",
                    action: "install packages, prune, unpack kernel modules".to_owned(),
                    key: Some(self.base_key),
                    state: state(self.base.is_some() || finished, "these packages were not installed before"),
                },
                Step {
                    name: "image",
                    action: "root tree, initrd, EROFS with dm-verity, UKI, disk".to_owned(),
                    key: Some(self.key),
                    state: state(finished, "an input changed, or there is no image yet"),
                },
            ],
        }
    }
}

/// The base tree depends on packages and module selection only: changing a file of the recipe leaves it alone.
fn base_key(loaded: &LoadedRecipe, lockfile: &Lockfile, epoch: i64) -> StepKey {
    let modules = serde_json::to_string(&loaded.recipe.kernel.modules).unwrap_or_default();
    let mut key = KeyBuilder::new("base tree", BASE_REVISION)
        .input("program", env!("CARGO_PKG_VERSION").as_bytes())
        .input("modules", modules.as_bytes())
        .input("epoch", &epoch.to_le_bytes());
    for package in &lockfile.packages {
        key = key.input(&package.name, package.sha256.as_bytes());
    }
    key.finish()
}

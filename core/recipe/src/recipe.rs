//! The validated recipe.

mod consistency;

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::json;

use crate::base::Base;
use crate::collection::{Keyed, Set, Text};
use crate::file::FileEntry;
use crate::glob::PathGlob;
use crate::image::Image;
use crate::initrd::Initrd;
use crate::kernel::Kernel;
use crate::layers::{LayerSource, LayerStack, load};
use crate::name::{FragmentName, RecipeName};
use crate::origin::{Located, Origin};
use crate::packages::Packages;
use crate::post_process::PostProcess;
use crate::problem::{Problems, RecipeError};
use crate::shape::{Decode, ScalarValue, record, word};
use crate::template::{self, TemplateError};
use crate::units::Units;
use crate::version::Version;
use crate::yaml::{Node, Scalar};

/// Reads, merges and validates the recipe that a stack of layers describes.
///
/// # Errors
/// Everything wrong in the layers; if nothing is, everything wrong with merging them; if nothing is,
/// everything missing or contradictory in the result.
pub fn resolve(stack: &LayerStack, source: &dyn LayerSource) -> Result<Recipe, RecipeError> {
    load(stack, source)?.merge()?.validate()
}

/// A complete and consistent recipe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Recipe(RecipeFields);

impl std::ops::Deref for Recipe {
    type Target = RecipeFields;

    fn deref(&self) -> &RecipeFields {
        &self.0
    }
}

impl Recipe {
    pub(crate) fn from_merged(root: &Node) -> Result<Self, RecipeError> {
        let mut problems = Problems::default();
        let fields = RecipeFields::decode(root, "", &mut problems);
        if let Some(fields) = &fields {
            consistency::check(fields, &mut problems);
        }
        problems.settle(fields.map(Self))
    }

    /// The recipe as JSON in one canonical form: keys in a fixed order, sets sorted, no white space,
    /// nothing about where things were written. Equal recipes give equal bytes, whatever the layers,
    /// so it is fit for cache keys, together with the content of the files it names.
    #[must_use]
    pub fn canonical_json(&self) -> String {
        serde_json::to_string(self).expect("invariant: maps of a recipe have text keys")
    }

    /// Puts the recipe's values into a file that is a template: `{{ name }}`, `{{ version }}`,
    /// `{{ stream }}` and `{{ architecture }}`.
    ///
    /// # Errors
    /// When the text opens a place that it does not close, or uses another name.
    pub fn render(&self, text: &str) -> Result<String, TemplateError> {
        template::render(text, |name| match name {
            "name" => self.name.to_string(),
            "version" => self.version.to_string(),
            "stream" => self.stream.to_string(),
            _ => self.architecture.to_string(),
        })
    }
}

record! {
    /// What goes into an operating system.
    pub struct RecipeFields {
        /// The name of the operating system.
        name: RecipeName,
        /// The version of the release: `MAJOR.MINOR.PATCH`, or `MAJOR.MINOR.PATCH~dev.N` before it.
        version: Version,
        /// The stream that the release belongs to.
        stream: Stream = "stable",
        /// The architecture of the devices.
        architecture: Architecture = "x86-64",
        /// The time that every file and image carries, in seconds since 1970 (`SOURCE_DATE_EPOCH`).
        /// Without it, the build takes the time of the newest package index in the lockfile.
        timestamp: Option<Timestamp>,
        /// What the operating system is made from.
        base: Base,
        /// Which packages go into the operating system.
        packages: Packages,
        /// Files to add, after packages are installed, in this order.
        files: Keyed<FileEntry>,
        /// Patterns of what to remove after packages and files are there; a directory goes with everything in it.
        remove_paths: Set<PathGlob>,
        /// Which systemd units start.
        units: Units,
        /// Users and groups: `NAME` becomes `/usr/lib/sysusers.d/NAME.conf` (sysusers.d(5)).
        sysusers: BTreeMap<FragmentName, Located<Text>>,
        /// Files made at boot: `NAME` becomes `/usr/lib/tmpfiles.d/NAME.conf` (tmpfiles.d(5)).
        tmpfiles: BTreeMap<FragmentName, Located<Text>>,
        /// Rules for units that `units` does not name: `NAME` becomes
        /// `/usr/lib/systemd/system-preset/NAME.preset` (systemd.preset(5)).
        presets: BTreeMap<FragmentName, Located<Text>>,
        /// The kernel, its command line and its modules.
        kernel: Kernel,
        /// What goes into the initrd.
        initrd: Initrd,
        /// Scripts that run inside the finished tree, in this order, without network. The last resort.
        post_process: Keyed<PostProcess>,
        /// Which images are made.
        image: Image,
    }
}

word! {
    /// A line of releases that devices follow.
    expected "stable, testing or next"
    pub enum Stream {
        /// For everybody.
        Stable = "stable",
        /// What becomes stable.
        Testing = "testing",
        /// What becomes testing.
        Next = "next",
    }
}

word! {
    /// A processor architecture, as systemd names it.
    expected "x86-64 or arm64"
    pub enum Architecture {
        /// 64-bit x86.
        X86_64 = "x86-64",
        /// 64-bit ARM.
        Arm64 = "arm64",
    }
}

impl Architecture {
    /// The name that Debian uses.
    #[must_use]
    pub fn debian_name(self) -> &'static str {
        match self {
            Self::X86_64 => "amd64",
            Self::Arm64 => "arm64",
        }
    }
}

/// Seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Timestamp(u32);

impl Timestamp {
    /// The number of seconds. It fits 32 bits because that is what the cpio format of an initrd holds.
    #[must_use]
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl ScalarValue for Timestamp {
    const EXPECTED: &'static str = "a number of seconds since 1970";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        scalar.text.parse().map(Self).map_err(|_| {
            "is no time; write whole seconds since 1970, at most 4294967295, as `date +%s` prints them".to_owned()
        })
    }

    fn schema() -> serde_json::Value {
        json!({ "type": "integer", "minimum": 0, "maximum": u32::MAX })
    }
}

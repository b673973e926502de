//! The recipe language: parsing, layering, validation and its JSON schema.
//!
//! A recipe says what goes into the operating system. It is written as YAML *layers*; later layers
//! change earlier ones. There are three forms, and only the last one travels:
//!
//! 1. [`Layer`]: one YAML file as written, every key and value in it checked.
//! 2. [`MergedRecipe`]: all layers merged by the rules of the reference, not yet complete.
//! 3. [`Recipe`]: complete and consistent.
//!
//! [`resolve`] goes from layer paths to a [`Recipe`]. Nothing here touches a file: the caller
//! implements [`LayerSource`].
//!
//! Each kind of value has one definition, its *shape*: the decoder, the merge rule, the JSON schema
//! ([`json_schema`]) and the suggestions for mistyped keys all read it.

mod check;
mod collection;
mod decode;
mod layer;
mod layers;
mod merge;
mod origin;
mod problem;
mod schema;
mod shape;
mod yaml;

mod base;
mod file;
mod glob;
mod image;
mod initrd;
mod kernel;
mod mode;
mod name;
mod packages;
mod path;
mod post_process;
mod recipe;
mod size;
mod template;
mod units;
mod url;
mod version;

pub use base::{Base, Component, DebianBase, Pocket, Repository, Suite};
pub use collection::{Keyed, Set, Text, UniqueList};
pub use file::{Account, FileContent, FileEntry, LinkTarget, TreeEntry, XattrName, XattrValue};
pub use glob::{GlobMatcher, PathGlob};
pub use image::{Image, ImageFormat, ImageSizes, VeritySize};
pub use initrd::{Initrd, InitrdModule, ModuleName};
pub use kernel::{
    CommandLineArgument, Kernel, MODULE_CLASSES, ModuleClass, ModulePattern, ModuleSelection, ModuleSelector,
};
pub use layer::Layer;
pub use layers::{LayerSource, LayerStack, Layers, MAX_EXTENDS_DEPTH, MAX_LAYERS, MAX_RECIPE_BYTES, load};
pub use merge::MergedRecipe;
pub use mode::Mode;
pub use name::{FragmentName, PackageName, RecipeName, RepositoryName, StepName, UnitName};
pub use origin::{LayerPath, LayerPathError, Located, Origin};
pub use packages::Packages;
pub use path::{SourcePath, TargetPath};
pub use post_process::{PostProcess, PostProcessScript};
pub use problem::{Problem, ProblemKind, RecipeError};
pub use recipe::{Architecture, Recipe, RecipeFields, Stream, Timestamp, resolve};
pub use schema::json_schema;
pub use size::Size;
pub use template::TemplateError;
pub use units::Units;
pub use url::Url;
pub use version::Version;
pub use yaml::{MAX_LAYER_BYTES, MAX_NESTING};

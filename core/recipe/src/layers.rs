//! From the layers that the operator names to all layers in the order in which they apply.

use std::collections::HashSet;

use crate::layer::Layer;
use crate::merge::{MergedRecipe, merge};
use crate::origin::{LayerPath, Located, Origin};
use crate::problem::{ProblemKind, Problems, RecipeError};
use crate::yaml::MAX_LAYER_BYTES;

/// A recipe may consist of this many layers.
pub const MAX_LAYERS: usize = 64;

/// A chain of layers that extend each other may be this long.
pub const MAX_EXTENDS_DEPTH: usize = 16;

/// All layers together may have this many bytes: 4 MiB.
pub const MAX_RECIPE_BYTES: u64 = 4 * 1024 * 1024;

/// Where the text of layers comes from. The caller decides what a relative path is relative to.
pub trait LayerSource {
    /// The bytes of a layer. Should stop after [`MAX_LAYER_BYTES`] + 1 bytes: a longer layer is refused.
    ///
    /// # Errors
    /// Why it cannot be read, as one clause for people: `no such file`.
    fn read(&self, path: &LayerPath) -> Result<Vec<u8>, String>;
}

impl<F: Fn(&LayerPath) -> Result<Vec<u8>, String>> LayerSource for F {
    fn read(&self, path: &LayerPath) -> Result<Vec<u8>, String> {
        self(path)
    }
}

/// The layers named on the command line, earliest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LayerStack(Vec<LayerPath>);

impl LayerStack {
    /// Reads `base.yaml:vm.yaml:mine.yaml`.
    ///
    /// # Errors
    /// When one of the paths is empty or malformed, or there are more than [`MAX_LAYERS`].
    pub fn parse(text: &str) -> Result<Self, RecipeError> {
        let mut problems = Problems::default();
        let mut stack = Vec::new();
        for path in text.split(':') {
            if stack.len() >= MAX_LAYERS {
                problems.push(None, too_many_layers());
                break;
            }
            match LayerPath::new(path) {
                Ok(path) => stack.push(path),
                Err(error) => {
                    problems.push(None, ProblemKind::BadLayerPath { path: path.to_owned(), reason: error.to_string() })
                }
            }
        }
        problems.settle(Some(Self(stack)))
    }

    /// The paths, earliest first.
    #[must_use]
    pub fn paths(&self) -> &[LayerPath] {
        &self.0
    }
}

/// Every layer of a recipe, each once, in the order in which they apply.
#[derive(Debug, Clone)]
pub struct Layers(Vec<Layer>);

impl Layers {
    /// The layers, earliest first.
    pub fn iter(&self) -> impl Iterator<Item = &Layer> {
        self.0.iter()
    }

    /// Merges them, by the rules of the reference.
    ///
    /// # Errors
    /// Each `!remove` of something that no earlier layer has.
    pub fn merge(self) -> Result<MergedRecipe, RecipeError> {
        merge(self.0)
    }
}

/// Reads the layers of a stack and what they extend.
///
/// # Errors
/// Everything wrong in any of the layers; layers that cannot be read, extend each other in a circle,
/// are too many or too deep.
pub fn load(stack: &LayerStack, source: &dyn LayerSource) -> Result<Layers, RecipeError> {
    let mut loading = Loading {
        source,
        problems: Problems::default(),
        chain: Vec::new(),
        seen: HashSet::new(),
        layers: Vec::new(),
        bytes: 0,
    };
    for path in &stack.0 {
        loading.visit(path, None);
    }
    let Loading { problems, layers, .. } = loading;
    problems.settle(Some(Layers(layers)))
}

struct Loading<'a> {
    source: &'a dyn LayerSource,
    problems: Problems,
    /// The layers whose `extends` is being followed, outermost first.
    chain: Vec<LayerPath>,
    seen: HashSet<LayerPath>,
    layers: Vec<Layer>,
    bytes: u64,
}

impl Loading<'_> {
    /// Adds what a layer extends, then the layer. `named_at` is the place that names it.
    fn visit(&mut self, path: &LayerPath, named_at: Option<&Origin>) {
        if let Some(start) = self.chain.iter().position(|ancestor| ancestor == path) {
            let mut chain: Vec<String> = self.chain.iter().skip(start).map(ToString::to_string).collect();
            chain.push(path.to_string());
            return self.report(named_at, ProblemKind::ExtendsCycle { chain });
        }
        if !self.seen.insert(path.clone()) {
            return;
        }
        if self.seen.len() > MAX_LAYERS {
            return self.report(named_at, too_many_layers());
        }
        if self.chain.len() >= MAX_EXTENDS_DEPTH {
            return self.report(
                named_at,
                ProblemKind::TooLarge {
                    what: "the chain of layers that extend each other",
                    limit: format!("{MAX_EXTENDS_DEPTH} layers"),
                },
            );
        }
        let Some(text) = self.read(path, named_at) else {
            return;
        };
        let Some(layer) = Layer::read(path.clone(), &text, &mut self.problems) else {
            return;
        };
        self.chain.push(path.clone());
        for Located { value, origin } in layer.extends() {
            self.visit(value, Some(origin));
        }
        self.chain.pop();
        self.layers.push(layer);
    }

    fn read(&mut self, path: &LayerPath, named_at: Option<&Origin>) -> Option<String> {
        let bytes = match self.source.read(path) {
            Ok(bytes) => bytes,
            Err(reason) => {
                let layer = path.to_string();
                self.report(named_at, ProblemKind::Unreadable { layer, reason });
                return None;
            }
        };
        let start = Origin { layer: path.clone(), line: 1, column: 1 };
        if bytes.len() as u64 > MAX_LAYER_BYTES {
            let kind =
                ProblemKind::TooLarge { what: "the size of this layer", limit: format!("{MAX_LAYER_BYTES} bytes") };
            self.report(Some(&start), kind);
            return None;
        }
        self.bytes = self.bytes.saturating_add(bytes.len() as u64);
        if self.bytes > MAX_RECIPE_BYTES {
            let kind = ProblemKind::TooLarge {
                what: "the size of all layers together",
                limit: format!("{MAX_RECIPE_BYTES} bytes"),
            };
            self.report(Some(&start), kind);
            return None;
        }
        match String::from_utf8(bytes) {
            Ok(text) => Some(text),
            Err(error) => {
                let valid = error.utf8_error().valid_up_to();
                let before = error.as_bytes().get(..valid).unwrap_or_default();
                let lines = before.iter().filter(|&&byte| byte == b'\n').count();
                let at = Origin { line: u32::try_from(lines).unwrap_or(u32::MAX).saturating_add(1), ..start };
                let reason = "the text is not UTF-8 from here on".to_owned();
                self.report(Some(&at), ProblemKind::Unsupported(reason));
                None
            }
        }
    }

    fn report(&mut self, at: Option<&Origin>, kind: ProblemKind) {
        self.problems.push(at.cloned(), kind);
    }
}

fn too_many_layers() -> ProblemKind {
    ProblemKind::TooLarge { what: "the number of layers", limit: format!("{MAX_LAYERS} layers") }
}

#[cfg(test)]
mod tests;

//! One layer as written.

use crate::check::check;
use crate::collection::UniqueList;
use crate::decode::bad_value;
use crate::origin::{LayerPath, Located, Origin};
use crate::problem::{ProblemKind, Problems, RecipeError};
use crate::recipe::RecipeFields;
use crate::shape::{Decode, Field, ScalarValue, Shape};
use crate::yaml::{self, Edit, Node, Scalar, Value};

/// One YAML file of a recipe, every key, value and tag in it checked.
#[derive(Debug, Clone)]
pub struct Layer {
    path: LayerPath,
    extends: Vec<Located<LayerPath>>,
    pub(crate) root: Node,
}

impl Layer {
    /// Reads a layer from its text. `path` is used in messages and to resolve relative paths.
    ///
    /// # Errors
    /// Everything that is wrong in this layer, whatever the other layers say: syntax, limits,
    /// unknown keys, wrong kinds of values, values that break the rule of their type.
    pub fn parse(path: LayerPath, text: &str) -> Result<Self, RecipeError> {
        let mut problems = Problems::default();
        let layer = Self::read(path, text, &mut problems);
        problems.settle(layer)
    }

    /// As [`Layer::parse`], but with what could be read even if problems were found.
    pub(crate) fn read(path: LayerPath, text: &str, problems: &mut Problems) -> Option<Self> {
        let mut root = yaml::parse(&path, text, problems)?;
        if matches!(root.value, Value::Nothing) {
            root.value = Value::Map(Vec::new());
        }
        if root.edit != Edit::Merge {
            let kind = ProblemKind::BadTag("a whole layer takes no tag; write it before the value of a key".to_owned());
            problems.add(&root.at, kind);
            root.edit = Edit::Merge;
        }
        check(&root, &shape(), "", problems);
        let extends = take_extends(&mut root, problems);
        Some(Self { path, extends, root })
    }

    /// The path of this layer.
    #[must_use]
    pub fn path(&self) -> &LayerPath {
        &self.path
    }

    /// The layers that come before this one, in the order in which they apply.
    #[must_use]
    pub fn extends(&self) -> &[Located<LayerPath>] {
        &self.extends
    }
}

/// The shape of a layer: the recipe's keys and `extends`.
pub(crate) fn shape() -> Shape {
    let mut shape = RecipeFields::shape();
    if let Shape::Record(record) = &mut shape {
        record.doc = "One layer of a Piccolo OS recipe.".to_owned();
        record.fields.insert(
            0,
            Field {
                key: "extends",
                doc: "Layers that apply before this one, in this order; paths relative to this layer. A layer that is reached twice counts once, at its first place."
                    .to_owned(),
                shape: UniqueList::<Extended>::shape(),
                required: false,
                default: None,
            },
        );
    }
    shape
}

/// The layer's own instruction does not take part in the merge.
fn take_extends(root: &mut Node, problems: &mut Problems) -> Vec<Located<LayerPath>> {
    let Value::Map(entries) = &mut root.value else {
        return Vec::new();
    };
    let Some(index) = entries.iter().position(|entry| entry.key == "extends") else {
        return Vec::new();
    };
    let extends = entries.remove(index).value;
    if extends.edit != Edit::Merge {
        refuse_edit(&extends, problems);
    }
    let Value::List(items) = extends.value else {
        return Vec::new();
    };
    let mut layers = Vec::new();
    for item in items {
        match (item.edit, item.scalar()) {
            (Edit::Merge, Some(scalar)) => {
                // What is malformed was reported by the check against the shape.
                if let Ok(Extended(path)) = Extended::parse(scalar, &item.at) {
                    layers.push(Located { value: path, origin: item.at });
                }
            }
            (Edit::Merge, None) => {}
            _ => refuse_edit(&item, problems),
        }
    }
    layers
}

fn refuse_edit(node: &Node, problems: &mut Problems) {
    let scalar = Scalar { text: "extends".to_owned(), quoted: false };
    let reason = "belongs to one layer and is not merged, so tags have no meaning in it".to_owned();
    bad_value(&scalar, "", reason, &node.at, problems);
}

/// The path of another layer, relative to the layer that names it.
struct Extended(LayerPath);

impl PartialEq for Extended {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl ScalarValue for Extended {
    const EXPECTED: &'static str = "the path of a layer, relative to this one";

    fn parse(scalar: &Scalar, at: &Origin) -> Result<Self, String> {
        if scalar.text.starts_with('/') {
            return Err(
                "is absolute and would not exist on another computer; write it relative to this layer".to_owned()
            );
        }
        at.layer.sibling(&scalar.text).map(Self).map_err(|error| error.to_string())
    }

    fn schema() -> serde_json::Value {
        serde_json::json!({ "type": "string", "pattern": "^[^/]" })
    }
}

//! Scripts that change the tree, as the last resort.

use serde::Serialize;

use crate::collection::{KeyedItem, Text};
use crate::name::StepName;
use crate::origin::{Located, Origin};
use crate::path::SourcePath;
use crate::problem::Problems;
use crate::shape::{Decode, Shape, record};
use crate::yaml::Node;

/// A script that runs inside the tree, as its root, without network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PostProcess {
    /// Its name, for progress and messages.
    pub name: StepName,
    /// What runs.
    #[serde(flatten)]
    pub script: PostProcessScript,
    /// Where this step was written.
    #[serde(skip)]
    pub origin: Origin,
}

/// The script of a [`PostProcess`] step; its first line names the interpreter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PostProcessScript {
    /// A file that the layer brings along.
    Script(Located<SourcePath>),
    /// This text.
    Content(Text),
}

record! {
    /// A script that runs inside the finished tree, without network.
    struct PostProcessFields {
        /// The name of the step, for progress and messages.
        name: StepName,
        /// A script to run, relative to this layer. Its first line names the interpreter.
        script: Option<Located<SourcePath>>,
        /// The text of a script to run. Its first line names the interpreter.
        content: Option<Text>,
    }
    exactly one of "script", "content";
}

impl Decode for PostProcess {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        PostProcessFields::shape()
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        PostProcessFields::decode(node, place, problems)?.into_step()
    }

    fn absent(at: &Origin, place: &str, problems: &mut Problems) -> Option<Self> {
        PostProcessFields::absent(at, place, problems)?.into_step()
    }
}

impl KeyedItem for PostProcess {
    const KEY: &'static str = "name";
}

impl PostProcessFields {
    /// The check of the layer has seen to it that one of the two is there.
    fn into_step(self) -> Option<PostProcess> {
        let script = match (self.script, self.content) {
            (Some(script), _) => PostProcessScript::Script(script),
            (None, content) => PostProcessScript::Content(content?),
        };
        Some(PostProcess { name: self.name, script, origin: self.origin })
    }
}

//! YAML text to a tree in which every key and value knows its line and column.
//!
//! Only the shape of YAML is used: maps with text keys, lists and scalars. What a scalar means (a
//! number, a mode, a version) is decided by the type that reads it, so `1.10` is never a float and
//! `0644` never decimal.

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, Marker, Parser, ScalarStyle, Span, Tag};

use crate::decode::shortened;
use crate::origin::{LayerPath, Origin};
use crate::problem::{ProblemKind, Problems};

/// A layer may have this many bytes: 1 MiB.
pub const MAX_LAYER_BYTES: u64 = 1024 * 1024;

/// Maps and lists may be nested this deep. The language itself needs 6.
pub const MAX_NESTING: usize = 16;

/// What aliases may expand a layer to, in nodes and in bytes of text.
const MAX_NODES: usize = 50_000;
const MAX_EXPANDED_BYTES: usize = 4 * 1024 * 1024;

/// One value of a layer.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub value: Value,
    pub edit: Edit,
    pub at: Origin,
}

/// What a value does to the value of an earlier layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edit {
    /// No tag: merge by the rule of its place.
    Merge,
    /// `!replace`: forget what earlier layers wrote.
    Replace,
    /// `!remove`: take away what earlier layers wrote.
    Remove,
}

#[derive(Debug, Clone)]
pub(crate) enum Value {
    /// An empty plain scalar, `~` or `null`: nothing is written here.
    Nothing,
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub(crate) struct Scalar {
    pub text: String,
    /// Written in quotes or as a block, so it is text whatever it looks like.
    pub quoted: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub key: String,
    pub key_at: Origin,
    pub value: Node,
}

impl Value {
    /// The kind of value, as messages name it.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Scalar(_) => "a single value",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

impl Node {
    pub(crate) fn new(value: Value, at: Origin) -> Self {
        Self { value, edit: Edit::Merge, at }
    }

    pub(crate) fn scalar(&self) -> Option<&Scalar> {
        match &self.value {
            Value::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// The entry of a map, if this is one and has it.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value),
            _ => None,
        }
    }

    /// Nodes and bytes of text below and including this one.
    fn weight(&self) -> (usize, usize) {
        let add =
            |(nodes, bytes): (usize, usize), (n, b): (usize, usize)| (nodes.saturating_add(n), bytes.saturating_add(b));
        match &self.value {
            Value::Nothing => (1, 0),
            Value::Scalar(scalar) => (1, scalar.text.len()),
            Value::List(items) => items.iter().map(Self::weight).fold((1, 0), add),
            Value::Map(entries) => {
                entries.iter().map(|entry| add(entry.value.weight(), (1, entry.key.len()))).fold((1, 0), add)
            }
        }
    }

    fn depth(&self) -> usize {
        let below = match &self.value {
            Value::Nothing | Value::Scalar(_) => return 0,
            Value::List(items) => items.iter().map(Self::depth).max(),
            Value::Map(entries) => entries.iter().map(|entry| entry.value.depth()).max(),
        };
        below.unwrap_or(0) + 1
    }
}

/// Parses one YAML document. Reports syntax errors (only the first: after it the text has no
/// structure), limits, duplicate keys and tags that are not of this language.
///
/// An empty document is a map without entries.
pub(crate) fn parse(layer: &LayerPath, text: &str, problems: &mut Problems) -> Option<Node> {
    let start = Origin { layer: layer.clone(), line: 1, column: 1 };
    if text.len() as u64 > MAX_LAYER_BYTES {
        problems.add(
            &start,
            ProblemKind::TooLarge { what: "the size of this layer", limit: format!("{MAX_LAYER_BYTES} bytes") },
        );
        return None;
    }
    let mut reader =
        Reader { layer, problems, open: Vec::new(), anchors: BTreeMap::new(), nodes: 0, bytes: 0, root: None };
    reader.read(text).ok()?;
    let root = reader.root;
    Some(root.unwrap_or_else(|| Node::new(Value::Map(Vec::new()), start)))
}

/// Reading stopped; the problem has been reported.
struct Stopped;

/// A collection whose end has not been seen.
struct Open {
    node: Node,
    anchor: usize,
    /// In a map: the key whose value comes next.
    key: Option<(String, Origin)>,
    /// In a map: the keys so far.
    seen: BTreeMap<String, Origin>,
}

struct Reader<'a> {
    layer: &'a LayerPath,
    problems: &'a mut Problems,
    open: Vec<Open>,
    /// Complete nodes that have an anchor, by the parser's number of it.
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    bytes: usize,
    root: Option<Node>,
}

impl Reader<'_> {
    fn read(&mut self, text: &str) -> Result<(), Stopped> {
        let mut options = granit_parser::options! {
            disallow_directives: true,
            flow_nesting_limit: MAX_NESTING,
            block_nesting_limit: MAX_NESTING,
        };
        options.set_emit_comments(false);
        let mut documents = 0;
        for event in Parser::new_from_str_with_options(text, options) {
            let (event, span) = event.map_err(|error| {
                let at = self.origin(*error.marker());
                match error.kind() {
                    ErrorKind::RecursionLimitExceeded => self.too_deep(&at),
                    _ => self.stop(&at, ProblemKind::Syntax { reason: error.info() }),
                }
            })?;
            if matches!(event, Event::DocumentStart(..)) {
                documents += 1;
                if documents > 1 {
                    let at = self.origin(span.start);
                    return Err(self.stop(
                        &at,
                        ProblemKind::Unsupported(
                            "a layer is one YAML document; put what follows `---` into a layer of its own".to_owned(),
                        ),
                    ));
                }
            }
            self.event(event, span)?;
        }
        Ok(())
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Stopped> {
        let at = self.origin(span.tag_start.unwrap_or(span.start));
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.count(&at, 1, text.len())?;
                let node = self.scalar(text.into_owned(), style, tag.as_deref(), at);
                self.complete(node, anchor)
            }
            Event::SequenceStart(_, anchor, tag) => self.begin(Value::List(Vec::new()), anchor, tag.as_deref(), at),
            Event::MappingStart(_, anchor, tag) => self.begin(Value::Map(Vec::new()), anchor, tag.as_deref(), at),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(open) => self.complete(open.node, open.anchor),
                None => Ok(()),
            },
            Event::Alias(anchor) => self.alias(anchor, &at),
            _ => Ok(()),
        }
    }

    fn begin(&mut self, value: Value, anchor: usize, tag: Option<&Tag>, at: Origin) -> Result<(), Stopped> {
        self.count(&at, 1, 0)?;
        if self.open.len() >= MAX_NESTING {
            return Err(self.too_deep(&at));
        }
        let edit = self.edit(tag, &at);
        self.open.push(Open { node: Node { value, edit, at }, anchor, key: None, seen: BTreeMap::new() });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, at: &Origin) -> Result<(), Stopped> {
        let Some(node) = self.anchors.get(&anchor).cloned() else {
            return Err(self.stop(
                at,
                ProblemKind::Unsupported(
                    "this alias stands inside the value that it names; write the value out".to_owned(),
                ),
            ));
        };
        let (nodes, bytes) = node.weight();
        self.count(at, nodes, bytes)?;
        if self.open.len() + node.depth() > MAX_NESTING {
            return Err(self.too_deep(at));
        }
        self.complete(node, 0)
    }

    /// Puts a complete node where it belongs: as the root, into a list, as a key or as a value.
    fn complete(&mut self, node: Node, anchor: usize) -> Result<(), Stopped> {
        if anchor != 0 {
            // Copies count against the limits too: a chain of anchors could hold much text.
            let (nodes, bytes) = node.weight();
            self.count(&node.at, nodes, bytes)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut parent.node.value, parent.key.take()) {
            (Value::List(items), _) => items.push(node),
            (Value::Map(entries), Some((key, key_at))) => {
                if let Some(first) = parent.seen.get(&key).cloned() {
                    self.problems.add(&key_at, ProblemKind::DuplicateKey { key: shortened(&key), first });
                } else {
                    parent.seen.insert(key.clone(), key_at.clone());
                    entries.push(Entry { key, key_at, value: node });
                }
            }
            (Value::Map(_), None) => match (node.value, node.edit) {
                (Value::Scalar(scalar), Edit::Merge) => {
                    parent.key = Some((scalar.text, node.at));
                }
                (_, Edit::Merge) => {
                    return Err(
                        self.stop(&node.at, ProblemKind::Unsupported("the key of a map must be plain text".to_owned()))
                    );
                }
                _ => {
                    return Err(self.stop(
                        &node.at,
                        ProblemKind::BadTag(
                            "the tag stands before a key; write it after the colon, as in `key: !remove`".to_owned(),
                        ),
                    ));
                }
            },
            // Only lists and maps are ever open.
            (Value::Nothing | Value::Scalar(_), _) => {}
        }
        Ok(())
    }

    fn scalar(&mut self, text: String, style: ScalarStyle, tag: Option<&Tag>, at: Origin) -> Node {
        let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix() == "str");
        let edit = if is_text { Edit::Merge } else { self.edit(tag, &at) };
        let quoted = is_text || style != ScalarStyle::Plain;
        let value = if !quoted && matches!(text.as_str(), "" | "~" | "null") {
            Value::Nothing
        } else {
            Value::Scalar(Scalar { text, quoted })
        };
        Node { value, edit, at }
    }

    fn edit(&mut self, tag: Option<&Tag>, at: &Origin) -> Edit {
        let Some(tag) = tag else {
            return Edit::Merge;
        };
        match (tag.handle(), tag.suffix()) {
            ("!", "remove") => Edit::Remove,
            ("!", "replace") => Edit::Replace,
            _ => {
                self.problems.add(
                    at,
                    ProblemKind::BadTag(format!(
                        "unknown tag `{}{}`; a recipe knows the tags `!remove` and `!replace`",
                        tag.original_handle(),
                        tag.suffix()
                    )),
                );
                Edit::Merge
            }
        }
    }

    fn count(&mut self, at: &Origin, nodes: usize, bytes: usize) -> Result<(), Stopped> {
        self.nodes = self.nodes.saturating_add(nodes);
        self.bytes = self.bytes.saturating_add(bytes);
        if self.nodes > MAX_NODES {
            return Err(self.stop(
                at,
                ProblemKind::TooLarge {
                    what: "the number of values in this layer, aliases expanded,",
                    limit: format!("{MAX_NODES}"),
                },
            ));
        }
        if self.bytes > MAX_EXPANDED_BYTES {
            return Err(self.stop(
                at,
                ProblemKind::TooLarge {
                    what: "the text of this layer, aliases expanded,",
                    limit: format!("{MAX_EXPANDED_BYTES} bytes"),
                },
            ));
        }
        Ok(())
    }

    fn too_deep(&mut self, at: &Origin) -> Stopped {
        self.stop(
            at,
            ProblemKind::TooLarge { what: "the nesting of maps and lists", limit: format!("{MAX_NESTING} levels") },
        )
    }

    fn stop(&mut self, at: &Origin, kind: ProblemKind) -> Stopped {
        self.problems.add(at, kind);
        Stopped
    }

    fn origin(&self, marker: Marker) -> Origin {
        // A layer has at most 1 MiB, so both numbers fit.
        let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        Origin {
            layer: self.layer.clone(),
            line: number(marker.line()).max(1),
            column: number(marker.col()).saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests;

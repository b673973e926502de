//! The shape of the language: one definition per kind of value, read by the checker, the merge, the
//! decoder and the JSON schema alike, so that they cannot disagree.

use serde_json::Value as Json;

use crate::origin::{LayerPath, Origin};
use crate::problem::Problems;
use crate::yaml::{self, Node, Scalar, Value};

/// What may be written at one place.
pub(crate) enum Shape {
    /// A single value.
    Scalar(ScalarShape),
    /// A map whose keys are fixed.
    Record(RecordShape),
    /// A map whose keys are chosen by the writer.
    Map(MapShape),
    /// A list.
    List(ListShape),
}

pub(crate) struct ScalarShape {
    /// What is expected, for messages: `a size such as 512MiB`.
    pub expected: &'static str,
    /// Says what is wrong with a value.
    pub check: fn(&Scalar, &Origin) -> Result<(), String>,
    /// The JSON schema of the value.
    pub schema: fn() -> Json,
}

pub(crate) struct RecordShape {
    pub doc: String,
    pub fields: Vec<Field>,
    /// Of these keys, exactly one is written. Empty: no such rule.
    pub exactly_one: Vec<&'static str>,
}

pub(crate) struct Field {
    pub key: &'static str,
    pub doc: String,
    pub shape: Shape,
    /// It must be in the merged recipe.
    pub required: bool,
    /// The value, as YAML, that stands when no layer writes one.
    pub default: Option<&'static str>,
}

pub(crate) struct MapShape {
    pub key: ScalarShape,
    pub value: Box<Shape>,
}

pub(crate) struct ListShape {
    pub item: Box<Shape>,
    pub rule: ListRule,
}

/// How the items of a later layer join those of earlier layers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListRule {
    /// Appended, whatever is there.
    Append,
    /// Appended unless an equal item is there already.
    Unique,
    /// Items are maps with this key. One with the same key as an earlier layer's takes its place, at
    /// the end. Items that also have the key `beside` never take another's place.
    Keyed { key: &'static str, beside: Option<&'static str> },
}

impl RecordShape {
    pub(crate) fn field(&self, key: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.key == key)
    }
}

/// A value that can be read from a merged tree.
pub(crate) trait Decode: Sized {
    /// Whether its key must be in the merged recipe when it has no default.
    const REQUIRED: bool;

    fn shape() -> Shape;

    /// Reads the value. What is wrong goes to `problems`; `place` names the value in messages.
    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self>;

    /// The value when its key is not there, in the map written at `at`. `None` when there must be one.
    fn absent(at: &Origin, place: &str, problems: &mut Problems) -> Option<Self>;
}

/// A value written as a single scalar.
pub(crate) trait ScalarValue: Sized {
    /// What is expected, for messages: `a size such as 512MiB`.
    const EXPECTED: &'static str;

    /// Reads it, or says which rule it breaks and what to write instead.
    fn parse(scalar: &Scalar, at: &Origin) -> Result<Self, String>;

    /// The JSON schema of the written form.
    fn schema() -> Json;
}

pub(crate) fn scalar_shape<T: ScalarValue>() -> ScalarShape {
    ScalarShape { expected: T::EXPECTED, check: |scalar, at| T::parse(scalar, at).map(|_| ()), schema: T::schema }
}

/// The tree of a default, which is written in the source as YAML.
pub(crate) fn default_node(yaml: &str) -> Node {
    let mut unused = Problems::default();
    let layer = LayerPath::built_in();
    let at = Origin { layer: layer.clone(), line: 1, column: 1 };
    // A test decodes every default, so none of them is malformed.
    yaml::parse(&layer, yaml, &mut unused).unwrap_or_else(|| Node::new(Value::Nothing, at))
}

/// `outer.key`, or `key` at the top.
pub(crate) fn inner_place(outer: &str, key: &str) -> String {
    if outer.is_empty() { key.to_owned() } else { format!("{outer}.{key}") }
}

/// Documentation comments as one paragraph text.
pub(crate) fn doc_text(lines: &[&str]) -> String {
    let trimmed: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    trimmed.join("\n").trim().to_owned()
}

/// Defines a record: the struct, its shape and its decoder.
///
/// A field is required unless its type has an empty value or a default is written behind `=`, as YAML.
macro_rules! record {
    (
        $(#[doc = $doc:literal])+
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])+
                $field:ident: $type:ty $(= $default:literal)?,
            )*
        }
        $(exactly one of $($one:literal),+;)?
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
        $visibility struct $name {
            $(
                $(#[doc = $field_doc])+
                $visibility $field: $type,
            )*
            /// Where this map was written.
            #[serde(skip)]
            $visibility origin: crate::origin::Origin,
        }

        impl crate::shape::Decode for $name {
            const REQUIRED: bool = false;

            fn shape() -> crate::shape::Shape {
                crate::shape::Shape::Record(crate::shape::RecordShape {
                    doc: crate::shape::doc_text(&[$($doc),+]),
                    fields: vec![
                        $({
                            let default: Option<&'static str> = crate::shape::record!(@default $($default)?);
                            crate::shape::Field {
                                key: stringify!($field),
                                doc: crate::shape::doc_text(&[$($field_doc),+]),
                                shape: <$type as crate::shape::Decode>::shape(),
                                required: default.is_none()
                                    && <$type as crate::shape::Decode>::REQUIRED,
                                default,
                            }
                        },)*
                    ],
                    exactly_one: vec![$($($one),+)?],
                })
            }

            fn decode(
                node: &crate::yaml::Node,
                place: &str,
                problems: &mut crate::problem::Problems,
            ) -> Option<Self> {
                crate::decode::expect_map(node, place, problems)?;
                $(
                    let $field = crate::decode::field::<$type>(
                        node,
                        place,
                        stringify!($field),
                        crate::shape::record!(@default $($default)?),
                        problems,
                    );
                )*
                Some(Self {
                    $($field: $field?,)*
                    origin: node.at.clone(),
                })
            }

            fn absent(
                at: &crate::origin::Origin,
                place: &str,
                problems: &mut crate::problem::Problems,
            ) -> Option<Self> {
                let empty = crate::yaml::Node::new(crate::yaml::Value::Map(Vec::new()), at.clone());
                Self::decode(&empty, place, problems)
            }
        }
    };
    (@default) => { None };
    (@default $default:literal) => { Some($default) };
}

/// Defines an enum written as one of a few words.
macro_rules! word {
    (
        $(#[doc = $doc:literal])+
        expected $expected:literal
        pub enum $name:ident {
            $(
                $(#[doc = $variant_doc:literal])+
                $variant:ident = $word:literal,
            )+
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        pub enum $name {
            $(
                $(#[doc = $variant_doc])+
                #[serde(rename = $word)]
                $variant,
            )+
        }

        impl $name {
            /// The word it is written as.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl crate::shape::ScalarValue for $name {
            const EXPECTED: &'static str = $expected;

            fn parse(
                scalar: &crate::yaml::Scalar,
                _at: &crate::origin::Origin,
            ) -> Result<Self, String> {
                match scalar.text.as_str() {
                    $($word => Ok(Self::$variant),)+
                    other => Err(crate::decode::not_a_word(other, &[$($word),+])),
                }
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "enum": [$($word),+] })
            }
        }
    };
}

/// Defines a text with rules, which serialises as that text.
macro_rules! text_value {
    (
        $(#[doc = $doc:literal])+
        expected $expected:literal pattern $pattern:literal check $check:path;
        pub struct $name:ident;
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Reads it from text.
            ///
            /// # Errors
            /// The rule that the text breaks, as a sentence for people.
            pub fn new(text: &str) -> Result<Self, String> {
                $check(text)?;
                Ok(Self(text.to_owned()))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl crate::shape::ScalarValue for $name {
            const EXPECTED: &'static str = $expected;

            fn parse(
                scalar: &crate::yaml::Scalar,
                _at: &crate::origin::Origin,
            ) -> Result<Self, String> {
                Self::new(&scalar.text)
            }

            fn schema() -> serde_json::Value {
                serde_json::json!({ "type": "string", "pattern": $pattern })
            }
        }
    };
}

pub(crate) use {record, text_value, word};

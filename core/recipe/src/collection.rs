//! Lists with a meaning: sets, lists without repetition, and lists of items that have a key.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::decode::items;
use crate::origin::{Located, Origin};
use crate::problem::Problems;
use crate::shape::{Decode, ListRule, ListShape, ScalarValue, Shape};
use crate::yaml::{Node, Scalar};

/// Values of which each is there once and whose order means nothing. Kept and serialised sorted, so
/// that writing the same set in another order gives the same recipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set<T>(BTreeMap<T, Origin>);

impl<T: Ord> Set<T> {
    /// The values, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.keys()
    }

    /// Whether the value is in it.
    #[must_use]
    pub fn contains(&self, value: &T) -> bool {
        self.0.contains_key(value)
    }

    /// Where the value was written, if it is in it.
    #[must_use]
    pub fn origin(&self, value: &T) -> Option<&Origin> {
        self.0.get(value)
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T: Serialize> Serialize for Set<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.keys())
    }
}

impl<T: ScalarValue + Ord> Decode for Set<T> {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        unique::<T>()
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        let mut set = BTreeMap::new();
        for item in items::<Located<T>>(node, place, problems)? {
            set.entry(item.value).or_insert(item.origin);
        }
        Some(Self(set))
    }

    fn absent(_: &Origin, _: &str, _: &mut Problems) -> Option<Self> {
        Some(Self(BTreeMap::new()))
    }
}

/// Values of which each is there once, in the order in which they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct UniqueList<T>(Vec<Located<T>>);

impl<T> Deref for UniqueList<T> {
    type Target = [Located<T>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: ScalarValue + PartialEq> Decode for UniqueList<T> {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        unique::<T>()
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        items(node, place, problems).map(Self)
    }

    fn absent(_: &Origin, _: &str, _: &mut Problems) -> Option<Self> {
        Some(Self(Vec::new()))
    }
}

fn unique<T: ScalarValue>() -> Shape {
    Shape::List(ListShape { item: Box::new(T::shape()), rule: ListRule::Unique })
}

/// An item of a [`Keyed`] list.
pub(crate) trait KeyedItem: Decode {
    /// The key whose value names the item.
    const KEY: &'static str;
    /// An item that has this key too stands beside others of the same name.
    const BESIDE: Option<&'static str> = None;
}

/// Maps that are named by one of their keys, in the order in which they apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Keyed<T>(Vec<T>);

impl<T> Deref for Keyed<T> {
    type Target = [T];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<T: KeyedItem> Decode for Keyed<T> {
    const REQUIRED: bool = false;

    fn shape() -> Shape {
        Shape::List(ListShape { item: Box::new(T::shape()), rule: ListRule::Keyed { key: T::KEY, beside: T::BESIDE } })
    }

    fn decode(node: &Node, place: &str, problems: &mut Problems) -> Option<Self> {
        items(node, place, problems).map(Self)
    }

    fn absent(_: &Origin, _: &str, _: &mut Problems) -> Option<Self> {
        Some(Self(Vec::new()))
    }
}

/// Any text, such as the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(String);

impl Text {
    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl ScalarValue for Text {
    const EXPECTED: &'static str = "text";

    fn parse(scalar: &Scalar, _: &Origin) -> Result<Self, String> {
        Ok(Self(scalar.text.clone()))
    }

    fn schema() -> serde_json::Value {
        json!({ "type": ["string", "number", "boolean"] })
    }
}

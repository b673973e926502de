//! Merging layers: maps merge, lists append, single values are replaced; `!remove` and `!replace`
//! say otherwise.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::decode::{place_name, shortened};
use crate::layer::{self, Layer};
use crate::origin::{LayerPath, Origin};
use crate::problem::{ProblemKind, Problems, RecipeError, nearest};
use crate::recipe::Recipe;
use crate::shape::{ListRule, ListShape, Shape, inner_place};
use crate::yaml::{Edit, Entry, Node, Value};

/// All layers merged, not yet complete: keys may be missing and values may contradict each other.
#[derive(Debug, Clone)]
pub struct MergedRecipe {
    pub(crate) root: Node,
    layers: Vec<LayerPath>,
}

impl MergedRecipe {
    /// The layers that were merged, earliest first.
    #[must_use]
    pub fn layers(&self) -> &[LayerPath] {
        &self.layers
    }

    /// Fills in defaults and checks that the recipe is complete and consistent.
    ///
    /// # Errors
    /// Every missing key and every contradiction.
    pub fn validate(&self) -> Result<Recipe, RecipeError> {
        Recipe::from_merged(&self.root)
    }
}

pub(crate) fn merge(layers: Vec<Layer>) -> Result<MergedRecipe, RecipeError> {
    let mut problems = Problems::default();
    let paths: Vec<LayerPath> = layers.iter().map(|layer| layer.path().clone()).collect();
    let shape = layer::shape();
    let mut merged: Option<Node> = None;
    for layer in layers {
        merge_node(&mut merged, layer.root, &shape, "", &mut problems);
    }
    let merged = merged.map(|root| MergedRecipe { root, layers: paths });
    problems.settle(merged)
}

/// Lets a later value change what earlier layers wrote at the same place.
fn merge_node(earlier: &mut Option<Node>, mut later: Node, shape: &Shape, place: &str, problems: &mut Problems) {
    if later.edit == Edit::Replace {
        later.edit = Edit::Merge;
        *earlier = None;
    }
    match (shape, later.value) {
        (Shape::Scalar(_), value) => {
            *earlier = Some(Node::new(value, later.at));
        }
        (Shape::List(shape), Value::List(items)) => {
            let list = earlier.get_or_insert_with(|| Node::new(Value::List(Vec::new()), later.at));
            merge_list(list, items, shape, place, problems);
        }
        (Shape::Record(_) | Shape::Map(_), Value::Map(entries)) => {
            let map = earlier.get_or_insert_with(|| Node::new(Value::Map(Vec::new()), later.at.clone()));
            // A message about the map as a whole names the layer that had the last word.
            map.at = later.at;
            merge_map(map, entries, shape, place, problems);
        }
        // Nothing is written; a `!replace` without content has emptied the place.
        (_, _) => {}
    }
}

fn merge_map(map: &mut Node, entries: Vec<Entry>, shape: &Shape, place: &str, problems: &mut Problems) {
    let Value::Map(existing) = &mut map.value else {
        return;
    };
    // The order of keys means nothing, so they may as well be sorted.
    let mut merged: BTreeMap<String, Entry> =
        std::mem::take(existing).into_iter().map(|entry| (entry.key.clone(), entry)).collect();
    for entry in entries {
        let inner = match shape {
            Shape::Record(record) => record.field(&entry.key).map(|field| &field.shape),
            Shape::Map(shape) => Some(shape.value.as_ref()),
            Shape::Scalar(_) | Shape::List(_) => None,
        };
        // Unknown keys were reported when the layer was checked.
        let Some(inner) = inner else { continue };
        let earlier = merged.remove(&entry.key);
        if entry.value.edit == Edit::Remove {
            if earlier.is_none() {
                let keys = merged.keys().map(String::as_str);
                report_nothing(keys, &entry.key, place, &entry.key_at, problems);
            }
            continue;
        }
        let mut value = earlier.map(|entry| entry.value);
        let inner_place = inner_place(place, &entry.key);
        merge_node(&mut value, entry.value, inner, &inner_place, problems);
        if let Some(value) = value {
            merged.insert(entry.key.clone(), Entry { value, ..entry });
        }
    }
    *existing = merged.into_values().collect();
}

fn merge_list(list: &mut Node, later: Vec<Node>, shape: &ListShape, place: &str, problems: &mut Problems) {
    let Value::List(items) = &mut list.value else {
        return;
    };
    remove_items(items, &later, shape.rule, place, problems);
    let added = later.into_iter().filter(|item| item.edit == Edit::Merge);
    match shape.rule {
        ListRule::Append => items.extend(added),
        ListRule::Unique => {
            let mut seen: HashSet<String> = items.iter().filter_map(scalar_text).collect();
            for item in added {
                if scalar_text(&item).is_some_and(|text| seen.insert(text)) {
                    items.push(item);
                }
            }
        }
        ListRule::Keyed { key, beside } => {
            let added: Vec<Node> = added.collect();
            let stands_beside = |item: &Node| beside.is_some_and(|beside| item.get(beside).is_some());
            let replaced: HashSet<String> = added
                .iter()
                .filter(|item| !stands_beside(item))
                .filter_map(|item| item.get(key).and_then(scalar_text))
                .collect();
            items.retain(|item| {
                stands_beside(item) || item.get(key).and_then(scalar_text).is_none_or(|name| !replaced.contains(&name))
            });
            items.extend(added);
        }
    }
}

/// Takes away what the later layer names with `!remove`. This comes before its additions, so a layer
/// can take an item away and add it again at the end.
fn remove_items(items: &mut Vec<Node>, later: &[Node], rule: ListRule, place: &str, problems: &mut Problems) {
    let name = |item: &Node| match rule {
        ListRule::Append | ListRule::Unique => scalar_text(item),
        ListRule::Keyed { key, .. } => item.get(key).and_then(scalar_text),
    };
    let there: BTreeSet<String> = items.iter().filter_map(name).collect();
    let mut removed: HashSet<String> = HashSet::new();
    for item in later.iter().filter(|item| item.edit == Edit::Remove) {
        let Some(text) = scalar_text(item) else {
            continue;
        };
        if there.contains(&text) {
            removed.insert(text);
        } else {
            report_nothing(there.iter().map(String::as_str), &text, place, &item.at, problems);
        }
    }
    if !removed.is_empty() {
        items.retain(|item| name(item).is_none_or(|name| !removed.contains(&name)));
    }
}

fn report_nothing<'a>(
    there: impl Iterator<Item = &'a str>,
    what: &str,
    place: &str,
    at: &Origin,
    problems: &mut Problems,
) {
    let nearest = if problems.is_full() {
        None
    } else {
        // Comparing with very many names is not worth the time that a hostile layer could take.
        nearest(what, there.take(1000))
    };
    problems.add(at, ProblemKind::NothingToRemove { place: place_name(place), what: shortened(what), nearest });
}

fn scalar_text(node: &Node) -> Option<String> {
    node.scalar().map(|scalar| scalar.text.clone())
}

#[cfg(test)]
mod tests;

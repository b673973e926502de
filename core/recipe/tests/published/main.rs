//! The published reference and JSON schema are current, and do what they say.

mod examples;
mod schema;

/// `docs/reference/recipe.md`.
pub const REFERENCE: &str = include_str!("../../../../docs/reference/recipe.md");
/// `docs/reference/recipe.schema.json`.
pub const SCHEMA: &str = include_str!("../../../../docs/reference/recipe.schema.json");

/// A fenced block of the reference.
pub struct Block<'a> {
    /// What stands behind the opening fence.
    pub info: &'a str,
    /// The lines between the fences.
    pub text: &'a str,
    /// The line of the opening fence, counted from 1.
    pub line: usize,
}

/// Every fenced block.
pub fn blocks(markdown: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut offset = 0;
    let mut open: Option<(&str, usize, usize)> = None;
    for (index, line) in markdown.split_inclusive('\n').enumerate() {
        if let Some(info) = line.strip_prefix("```") {
            match open.take() {
                None => open = Some((info.trim(), offset + line.len(), index + 1)),
                Some((info, start, line)) => blocks.push(Block { info, text: &markdown[start..offset], line }),
            }
        }
        offset += line.len();
    }
    assert!(open.is_none(), "a fenced block is not closed");
    blocks
}

/// Compares a published file with what it should be; with UPDATE_SNAPSHOTS=1 it is rewritten.
#[expect(clippy::disallowed_methods, reason = "rewriting a published file on demand of the developer")]
pub fn check_or_update(name: &str, current: &str, expected: &str) {
    if std::env::var("UPDATE_SNAPSHOTS").is_ok_and(|value| value == "1") {
        let path = format!("{}/../../docs/reference/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::write(path, expected).expect("the published file can be written");
        return;
    }
    assert!(
        current == expected,
        "docs/reference/{name} is not current; run `UPDATE_SNAPSHOTS=1 cargo test -p recipe` and commit it"
    );
}

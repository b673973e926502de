//! The root tree: the installed packages, then everything that the recipe adds.

use super::disk;
use anyhow::{Context, anyhow, bail};
use disk_layout::plan::PartitionSizes;
use disk_layout::repart;
use file_tree::content::{Content, ReadBlob};
use file_tree::path::TreePath;
use file_tree::tree::{FileTree, Inode, InodeId, Kind, Metadata, Timestamp};
use package_lock::lockfile::Lockfile;
use recipe::{Account, FileContent, FileEntry, GlobMatcher, Recipe};
use root_tree::identity::{self, Release};
use root_tree::{skeleton, state};
use source_files::SourceFiles;
use system_users::apply;
use system_users::database::Database;
use unit_files::enablement::{apply_presets, disable, enable, mask};
use unit_files::presets;

/// Adds the recipe's files, users and units to the pruned base tree. What is left after this is the tree that scripts see.
pub fn add_recipe(
    tree: &mut FileTree,
    recipe: &Recipe,
    sources: &SourceFiles,
    lockfile: &Lockfile,
) -> anyhow::Result<()> {
    add_text_files(tree, recipe)?;
    let list = Content::from_bytes(lockfile.to_text().into_bytes());
    insert(tree, "/usr/lib/piccolo/packages.json", Inode::new(Metadata::root_owned(0o644), Kind::File(list)))?;
    let mut owned = Vec::new();
    for entry in recipe.files.iter() {
        let added = add_file(tree, recipe, entry, sources)
            .with_context(|| format!("{}: adding {}", entry.origin, entry.path.as_str()))?;
        owned.extend(added.into_iter().map(|id| (id, entry)));
    }
    apply::apply(tree, sources)?;
    set_owners(tree, sources, &owned)?;
    change_units(tree, recipe, sources)?;
    remove_paths(tree, recipe)
}

/// Turns the tree into the immutable one: identity, state in `/var`, mount points, clamped times.
pub fn finish(tree: &mut FileTree, recipe: &Recipe, epoch: i64) -> anyhow::Result<()> {
    let architecture = recipe.architecture.to_string();
    let stream = recipe.stream.to_string();
    let release = Release {
        name: recipe.name.as_str(),
        version: recipe.version.as_str(),
        stream: &stream,
        architecture: &architecture,
    };
    identity::write(tree, &release)?;
    state::separate(tree)?;
    skeleton::lay(tree)?;
    tree.clamp_mtimes(Timestamp { seconds: epoch, nanoseconds: 0 });
    Ok(())
}

/// The systemd-repart definitions of the device, kept in the image for its first boot.
pub fn add_repart_definitions(tree: &mut FileTree, recipe: &Recipe, sizes: &PartitionSizes) -> anyhow::Result<()> {
    for definition in repart::definitions(disk::architecture(recipe), sizes) {
        let content = Content::from_bytes(definition.text.clone().into_bytes());
        let path = format!("/usr/lib/piccolo/repart.d/{}", definition.file_name);
        insert(tree, &path, Inode::new(Metadata::root_owned(0o644), Kind::File(content)))?;
    }
    Ok(())
}

fn add_text_files(tree: &mut FileTree, recipe: &Recipe) -> anyhow::Result<()> {
    let groups = [
        ("/usr/lib/sysusers.d", "conf", &recipe.sysusers),
        ("/usr/lib/tmpfiles.d", "conf", &recipe.tmpfiles),
        ("/usr/lib/systemd/system-preset", "preset", &recipe.presets),
    ];
    for (directory, suffix, fragments) in groups {
        for (name, text) in fragments {
            let content = Content::from_bytes(text.as_str().as_bytes().to_vec());
            let path = format!("{directory}/{}.{suffix}", name.as_str());
            insert(tree, &path, Inode::new(Metadata::root_owned(0o644), Kind::File(content)))?;
        }
    }
    Ok(())
}

/// Adds one entry; answers the inodes that get its owner.
fn add_file(
    tree: &mut FileTree,
    recipe: &Recipe,
    entry: &FileEntry,
    sources: &SourceFiles,
) -> anyhow::Result<Vec<InodeId>> {
    let path = TreePath::parse(entry.path.as_str())?;
    let (mode, kind) = match &entry.content {
        FileContent::Source { from, mode, template } => {
            let file = sources.file(from.resolved()).context("the file was not read")?;
            let mode = mode.map_or(if file.executable { 0o755 } else { 0o644 }, |mode| mode.bits());
            let content = if *template { rendered(recipe, &file.content, sources)? } else { file.content.clone() };
            (mode, Kind::File(content))
        }
        FileContent::Content { text, mode, template } => {
            let text = if *template { recipe.render(text.as_str())? } else { text.as_str().to_owned() };
            (mode.bits(), Kind::File(Content::from_bytes(text.into_bytes())))
        }
        FileContent::Symlink { target } => (0o777, Kind::Symlink(target.as_str().as_bytes().to_vec())),
        FileContent::Directory { mode } => (mode.bits(), Kind::Directory(Default::default())),
        FileContent::Tree(source) => {
            let files = sources.tree(source.from.resolved()).context("the directory was not read")?;
            return files
                .iter()
                .map(|(relative, inode)| {
                    let target =
                        relative.components().iter().fold(path.clone(), |path, component| path.join(component));
                    Ok(tree.insert(&target, inode.clone())?)
                })
                .collect();
        }
    };
    let mut inode = Inode::new(Metadata::root_owned(mode), kind);
    for (name, value) in &entry.xattrs {
        inode.xattrs.insert(name.as_str().as_bytes().to_vec(), value.bytes().to_vec());
    }
    Ok(vec![tree.insert(&path, inode)?])
}

fn rendered(recipe: &Recipe, content: &Content, sources: &SourceFiles) -> anyhow::Result<Content> {
    const LARGEST_TEMPLATE: u64 = 1 << 20;
    let text = String::from_utf8(content.read_all(sources, LARGEST_TEMPLATE)?).context("a template must be UTF-8")?;
    Ok(Content::from_bytes(recipe.render(&text)?.into_bytes()))
}

fn set_owners(tree: &mut FileTree, sources: &SourceFiles, owned: &[(InodeId, &FileEntry)]) -> anyhow::Result<()> {
    let database = apply::load(tree, sources)?;
    for (id, entry) in owned {
        let unknown = |what: &str, name: &str| {
            anyhow!("{}: there is no {what} {name} in the tree; add it under sysusers", entry.origin)
        };
        let uid =
            number(&entry.owner, |name| Database::user(&database, name)).map_err(|name| unknown("user", &name))?;
        let gid =
            number(&entry.group, |name| Database::group(&database, name)).map_err(|name| unknown("group", &name))?;
        let metadata = &mut tree.inode_mut(*id).metadata;
        (metadata.uid, metadata.gid) = (uid, gid);
    }
    Ok(())
}

fn number(account: &Account, look_up: impl Fn(&str) -> Option<u32>) -> Result<u32, String> {
    match account {
        Account::Id(id) => Ok(*id),
        Account::Name(name) => look_up(name).ok_or_else(|| name.clone()),
    }
}

fn change_units(tree: &mut FileTree, recipe: &Recipe, blobs: &dyn ReadBlob) -> anyhow::Result<()> {
    let units = &recipe.units;
    let named = [&units.enable, &units.disable, &units.mask];
    let settled = named.iter().flat_map(|set| set.iter()).map(|unit| unit.as_str().to_owned()).collect();
    let mut rules = Vec::new();
    for (name, text) in &recipe.presets {
        rules.extend(presets::parse(text.as_str()).with_context(|| format!("presets.{}", name.as_str()))?);
    }
    apply_presets(tree, blobs, &rules, &settled)?;
    for unit in units.enable.iter() {
        enable(tree, blobs, unit.as_str())?;
    }
    for unit in units.disable.iter() {
        disable(tree, unit.as_str())?;
    }
    for unit in units.mask.iter() {
        mask(tree, unit.as_str())?;
    }
    Ok(())
}

fn remove_paths(tree: &mut FileTree, recipe: &Recipe) -> anyhow::Result<()> {
    if recipe.remove_paths.is_empty() {
        return Ok(());
    }
    let matcher = GlobMatcher::new(recipe.remove_paths.iter()).map_err(|problem| anyhow!("remove_paths: {problem}"))?;
    let doomed: Vec<TreePath> =
        tree.walk().map(|(path, _)| path).filter(|path| matcher.matches(&path.to_string())).collect();
    if doomed.iter().any(|path| *path == TreePath::root()) {
        bail!("remove_paths: a pattern matches the root directory itself");
    }
    for path in doomed {
        tree.remove(&path);
    }
    Ok(())
}

fn insert(tree: &mut FileTree, path: &str, inode: Inode) -> anyhow::Result<()> {
    tree.insert(&TreePath::parse(path)?, inode).with_context(|| format!("adding {path}"))?;
    Ok(())
}

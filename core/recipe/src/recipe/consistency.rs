//! What one value alone cannot show: contradictions within the merged recipe.

use std::collections::BTreeMap;
use std::fmt::Display;

use crate::collection::Set;
use crate::file::FileContent;
use crate::glob::GlobMatcher;
use crate::image::{ImageSizes, VeritySize};
use crate::kernel::COMMAND_LINE_LIMIT;
use crate::origin::{Located, Origin};
use crate::problem::{ProblemKind, Problems};
use crate::recipe::RecipeFields;
use crate::size::Size;

/// Reports every contradiction.
pub(super) fn check(recipe: &RecipeFields, problems: &mut Problems) {
    check_packages(recipe, problems);
    check_units(recipe, problems);
    check_files(recipe, problems);
    check_repositories(recipe, problems);
    check_command_line(recipe, problems);
    check_patterns(recipe, problems);
    check_formats(recipe, problems);
    check_sizes(&recipe.image.sizes, problems);
}

fn check_packages(recipe: &RecipeFields, problems: &mut Problems) {
    let packages = &recipe.packages;
    check_disjoint((&packages.include, "installed"), (&packages.exclude, "excluded"), "packages.include", problems);
    if let Some(kernel) = &recipe.kernel.package
        && let Some(excluded) = packages.exclude.origin(&kernel.value)
    {
        problems.add(
            excluded,
            ProblemKind::Contradiction {
                what: format!("`{}` is excluded here but is the kernel chosen by", kernel.value),
                other: kernel.origin.clone(),
                advice: "choose another `kernel.package`, or do not exclude it".to_owned(),
            },
        );
    }
}

fn check_units(recipe: &RecipeFields, problems: &mut Problems) {
    let units = &recipe.units;
    let enabled = (&units.enable, "enabled");
    check_disjoint(enabled, (&units.disable, "disabled"), "units.enable", problems);
    check_disjoint(enabled, (&units.mask, "masked"), "units.enable", problems);
}

/// Refuses what is in both sets, at the place that was written last.
fn check_disjoint<T: Ord + Display>(
    (set, verb): (&Set<T>, &str),
    (opposite, opposite_verb): (&Set<T>, &str),
    place: &str,
    problems: &mut Problems,
) {
    for value in set.iter() {
        if let (Some(here), Some(there)) = (set.origin(value), opposite.origin(value)) {
            problems.add(
                there,
                ProblemKind::Contradiction {
                    what: format!("`{value}` is {opposite_verb} here but {verb} by"),
                    other: here.clone(),
                    advice: format!("keep one of them, or add `!remove {value}` to `{place}` here"),
                },
            );
        }
    }
}

/// A file cannot lie below a path at which the recipe puts something that is no directory.
fn check_files(recipe: &RecipeFields, problems: &mut Problems) {
    let leaves: BTreeMap<&str, &Origin> = recipe
        .files
        .iter()
        .filter(|entry| matches!(entry.content, FileContent::Source { .. } | FileContent::Content { .. }))
        .map(|entry| (entry.path.as_str(), &entry.origin))
        .collect();
    for entry in recipe.files.iter() {
        let mut parent = entry.path.as_str();
        while let Some((above, _)) = parent.rsplit_once('/').filter(|(above, _)| !above.is_empty()) {
            parent = above;
            if let Some(file) = leaves.get(parent) {
                problems.add(
                    &entry.origin,
                    ProblemKind::Contradiction {
                        what: format!("`{}` lies below `{parent}`, which is made a file by", entry.path),
                        other: (*file).clone(),
                        advice: "remove or move one of them".to_owned(),
                    },
                );
            }
        }
    }
}

fn check_repositories(recipe: &RecipeFields, problems: &mut Problems) {
    let crate::base::Base::Debian(debian) = &recipe.base;
    for repository in debian.repositories.iter().filter(|r| r.urls.is_empty()) {
        problems.add(
            &repository.origin,
            ProblemKind::Missing {
                place: format!("repository `{}`", repository.name),
                key: "urls".to_owned(),
                hint: " with at least one address".to_owned(),
            },
        );
    }
    if debian.components.is_empty() {
        problems.add(
            &debian.origin,
            ProblemKind::Unsupported(
                "`base.debian.components` is empty, so there would be no packages; write `[main]`".to_owned(),
            ),
        );
    }
}

fn check_command_line(recipe: &RecipeFields, problems: &mut Problems) {
    // The build adds the root hash and some settings of its own.
    const LEFT_FOR_THE_BUILD: usize = 512;
    let mut length = 0_usize;
    for argument in &recipe.kernel.command_line {
        length = length.saturating_add(argument.as_str().len() + 1);
        if length > COMMAND_LINE_LIMIT - LEFT_FOR_THE_BUILD {
            problems.add(
                &argument.origin,
                ProblemKind::TooLarge {
                    what: "the kernel's command line",
                    limit: format!("{} bytes", COMMAND_LINE_LIMIT - LEFT_FOR_THE_BUILD),
                },
            );
            return;
        }
    }
}

/// Patterns compile one by one; together they might be too large.
fn check_patterns(recipe: &RecipeFields, problems: &mut Problems) {
    let matchers = [
        GlobMatcher::new(recipe.remove_paths.iter()).map(|_| ()),
        GlobMatcher::new(recipe.initrd.files.iter()).map(|_| ()),
        recipe.kernel.modules.selector().map(|_| ()),
    ];
    for reason in matchers.into_iter().filter_map(Result::err) {
        problems.add(&recipe.origin, ProblemKind::Unsupported(reason));
    }
}

fn check_formats(recipe: &RecipeFields, problems: &mut Problems) {
    if recipe.image.formats.is_empty() {
        problems.add(
            &recipe.image.origin,
            ProblemKind::Unsupported("`image.formats` is empty, so no image would be made; write `[raw]`".to_owned()),
        );
    }
}

/// FAT32 needs at least 65525 clusters; with the usual 4 KiB clusters that is 256 MiB.
const SMALLEST_ESP: Size = Size::mebibytes(260);
/// Smaller than any kernel with its modules.
const SMALLEST_ROOT: Size = Size::mebibytes(64);
/// What ext4 with a journal needs to be of use.
const SMALLEST_VAR: Size = Size::mebibytes(64);
const MEBIBYTE: u64 = 1 << 20;

fn check_sizes(sizes: &ImageSizes, problems: &mut Problems) {
    for (key, size, smallest) in [
        ("esp", &sizes.esp, SMALLEST_ESP),
        ("root", &sizes.root, SMALLEST_ROOT),
        ("var_minimum", &sizes.var_minimum, SMALLEST_VAR),
    ] {
        check_size(key, size, smallest, problems);
    }
    if let VeritySize::Fixed(size) = sizes.verity.value {
        let size = Located { value: size, origin: sizes.verity.origin.clone() };
        // One 32-byte hash for each 4 KiB block is 1/128; the levels above add less than 1/128 of that.
        let needed = (sizes.root.bytes() / 128).saturating_add(sizes.root.bytes() / 128 / 64).div_ceil(MEBIBYTE).max(1);
        let needed = Size::mebibytes(u32::try_from(needed).unwrap_or(u32::MAX));
        check_size("verity", &size, needed, problems);
    }
}

fn check_size(key: &str, size: &Located<Size>, smallest: Size, problems: &mut Problems) {
    let reason = if size.value < smallest {
        format!("is too small; the least is {smallest}")
    } else if !size.bytes().is_multiple_of(MEBIBYTE) {
        "is no multiple of 1 MiB, to which partitions are aligned".to_owned()
    } else {
        return;
    };
    problems.add(
        &size.origin,
        ProblemKind::BadValue { place: format!("`image.sizes.{key}`"), value: size.value.to_string(), reason },
    );
}

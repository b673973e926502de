use std::collections::HashSet;

use super::{CommandLineArgument, MODULE_CLASSES, ModuleSelection, without_compression};
use crate::origin::LayerPath;
use crate::problem::Problems;
use crate::shape::Decode;
use crate::yaml;

fn selection(text: &str) -> ModuleSelection {
    let mut problems = Problems::default();
    let layer = LayerPath::new("a.yaml").unwrap();
    let node = yaml::parse(&layer, text, &mut problems).unwrap();
    let selection = ModuleSelection::decode(&node, "kernel.modules", &mut problems);
    problems.settle(selection).unwrap()
}

#[test]
fn without_a_selection_every_module_is_kept() {
    assert!(selection("").selector().unwrap().keeps("kernel/sound/soundcore.ko"));
}

#[test]
fn classes_and_paths_leave_modules_out() {
    let selector = selection("exclude: [sound, gpu, 'kernel/drivers/net/ethernet/mellanox/**']").selector().unwrap();
    for (path, kept) in [
        ("kernel/sound/pci/hda/snd-hda-intel.ko.xz", false),
        ("kernel/drivers/soundwire/soundwire-bus.ko", false),
        ("kernel/drivers/gpu/drm/drm.ko", false),
        ("kernel/drivers/net/ethernet/mellanox/mlx5/core/mlx5_core.ko.zst", false),
        ("kernel/drivers/net/ethernet/intel/e1000e/e1000e.ko", true),
        ("kernel/fs/erofs/erofs.ko.xz", true),
    ] {
        assert_eq!(selector.keeps(path), kept, "{path}");
    }
}

#[test]
fn include_keeps_only_what_it_names_and_exclude_wins() {
    let selector = selection("include: ['kernel/fs/**', 'kernel/**/virtio*.ko']\nexclude: ['kernel/fs/xfs/**']")
        .selector()
        .unwrap();
    assert!(selector.keeps("kernel/fs/erofs/erofs.ko"));
    assert!(selector.keeps("kernel/drivers/block/virtio_blk.ko.xz"));
    assert!(!selector.keeps("kernel/fs/xfs/xfs.ko"));
    assert!(!selector.keeps("kernel/sound/soundcore.ko"));
}

#[test]
fn classes_are_sorted_unique_and_do_not_share_directories() {
    let names: Vec<&str> = MODULE_CLASSES.iter().map(|class| class.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(names, sorted);
    let mut seen = HashSet::new();
    for class in MODULE_CLASSES {
        assert!(!class.description.is_empty() && !class.directories.is_empty());
        for directory in class.directories {
            assert!(seen.insert(directory), "{directory} is in two classes");
            assert!(!directory.starts_with('/') && !directory.ends_with('/'));
        }
    }
}

#[test]
fn an_ending_of_compression_is_ignored() {
    for path in ["a.ko", "a.ko.xz", "a.ko.zst", "a.ko.gz"] {
        assert_eq!(without_compression(path), "a.ko");
    }
}

#[test]
fn arguments_of_the_kernel_come_one_by_one_and_leave_the_root_to_the_build() {
    for good in ["quiet", "console=ttyS0,115200n8", "dyndbg=\"file a.c +p\""] {
        assert!(CommandLineArgument::new(good).is_ok(), "{good}");
    }
    for (bad, advice) in [
        ("quiet splash", "more than one argument"),
        ("a=\"b", "not closed"),
        ("root=/dev/sda1", "sets `root`"),
        ("roothash=00", "sets `roothash`"),
        ("", "printable"),
        ("a\nb", "printable"),
        ("ä", "printable"),
    ] {
        let reason = CommandLineArgument::new(bad).unwrap_err();
        assert!(reason.contains(advice), "{bad}: {reason}");
    }
}

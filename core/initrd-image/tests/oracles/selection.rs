//! Selection of a root tree's modules.

use crate::synthetic_kernel::{DIRECTORY, kernel};
use file_tree::content::NoBlobs;
use file_tree::path::TreePath;
use initrd_image::modules::{KernelDirectory, select};

fn select(include: &[&str], exclude: &[&str]) -> (select::Selected, Vec<&'static str>) {
    let mut tree = kernel();
    let directory = KernelDirectory::find(&tree, None).unwrap();
    let list = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let selected = select::select(&mut tree, &NoBlobs, &directory, &list(include), &list(exclude)).unwrap();
    let all = [
        "drivers/md/middle",
        "drivers/md/top-most",
        "fs/plain",
        "lib/leaf-one",
        "lib/leaf_two",
        "sound/codec",
        "sound/side",
    ];
    let kept = all
        .into_iter()
        .filter(|name| tree.lookup(&TreePath::parse(format!("{DIRECTORY}/kernel/{name}.ko")).unwrap()).is_some());
    (selected, kept.collect())
}

#[test]
fn what_needs_an_excluded_module_goes_with_it() {
    let (selected, kept) = select(&[], &["sound/side.ko", "leaf-two", "no/such/class"]);
    assert_eq!(kept, ["fs/plain", "lib/leaf-one"]);
    assert_eq!(selected.kept, 2);
    assert_eq!(selected.excluded.len(), 2);
    assert_eq!(selected.dependents.len(), 3);
    assert_eq!(selected.unmatched, ["no/such/class"]);
}

#[test]
fn an_included_module_stays_with_all_it_needs() {
    let (selected, kept) = select(&["middle"], &["**"]);
    assert_eq!(kept, ["drivers/md/middle", "lib/leaf-one", "lib/leaf_two"]);
    assert_eq!(selected.excluded.len(), 4);
}

//! Whole images and their parts.

use crate::inspect;
use crate::sample::Sample;
use disk_layout::slot::{PartitionRole, SlotName};

#[test]
fn a_disk_image_is_told_as_a_whole() {
    let sample = Sample::new();
    let run = inspect(&sample.disk(), &["--verify", "--quiet"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    assert_eq!(run.output, include_str!("expected/disk.txt"));
}

#[test]
fn a_unified_kernel_image_is_told_as_a_whole() {
    let sample = Sample::new();
    let run = inspect(&sample.put("piccolo.efi", &sample.unified_image), &["--initrd"]);
    assert_eq!((run.code, run.errors.as_str()), (0, ""));
    assert_eq!(run.output, include_str!("expected/uki.txt"));
}

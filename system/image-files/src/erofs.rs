//! Writing EROFS images, and their dm-verity trees in the same pass

use std::io;

use erofs_image::plan::Plan;
use file_tree::content::ReadBlob;
use verity_tree::tree::HashTree;

use crate::pieces::{self, EmptyTarget, Pass, Source};
use crate::sparse::{CopyError, Watch};
use crate::verity::{VerityError, VeritySettings, tree_over};

/// A planned image with the contents of its files.
struct PlannedImage<'a> {
    plan: &'a Plan<'a>,
    blobs: &'a dyn ReadBlob,
}

impl Source for PlannedImage<'_> {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.plan.read_exact_at(self.blobs, offset, buffer)
    }
}

/// Writes a planned image from offset 0 of `target`, with `threads` threads. A file must be given the plan's length before or after: zeros at
/// the end are not written.
///
/// # Errors
/// When contents cannot be read, the target cannot be written, or it was cancelled.
pub fn write_erofs(
    plan: &Plan<'_>,
    blobs: &dyn ReadBlob,
    target: &dyn EmptyTarget,
    threads: usize,
    watch: &mut Watch<'_>,
) -> Result<(), CopyError> {
    let source = &PlannedImage { plan, blobs };
    pieces::run(&Pass { source, length: plan.length(), target: Some(target), salt: None, threads }, watch)?;
    Ok(())
}

/// Writes a planned image like [`write_erofs`] and answers its hash tree, computed from the same buffers.
///
/// # Errors
/// As [`write_erofs`].
pub fn write_erofs_with_verity(
    plan: &Plan<'_>,
    blobs: &dyn ReadBlob,
    target: &dyn EmptyTarget,
    verity: &VeritySettings,
    watch: &mut Watch<'_>,
) -> Result<HashTree, VerityError> {
    let source = &PlannedImage { plan, blobs };
    let pass =
        Pass { source, length: plan.length(), target: Some(target), salt: Some(&verity.salt), threads: verity.threads };
    tree_over(&pass, verity, watch)
}

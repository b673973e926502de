//! Modules as they ship (`.ko.xz`, `.ko.zst`, `.ko.gz`) to modules as the image stores them.

use super::{KernelDirectory, MAXIMUM_MODULE, ModulesError, compression, files_below};
use file_tree::content::{Content, ReadBlob};
use file_tree::tree::{FileTree, Inode, Kind};
use std::io::{self, Read};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most memory that an xz stream may ask for, in bytes: twice what the largest preset (`xz -9`) needs. zstd's own limit is the same.
const MAXIMUM_MEMORY: u64 = 128 << 20;

/// What decompression did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decompressed {
    /// Number of modules.
    pub modules: usize,
    /// Their size in bytes before.
    pub bytes_before: u64,
    /// Their size in bytes now.
    pub bytes_after: u64,
}

/// Decompresses every module of a kernel, on all cores. Contents are then held in memory and names lose their suffix; run
/// [`super::index::index`] afterwards, which writes the new names.
///
/// # Errors
/// When a module is damaged or has more than [`MAXIMUM_MODULE`] bytes.
pub fn decompress(
    tree: &mut FileTree,
    blobs: &dyn ReadBlob,
    kernel: &KernelDirectory,
) -> Result<Decompressed, ModulesError> {
    let files: Vec<_> = files_below(tree, &kernel.path)
        .into_iter()
        .filter_map(|(path, id)| compression(&path).map(|suffix| (path, suffix, id)))
        .collect();
    let shared: &FileTree = tree;
    let unpacked = on_all_cores(&files, |(path, suffix, id)| {
        let unpacked = match &shared.inode(*id).kind {
            Kind::File(content) => unpack(content, suffix, blobs),
            _ => Err(io::ErrorKind::InvalidInput.into()),
        };
        unpacked.map_err(|source| ModulesError::Decompress { path: format!("{}/{path}", kernel.path), source })
    });
    let mut done = Decompressed::default();
    for ((path, suffix, id), bytes) in files.iter().zip(unpacked) {
        let bytes = bytes?;
        let packed = tree.inode(*id).clone();
        if let Kind::File(content) = &packed.kind {
            done.bytes_before += content.length();
        }
        done.modules += 1;
        done.bytes_after += bytes.len() as u64;
        let plain = path.strip_suffix(suffix).expect("files are listed by this suffix");
        tree.remove(&kernel.file(path)?);
        tree.insert(
            &kernel.file(&format!("{plain}.ko"))?,
            Inode { kind: Kind::File(Content::from_bytes(bytes)), ..packed },
        )?;
    }
    Ok(done)
}

fn unpack(content: &Content, suffix: &str, blobs: &dyn ReadBlob) -> io::Result<Vec<u8>> {
    let packed = content.read_all(blobs, MAXIMUM_MODULE)?;
    let mut bytes = Vec::new();
    let limit = MAXIMUM_MODULE + 1;
    match suffix {
        ".ko.xz" => {
            let stream = liblzma::stream::Stream::new_stream_decoder(MAXIMUM_MEMORY, liblzma::stream::CONCATENATED)?;
            liblzma::read::XzDecoder::new_stream(packed.as_slice(), stream).take(limit).read_to_end(&mut bytes)?
        }
        ".ko.zst" => zstd::stream::read::Decoder::new(packed.as_slice())?.take(limit).read_to_end(&mut bytes)?,
        _ => flate2::read::MultiGzDecoder::new(packed.as_slice()).take(limit).read_to_end(&mut bytes)?,
    };
    if bytes.len() as u64 >= limit {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "the module has more than 256 MiB"));
    }
    bytes.shrink_to_fit();
    Ok(bytes)
}

/// Applies `work` to every item, on all cores, and answers the results in the items' order.
pub(crate) fn on_all_cores<Item: Sync, Done: Send>(items: &[Item], work: impl Fn(&Item) -> Done + Sync) -> Vec<Done> {
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len().max(1));
    let mut done: Vec<(usize, Done)> = thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            loop {
                let position = next.fetch_add(1, Ordering::Relaxed);
                let Some(item) = items.get(position) else { return done };
                done.push((position, work(item)));
            }
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let join = |worker: thread::ScopedJoinHandle<'_, Vec<(usize, Done)>>| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        workers.into_iter().flat_map(join).collect()
    });
    done.sort_by_key(|(position, _)| *position);
    done.into_iter().map(|(_, done)| done).collect()
}

//! The stream of files that goes into the namespace: all packages, dpkg's database, and what to do with them.

use crate::progress::{Progress, Report};
use crate::tree::package_file::PackageFile;
use crate::tree::{TreeError, TreeOptions, TreeScript};
use host::cancel::Cancel;
use package_lock::dpkg_database::{
    PROVIDING_PACKAGE, PackageControl, essential_closure, provided_paragraph, trigger_files,
};
use package_lock::lockfile::Lockfile;
use package_lock::unpack::{EntryKind, PathRules, Placement, Unpacker};
use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use tar::{Builder, EntryType, Header};

/// Bytes handed from a decompressing thread to the writing one at a time.
const CHUNK: usize = 512 * 1024;
/// Chunks a thread may be ahead: 64 MiB per thread.
const CHUNKS_AHEAD: usize = 128;
/// Where the instructions are; removed before the tree is archived.
const INSTRUCTIONS: &str = ".piccolo";
/// What is run in the tree after unpacking …
const CONFIGURE: &[u8] = include_bytes!("configure.sh");
/// … or for the recipe's scripts …
const POST_PROCESS: &[u8] = include_bytes!("post-process.sh");
/// … and at the end.
const CLEAN: &[u8] = include_bytes!("clean.sh");
/// What keeps package scripts from starting daemons (Debian Policy 9.3.3.1; 101 is "action forbidden by policy").
const POLICY: &str = "#!/bin/sh\nexit 101\n";

/// Everything that is known before the first byte is written.
pub(crate) struct Plan<'a> {
    lockfile: &'a Lockfile,
    files: &'a [PackageFile],
    controls: &'a [PackageControl],
    rules: &'a PathRules,
    /// Whether dpkg has to unpack a package itself, by index.
    by_dpkg: Vec<bool>,
    essential: std::collections::BTreeSet<usize>,
}

impl<'a> Plan<'a> {
    pub(crate) fn new(
        lockfile: &'a Lockfile,
        files: &'a [PackageFile],
        controls: &'a [PackageControl],
        options: &'a TreeOptions,
    ) -> Self {
        let essential = essential_closure(controls);
        let by_dpkg = controls
            .iter()
            .enumerate()
            .map(|(index, control)| control.diverts() && !essential.contains(&index))
            .collect();
        Self { lockfile, files, controls, rules: &options.rules, by_dpkg, essential }
    }

    /// Writes the stream. A broken pipe is no error here: who reads will say why it stopped.
    pub(crate) fn write(&self, out: File, report: Report<'_>, cancel: &Cancel) -> Result<(), TreeError> {
        let mut builder = Builder::new(BufWriter::with_capacity(CHUNK, out));
        match self.write_all(&mut builder, report, cancel) {
            Err(TreeError::Stream(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }

    fn write_all(
        &self,
        builder: &mut Builder<impl Write>,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<(), TreeError> {
        let next = AtomicUsize::new(0);
        let (senders, receivers): (Vec<_>, Vec<_>) = self.files.iter().map(|_| sync_channel(CHUNKS_AHEAD)).unzip();
        let senders: Vec<_> = senders.into_iter().map(|sender| std::sync::Mutex::new(Some(sender))).collect();
        let workers = thread::available_parallelism().map_or(1, usize::from).min(self.files.len().max(1));
        let written = thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| {
                    loop {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        let Some(sender) = senders.get(index).and_then(|slot| slot.lock().ok()?.take()) else { break };
                        if !self.by_dpkg[index] {
                            decompress(&self.files[index], &sender);
                        }
                    }
                });
            }
            let written = self.write_packages(builder, receivers, report, cancel);
            // Whatever happened, no thread may wait for a receiver that is gone: the receivers were moved and dropped.
            next.store(self.files.len(), Ordering::Relaxed);
            written
        });
        written?;
        self.write_database(builder).map_err(TreeError::Stream)?;
        self.write_instructions(builder).map_err(TreeError::Stream)?;
        builder.finish().and_then(|()| builder.get_mut().flush()).map_err(TreeError::Stream)
    }

    fn write_packages(
        &self,
        builder: &mut Builder<impl Write>,
        receivers: Vec<Receiver<io::Result<Vec<u8>>>>,
        report: Report<'_>,
        cancel: &Cancel,
    ) -> Result<(), TreeError> {
        let total = self.files.iter().map(|file| file.size).sum();
        let mut done = 0;
        let mut unpacker = Unpacker::new(self.controls, self.rules.clone());
        let mut lists = HashMap::new();
        let mut deferred: Vec<(Header, Vec<u8>)> = Vec::new();
        for (index, receiver) in receivers.into_iter().enumerate() {
            if cancel.is_cancelled() {
                return Err(TreeError::Cancelled);
            }
            let file = &self.files[index];
            if !self.by_dpkg[index] {
                let mut package =
                    PackageStream { plan: self, index, unpacker: &mut unpacker, deferred: &mut deferred, cancel };
                let list = package.copy(ChunkReader::new(receiver), builder)?;
                lists.insert(index, list);
            }
            done += file.size;
            report(Progress::Unpacking { done, total });
        }
        for (index, list) in lists {
            let name = format!("var/lib/dpkg/info/{}.list", self.controls[index].info_name());
            self.put(builder, &name, 0o644, list.as_slice()).map_err(TreeError::Stream)?;
        }
        Ok(())
    }

    fn write_database(&self, builder: &mut Builder<impl Write>) -> io::Result<()> {
        let mut status = provided_paragraph(&self.lockfile.provided, &self.lockfile.architecture);
        let mut controls: Vec<&PackageControl> = self.unpacked().map(|index| &self.controls[index]).collect();
        controls.sort_by(|a, b| (&a.name, &a.architecture).cmp(&(&b.name, &b.architecture)));
        for control in &controls {
            status.push_str(&control.status_paragraph());
            for (name, file) in control.info_files() {
                let mode = if file.executable { 0o755 } else { 0o644 };
                self.put(builder, &format!("var/lib/dpkg/info/{name}"), mode, &file.contents)?;
            }
        }
        self.put(builder, "var/lib/dpkg/status", 0o644, status.as_bytes())?;
        self.put(builder, "var/lib/dpkg/available", 0o644, b"")?;
        self.put(builder, "var/lib/dpkg/info/format", 0o644, b"1\n")?;
        if !self.lockfile.provided.is_empty() {
            // dpkg --audit asks for both.
            for kind in ["list", "md5sums"] {
                self.put(builder, &format!("var/lib/dpkg/info/{PROVIDING_PACKAGE}.{kind}"), 0o644, b"")?;
            }
        }
        let controls: Vec<PackageControl> = controls.into_iter().cloned().collect();
        for (name, text) in trigger_files(&controls) {
            self.put(builder, &format!("var/lib/dpkg/triggers/{name}"), 0o644, text.as_bytes())?;
        }
        self.put(builder, "var/lib/dpkg/triggers/Unincorp", 0o644, b"")
    }

    /// Indices of the packages that are in the stream unpacked.
    fn unpacked(&self) -> impl Iterator<Item = usize> {
        (0..self.files.len()).filter(|index| !self.by_dpkg[*index])
    }

    fn write_instructions(&self, builder: &mut Builder<impl Write>) -> io::Result<()> {
        self.put(builder, &format!("{INSTRUCTIONS}/run"), 0o755, CONFIGURE)?;
        self.put(builder, &format!("{INSTRUCTIONS}/clean"), 0o755, CLEAN)?;
        self.put(builder, "usr/sbin/policy-rc.d", 0o755, POLICY.as_bytes())?;
        let line = |index: usize| format!("{}\n", self.controls[index].info_name());
        let lines = |indices: &mut dyn Iterator<Item = usize>| {
            let mut lines: Vec<String> = indices.map(line).collect();
            lines.sort();
            lines.concat()
        };
        let with_script = |index: &usize| self.controls[*index].has_preinst();
        let others = || self.unpacked().filter(|index| !self.essential.contains(index));
        let lists = [
            ("essential", lines(&mut self.essential.iter().copied())),
            ("essential-preinst", lines(&mut self.essential.iter().copied().filter(with_script))),
            ("preinst", lines(&mut others().filter(with_script))),
            ("excluded-paths", self.rules.excluded.iter().map(|path| format!("{path}\n")).collect()),
            ("kept-names", self.rules.kept_names.iter().map(|name| format!("{name}\n")).collect()),
            ("architecture", format!("{}\n", self.lockfile.architecture)),
        ];
        for (name, text) in lists {
            self.put(builder, &format!("{INSTRUCTIONS}/{name}"), 0o644, text.as_bytes())?;
        }
        for index in (0..self.files.len()).filter(|index| self.by_dpkg[*index]) {
            let name = format!("{INSTRUCTIONS}/packages/{}.deb", self.controls[index].name);
            let mut header = self.header(0o644, self.files[index].size);
            builder.append_data(&mut header, name, File::open(&self.files[index].path)?)?;
        }
        Ok(())
    }

    fn put(&self, builder: &mut Builder<impl Write>, path: &str, mode: u32, contents: &[u8]) -> io::Result<()> {
        let mut header = self.header(mode, contents.len() as u64);
        builder.append_data(&mut header, path, contents)
    }

    fn header(&self, mode: u32, size: u64) -> Header {
        regular_header(mode, size, self.lockfile.source_date_epoch())
    }
}

fn regular_header(mode: u32, size: u64, mtime: i64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(mtime).unwrap_or_default());
    header.set_size(size);
    header
}

/// One package on its way into the stream.
struct PackageStream<'p, 'a> {
    plan: &'p Plan<'a>,
    index: usize,
    unpacker: &'p mut Unpacker<'a>,
    deferred: &'p mut Vec<(Header, Vec<u8>)>,
    cancel: &'p Cancel,
}

impl PackageStream<'_, '_> {
    /// Copies the package's files to their places; answers dpkg's list of them.
    fn copy(&mut self, data: ChunkReader, builder: &mut Builder<impl Write>) -> Result<Vec<u8>, TreeError> {
        let name = || self.plan.controls[self.index].name.clone();
        let damaged = |source: io::Error| TreeError::PackageFile { name: name(), source: source.into() };
        let mut list = Vec::new();
        let mut archive = tar::Archive::new(data);
        for entry in archive.entries().map_err(damaged)? {
            let mut entry = entry.map_err(damaged)?;
            if self.cancel.is_cancelled() {
                return Err(TreeError::Cancelled);
            }
            let path = entry.path_bytes().into_owned();
            let link = entry.link_name_bytes().map(|target| target.into_owned()).unwrap_or_default();
            let kind = match entry.header().entry_type() {
                EntryType::Directory => EntryKind::Directory,
                EntryType::Regular | EntryType::Continuous | EntryType::Fifo => EntryKind::File,
                EntryType::Symlink => EntryKind::Symlink(&link),
                EntryType::Link => EntryKind::HardLink(&link),
                EntryType::XGlobalHeader => continue,
                kind => {
                    let path = String::from_utf8_lossy(&path).into_owned();
                    let text = format!("{path} has the type {kind:?}, which packages for an image cannot have");
                    return Err(damaged(io::Error::new(ErrorKind::InvalidData, text)));
                }
            };
            add_to_list(&mut list, &path);
            let mut header = header_of(entry.header()).map_err(damaged)?;
            match self.unpacker.place(self.index, &path, kind)? {
                Placement::Nowhere => {}
                Placement::Deferred { path, .. } => self.deferred.push((header, path)),
                Placement::At { before, path, link: target } => {
                    for index in before {
                        let (header, path) = &mut self.deferred[index];
                        append(builder, header, path, io::empty()).map_err(TreeError::Stream)?;
                    }
                    let written = match (kind, target) {
                        (EntryKind::Symlink(link), _) => append_link(builder, &mut header, &path, link),
                        (_, Some(target)) => append_link(builder, &mut header, &path, &target),
                        _ => append(builder, &mut header, &path, &mut entry),
                    };
                    written.map_err(TreeError::Stream)?;
                }
            }
        }
        Ok(list)
    }
}

/// dpkg's lists name everything a package brings, excluded or not, without slashes at the end.
fn add_to_list(list: &mut Vec<u8>, path: &[u8]) {
    let path = path.strip_prefix(b".").unwrap_or(path);
    let path = path.strip_suffix(b"/").unwrap_or(path);
    if !path.starts_with(b"/") {
        list.push(b'/');
    }
    list.extend_from_slice(if path.is_empty() { b"." } else { path });
    list.push(b'\n');
}

/// A header with what matters of a package's: owners as numbers, and no name from which tar would look others up.
fn header_of(original: &Header) -> io::Result<Header> {
    let mut header = Header::new_gnu();
    header.set_entry_type(original.entry_type());
    header.set_mode(original.mode()? & 0o7777);
    header.set_uid(original.uid()?);
    header.set_gid(original.gid()?);
    header.set_mtime(original.mtime()?);
    header.set_size(original.size()?);
    Ok(header)
}

fn append(builder: &mut Builder<impl Write>, header: &mut Header, path: &[u8], data: impl Read) -> io::Result<()> {
    builder.append_data(header, Path::new(OsStr::from_bytes(path)), data)
}

fn append_link(builder: &mut Builder<impl Write>, header: &mut Header, path: &[u8], target: &[u8]) -> io::Result<()> {
    header.set_size(0);
    builder.append_link(header, Path::new(OsStr::from_bytes(path)), Path::new(OsStr::from_bytes(target)))
}

/// Sends a package's decompressed data in chunks, until it ends, fails, or nobody wants it.
fn decompress(file: &PackageFile, sender: &SyncSender<io::Result<Vec<u8>>>) {
    let result = file.data().and_then(|mut data| {
        loop {
            let mut chunk = Vec::with_capacity(CHUNK);
            (&mut data).take(CHUNK as u64).read_to_end(&mut chunk)?;
            if chunk.is_empty() || sender.send(Ok(chunk)).is_err() {
                return Ok(());
            }
        }
    });
    if let Err(error) = result {
        // The receiver may be gone already, which is its own business.
        let _ = sender.send(Err(error));
    }
}

/// Reads what [`decompress`] sends.
struct ChunkReader {
    receiver: Receiver<io::Result<Vec<u8>>>,
    chunk: Vec<u8>,
    position: usize,
}

impl ChunkReader {
    fn new(receiver: Receiver<io::Result<Vec<u8>>>) -> Self {
        Self { receiver, chunk: Vec::new(), position: 0 }
    }
}

impl Read for ChunkReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position == self.chunk.len() {
            match self.receiver.recv() {
                Ok(chunk) => (self.chunk, self.position) = (chunk?, 0),
                // The sender is gone: the data is complete.
                Err(_) => return Ok(0),
            }
        }
        let count = buffer.len().min(self.chunk.len() - self.position);
        buffer[..count].copy_from_slice(&self.chunk[self.position..self.position + count]);
        self.position += count;
        Ok(count)
    }
}

/// Writes a finished tree and the scripts to run in it: the tree's archive without its end, then more entries.
pub(crate) fn write_with_scripts(
    tree: File,
    scripts: &[TreeScript],
    out: File,
    cancel: &Cancel,
) -> Result<(), TreeError> {
    let written = || -> Result<(), TreeError> {
        let mut out = BufWriter::with_capacity(CHUNK, out);
        // The scripts come first: two archives one after the other would need their ends told apart.
        let mut builder = Builder::new(Vec::new());
        let mut put = |name: String, contents: &[u8]| {
            builder.append_data(&mut regular_header(0o755, contents.len() as u64, 0), name, contents)
        };
        put(format!("{INSTRUCTIONS}/run"), POST_PROCESS).map_err(TreeError::Stream)?;
        put(format!("{INSTRUCTIONS}/clean"), CLEAN).map_err(TreeError::Stream)?;
        for (index, script) in scripts.iter().enumerate() {
            put(format!("{INSTRUCTIONS}/scripts/{index:04}"), &script.contents).map_err(TreeError::Stream)?;
            put(format!("{INSTRUCTIONS}/names/{index:04}"), script.name.as_bytes()).map_err(TreeError::Stream)?;
        }
        // `get_ref` holds the entries without the two empty blocks that end an archive.
        out.write_all(builder.get_ref()).map_err(TreeError::Stream)?;
        let mut tree = tree;
        let mut chunk = vec![0; CHUNK];
        loop {
            if cancel.is_cancelled() {
                return Err(TreeError::Cancelled);
            }
            match tree.read(&mut chunk) {
                Ok(0) => break,
                Ok(count) => out.write_all(&chunk[..count]).map_err(TreeError::Stream)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(TreeError::Stream(error)),
            }
        }
        out.flush().map_err(TreeError::Stream)
    };
    match written() {
        Err(TreeError::Stream(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

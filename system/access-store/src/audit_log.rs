//! The audit log: parts of at most one MiB in a directory of their own, named after the number of their first entry. The oldest go.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use access::audit::chain::{Chain, LINE_LIMIT, PART_LIMIT, Part, Rest};
use access::audit::query::Query;
use access::audit::{Action, Actor, Draft, Entry, Outcome};
use jiff::Timestamp;

use crate::{StoreError, fault, private_file};

/// Parts that are kept.
pub const PARTS_KEPT: usize = 16;
/// Damaged parts without a single good entry that are kept beside them.
const BROKEN_KEPT: usize = 2;

/// The log, open for writing.
#[derive(Debug)]
pub struct AuditLog {
    directory: PathBuf,
    /// First numbers of all parts, oldest first; the last one is written to.
    parts: Vec<u64>,
    file: File,
    /// How long the part is that is written to. What is behind that was not written whole.
    length: u64,
    chain: Chain,
}

/// What checking the whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Every entry is bound to the one before it, from the first that is kept to the last.
    Whole {
        /// The number of the first entry that is kept.
        first: u64,
        /// Where the log ends.
        end: Chain,
    },
    /// It is not, from this number on.
    Broken {
        /// The number of the first entry that is missing or was changed.
        at: u64,
    },
}

impl AuditLog {
    /// Opens the log in this directory, and notes that a daemon has started. What a power cut left of the last entry is cut off, and that is noted as well.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(directory: &Path, now: Timestamp) -> Result<Self, StoreError> {
        private_file::directory(directory)?;
        private_file::remove_unfinished(directory)?;
        let mut parts = parts(directory)?;
        let (chain, note) = match parts.last() {
            None => (Chain::START, None),
            Some(last) => recover(directory, *last)?,
        };
        let goes_on = parts.last().is_some() && !matches!(note, Some(Action::Broken { .. }));
        if !goes_on {
            // A damaged part without a good entry has the number that its successor gets.
            parts.retain(|part| *part != chain.next);
            begin_part(directory, &chain)?;
            parts.push(chain.next);
        }
        let (file, length) = open_last(directory, parts.last().copied().unwrap_or(chain.next))?;
        let mut log = Self { directory: directory.to_owned(), parts, file, length, chain };
        for action in note.into_iter().chain([Action::Started]) {
            log.append(&Draft { actor: Actor::Device, address: None, action, outcome: Outcome::Done }, now)?;
        }
        Ok(log)
    }

    /// Adds an entry; after this returns, a power cut does not undo it. Whatever could not be added whole is not there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn append(&mut self, draft: &Draft, now: Timestamp) -> Result<(), StoreError> {
        let (line, chain) = self.chain.line(draft, now);
        if self.length + line.len() as u64 > PART_LIMIT as u64 {
            self.begin_next_part()?;
        }
        let path = self.path(self.parts.last().copied().unwrap_or_default());
        write_at(&mut self.file, self.length, line.as_bytes()).map_err(fault("writing", path))?;
        self.length += line.len() as u64;
        self.chain = chain;
        Ok(())
    }

    /// The entries that are wanted, newest first.
    ///
    /// # Errors
    /// When a part cannot be read. One that is damaged gives what is good in it.
    pub fn query(&self, query: &Query) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        for first in self.parts.iter().rev() {
            let room = query.page() - found.len();
            if room == 0 {
                break;
            }
            if query.before.is_some_and(|before| before <= *first) {
                continue;
            }
            if let Ok(part) = read_part(&self.directory, *first) {
                found.extend(query.select(part.entries, room));
            }
        }
        Ok(found)
    }

    /// Reads everything and looks whether it fits together.
    ///
    /// # Errors
    /// When a part cannot be read.
    pub fn verify(&self) -> Result<Verdict, StoreError> {
        let mut end: Option<Chain> = None;
        for first in &self.parts {
            let at = end.map_or(*first, |end| end.next);
            let part = match read_part(&self.directory, *first) {
                Ok(part) => part,
                Err(StoreError::Part { .. }) => return Ok(Verdict::Broken { at }),
                Err(error) => return Err(error),
            };
            if part.begin.next != *first || end.is_some_and(|end| end != part.begin) {
                return Ok(Verdict::Broken { at });
            }
            if part.rest != Rest::Nothing {
                return Ok(Verdict::Broken { at: part.end.next });
            }
            end = Some(part.end);
        }
        let end = end.filter(|end| *end == self.chain);
        let whole = end.zip(self.parts.first()).map(|(end, first)| Verdict::Whole { first: *first, end });
        Ok(whole.unwrap_or(Verdict::Broken { at: self.chain.next }))
    }

    /// Where the log ends: whoever keeps this elsewhere can tell later whether what came before was changed.
    #[must_use]
    pub fn end(&self) -> Chain {
        self.chain
    }

    fn begin_next_part(&mut self) -> Result<(), StoreError> {
        begin_part(&self.directory, &self.chain)?;
        let (file, length) = open_last(&self.directory, self.chain.next)?;
        (self.file, self.length) = (file, length);
        self.parts.push(self.chain.next);
        while self.parts.len() > PARTS_KEPT {
            let path = self.path(self.parts[0]);
            fs::remove_file(&path).map_err(fault("removing", &path))?;
            self.parts.remove(0);
        }
        Ok(())
    }

    fn path(&self, first: u64) -> PathBuf {
        part_path(&self.directory, first)
    }
}

/// Writes the end of a file for good. What a write that failed left there goes.
fn write_at(file: &mut File, length: u64, bytes: &[u8]) -> io::Result<()> {
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    file.write_all(bytes)?;
    file.sync_data()
}

/// Twenty digits, so that names sort as numbers do.
fn part_path(directory: &Path, first: u64) -> PathBuf {
    directory.join(format!("{first:020}.log"))
}

fn parts(directory: &Path) -> Result<Vec<u64>, StoreError> {
    let mut parts = Vec::new();
    for entry in fs::read_dir(directory).map_err(fault("reading", directory))? {
        let name = entry.map_err(fault("reading", directory))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".log")).filter(|digits| digits.len() == 20);
        parts.extend(number.and_then(|digits| digits.parse::<u64>().ok()));
    }
    parts.sort_unstable();
    Ok(parts)
}

fn read_part(directory: &Path, first: u64) -> Result<Part, StoreError> {
    let path = part_path(directory, first);
    let bytes = private_file::read(&path, PART_LIMIT + LINE_LIMIT)?.unwrap_or_default();
    Part::read(&bytes).map_err(|source| StoreError::Part { path, source })
}

/// Where the log goes on, and what has to be noted first.
fn recover(directory: &Path, last: u64) -> Result<(Chain, Option<Action>), StoreError> {
    let path = part_path(directory, last);
    let part = match read_part(directory, last) {
        Ok(part) if part.begin.next == last => part,
        // A part begins to exist with its header in it, so no power cut explains this.
        Ok(_) | Err(StoreError::Part { .. }) => {
            put_aside(directory, &path)?;
            let before = parts(directory)?.last().and_then(|before| read_part(directory, *before).ok());
            let chain = before.map_or(Chain { next: last, ..Chain::START }, |before| before.end);
            return Ok((chain, Some(Action::Broken { first: chain.next })));
        }
        Err(error) => return Err(error),
    };
    match part.rest {
        Rest::Nothing => Ok((part.end, None)),
        Rest::Torn { bytes } => {
            let cut = || -> io::Result<()> {
                let file = OpenOptions::new().write(true).open(&path)?;
                file.set_len(part.good as u64)?;
                file.sync_all()
            };
            cut().map_err(fault("cutting", &path))?;
            Ok((part.end, Some(Action::TailCut { bytes: bytes as u64 })))
        }
        Rest::Broken => {
            if part.entries.is_empty() {
                put_aside(directory, &path)?;
            }
            Ok((part.end, Some(Action::Broken { first: part.end.next })))
        }
    }
}

/// Keeps a part of which nothing is good under another name, and of those the latest.
fn put_aside(directory: &Path, path: &Path) -> Result<(), StoreError> {
    fs::rename(path, path.with_extension("broken")).map_err(fault("renaming", path))?;
    let mut broken: Vec<PathBuf> = fs::read_dir(directory)
        .map_err(fault("reading", directory))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "broken"))
        .collect();
    broken.sort();
    let surplus = broken.len().saturating_sub(BROKEN_KEPT);
    for path in broken.drain(..surplus) {
        fs::remove_file(&path).map_err(fault("removing", &path))?;
    }
    Ok(())
}

fn begin_part(directory: &Path, chain: &Chain) -> Result<(), StoreError> {
    private_file::keep(&part_path(directory, chain.next), chain.header().as_bytes())
}

fn open_last(directory: &Path, first: u64) -> Result<(File, u64), StoreError> {
    let path = part_path(directory, first);
    let file = private_file::open(&path, OpenOptions::new().read(true).write(true))?;
    let missing = || fault("opening", &path)(io::ErrorKind::NotFound.into());
    let file = file.ok_or_else(missing)?;
    let length = file.metadata().map_err(fault("looking at", &path))?.len();
    Ok((file, length))
}

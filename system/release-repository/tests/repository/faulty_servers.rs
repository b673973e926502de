//! Servers that answer wrongly, slowly or not at all.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use host::cancel::Cancel;
use release_source::error::SourceError;
use release_source::location::Location;
use release_source::repository::{ReleaseSource, SourceSettings, TrustedRepository};

use crate::sample::{Sample, now, stream, version};

/// What a server does with the n-th request for an image; everything else is answered as it should be.
type Fault = fn(usize, &str, &[u8], &mut TcpStream) -> std::io::Result<()>;

/// A server on loopback for the files of a sample.
struct Faulty {
    url: String,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Faulty {
    fn start(sample: &Sample, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let directory = sample.path("repository");
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, images) = (Arc::clone(&stop), Arc::new(AtomicUsize::new(0)));
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (directory, images) = (directory.clone(), Arc::clone(&images));
                std::thread::spawn(move || {
                    let mut connection = connection.unwrap();
                    let (path, headers) = request(&connection);
                    let bytes = std::fs::read(directory.join(path.trim_start_matches('/')));
                    // A client that goes away is what some of these tests are about.
                    let _ = match bytes {
                        Ok(bytes) if path.ends_with(".zst") => {
                            fault(images.fetch_add(1, Ordering::SeqCst), &headers, &bytes, &mut connection)
                        }
                        Ok(bytes) => whole(&bytes, &mut connection),
                        Err(_) => connection
                            .write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
                    };
                });
            }
        });
        Self { url: format!("http://{address}/"), stop, thread: Some(thread) }
    }
}

impl Drop for Faulty {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.url.trim_start_matches("http://").trim_end_matches('/'));
        let _ = self.thread.take().unwrap().join();
    }
}

fn request(connection: &TcpStream) -> (String, String) {
    let mut lines = BufReader::new(connection).lines();
    let first = lines.next().and_then(Result::ok).unwrap_or_default();
    let headers: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    (first.split(' ').nth(1).unwrap_or("/").to_owned(), headers.join("\n").to_lowercase())
}

fn whole(bytes: &[u8], connection: &mut TcpStream) -> std::io::Result<()> {
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        bytes.len()
    )?;
    connection.write_all(bytes)
}

fn settings() -> SourceSettings {
    SourceSettings { stall_timeout: Duration::from_millis(400), ..SourceSettings::default() }
}

/// Opens the repository through the server and reads the image of its release as `read` says.
fn read_image<T>(
    fault: Fault,
    settings: SourceSettings,
    read: impl FnOnce(&mut release_source::artifact::ArtifactFile) -> T,
) -> T {
    let sample = Sample::new();
    sample.publish("stable", "1.0.0").unwrap();
    let server = Faulty::start(&sample, fault);
    let location: Location = server.url.parse().unwrap();
    let source = ReleaseSource::open(&location, &settings).unwrap();
    let mut repository: TrustedRepository = source.refresh(&sample.anchor(), &sample.path("device"), now()).unwrap();
    let release =
        repository.release(&stream("stable"), version("1.0.0"), release_metadata::Architecture::X86_64).unwrap();
    read(&mut repository.artifact(&release, &release.full.root))
}

fn read_all(file: &mut release_source::artifact::ArtifactFile) -> Result<Vec<u8>, SourceError> {
    let (mut reader, mut all, mut buffer) = (file.whole()?, Vec::new(), [0; 16]);
    loop {
        match reader.read_some(&mut buffer)? {
            0 => return Ok(all),
            count => all.extend_from_slice(&buffer[..count]),
        }
    }
}

#[test]
fn a_connection_that_was_cut_is_taken_up_where_it_ended() {
    let cut_then_go_on: Fault = |number, headers, bytes, connection| {
        if number == 0 {
            write!(connection, "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
            return connection.write_all(&bytes[..10]);
        }
        assert!(headers.contains("range: bytes=10-") && headers.contains("if-range: \"one\""), "{headers}");
        let (size, last) = (bytes.len(), bytes.len() - 1);
        write!(
            connection,
            "HTTP/1.1 206 Partial Content\r\nETag: \"one\"\r\nContent-Range: bytes 10-{last}/{size}\r\n"
        )?;
        write!(connection, "Content-Length: {}\r\nConnection: close\r\n\r\n", size - 10)?;
        connection.write_all(&bytes[10..])
    };
    let all = read_image(cut_then_go_on, settings(), |file| {
        let (mut reader, mut all, mut buffer) = (file.whole().unwrap(), Vec::new(), [0; 4]);
        let error = loop {
            match reader.read_some(&mut buffer) {
                Ok(count) => all.extend_from_slice(&buffer[..count]),
                Err(error) => break error,
            }
        };
        assert!(matches!(error, SourceError::Connection { .. }) && error.may_pass(), "{error:?}");
        assert_eq!(reader.position(), 10);
        reader.resume().unwrap();
        reader.read_to_end(&mut all).unwrap();
        all
    });
    assert_eq!(zstd::decode_all(all.as_slice()).unwrap(), vec![b'1'; 8192]);
}

#[test]
fn a_file_that_changed_in_between_is_not_put_together_with_the_old_one() {
    let other_file: Fault = |number, _, bytes, connection| {
        let tag = if number == 0 { "one" } else { "two" };
        write!(connection, "HTTP/1.1 200 OK\r\nETag: \"{tag}\"\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
        connection.write_all(&bytes[..if number == 0 { 10 } else { bytes.len() }])
    };
    let error = read_image(other_file, settings(), |file| {
        let mut reader = file.whole().unwrap();
        while reader.read_some(&mut [0; 4]).is_ok() {}
        reader.resume().unwrap_err()
    });
    assert!(matches!(error, SourceError::Changed { .. }), "{error:?}");
}

#[test]
fn a_server_that_sends_only_whole_files_says_so() {
    let error = read_image(
        |_, _, bytes, connection| whole(bytes, connection),
        settings(),
        |file| file.range(5, 5).map(|_| ()).unwrap_err(),
    );
    assert!(matches!(error, SourceError::NoRanges { .. }), "{error:?}");
}

#[test]
fn a_wrong_part_is_not_taken_for_the_right_one() {
    let wrong_part: Fault = |_, _, bytes, connection| {
        let size = bytes.len();
        write!(
            connection,
            "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/{size}\r\nContent-Length: 5\r\n\r\n"
        )?;
        connection.write_all(&bytes[..5])
    };
    let error = read_image(wrong_part, settings(), |file| file.range(5, 5).map(|_| ()).unwrap_err());
    assert!(matches!(error, SourceError::Connection { .. }), "{error:?}");
}

#[test]
fn more_bytes_than_are_signed_for_are_not_read() {
    let endless: Fault = |_, _, _, connection| {
        connection.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
        loop {
            connection.write_all(&[0; 4096])?;
        }
    };
    let error = read_image(endless, settings(), |file| read_all(file).unwrap_err());
    assert!(matches!(error, SourceError::WrongSize { .. }), "{error:?}");
}

#[test]
fn a_wrong_length_is_refused_before_anything_is_read() {
    let longer: Fault =
        |_, _, bytes, connection| write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len() + 1);
    let error = read_image(longer, settings(), |file| file.whole().map(|_| ()).unwrap_err());
    assert!(matches!(error, SourceError::WrongSize { .. }), "{error:?}");
}

#[test]
fn redirects_are_followed_but_not_for_ever() {
    let in_a_circle: Fault = |_, _, _, connection| {
        connection
            .write_all(b"HTTP/1.1 302 Found\r\nLocation: again.zst\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    };
    let to_itself: Fault = |number, headers, bytes, connection| match number {
        0..20 => {
            let host = headers.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
            let path = "targets/stable/releases/1.0.0/x86-64/root.zst";
            write!(
                connection,
                "HTTP/1.1 302 Found\r\nLocation: http://{host}/{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            )
        }
        _ => whole(bytes, connection),
    };
    let error = read_image(to_itself, settings(), |file| file.whole().map(|_| ()).unwrap_err());
    assert!(error.to_string().contains("redirects more than 5 times"), "{error}");
    let error = read_image(in_a_circle, settings(), |file| file.whole().map(|_| ()).unwrap_err());
    assert!(matches!(error, SourceError::Missing { .. }), "{error:?}");
}

#[test]
fn statuses_are_told_apart() {
    let gone: Fault =
        |_, _, _, connection| connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let error = read_image(gone, settings(), |file| file.whole().map(|_| ()).unwrap_err());
    assert!(matches!(error, SourceError::Missing { .. }) && error.may_pass(), "{error:?}");
    let no_such_range: Fault = |_, _, _, connection| {
        connection
            .write_all(b"HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */5\r\nContent-Length: 0\r\n\r\n")
    };
    let error = read_image(no_such_range, settings(), |file| file.range(5, 5).map(|_| ()).unwrap_err());
    assert!(matches!(error, SourceError::Status { status: 416, .. }) && !error.may_pass(), "{error:?}");
    let busy: Fault = |_, _, _, connection| connection.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n");
    let error = read_image(busy, settings(), |file| file.whole().map(|_| ()).unwrap_err());
    assert!(matches!(error, SourceError::Status { status: 503, .. }) && error.may_pass(), "{error:?}");
}

/// Waits until the other side goes away.
fn until_closed(connection: &mut TcpStream) {
    let _ = connection.read(&mut [0; 1]);
}

#[test]
fn a_server_that_falls_silent_does_not_hold_the_reader() {
    let silent: Fault = |_, _, _, connection| {
        until_closed(connection);
        Ok(())
    };
    let error = read_image(silent, settings(), |file| file.whole().map(|_| ()).unwrap_err());
    assert!(matches!(error, SourceError::Stalled { .. }) && error.may_pass(), "{error:?}");
    let silent_later: Fault = |_, _, bytes, connection| {
        write!(connection, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len())?;
        connection.write_all(&bytes[..10])?;
        until_closed(connection);
        Ok(())
    };
    let error = read_image(silent_later, settings(), |file| read_all(file).unwrap_err());
    assert!(matches!(error, SourceError::Stalled { .. }), "{error:?}");
}

#[test]
fn a_download_that_is_cancelled_ends_at_once() {
    let silent: Fault = |_, _, _, connection| {
        until_closed(connection);
        Ok(())
    };
    let cancel = Cancel::new();
    let settings = SourceSettings { cancel: cancel.clone(), ..SourceSettings::default() };
    let started = Instant::now();
    let error = read_image(silent, settings, |file| {
        cancel.cancel();
        file.whole().map(|_| ()).unwrap_err()
    });
    assert!(matches!(error, SourceError::Cancelled), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn nobody_there_is_an_error_that_may_pass() {
    let sample = Sample::new();
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let location: Location = format!("http://{free}/").parse().unwrap();
    let source = ReleaseSource::open(&location, &settings()).unwrap();
    let error = source.refresh(&sample.anchor(), &sample.path("device"), now()).unwrap_err();
    assert!(matches!(error, SourceError::Connection { .. }) && error.may_pass(), "{error:?}");
}

//! Answers over a real connection.
#![expect(clippy::unwrap_used, reason = "what these tests prepare must work")]

use std::io::{Read, Write};
use std::net::TcpStream;

use file_server::{FileServer, ServeError};

struct Served {
    server: FileServer,
    directory: tempfile::TempDir,
}

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(have, _)| have == name).map_or("", |(_, value)| value.as_str())
    }
}

fn content() -> Vec<u8> {
    (0..300_000_u32).map(|index| index.to_le_bytes()[index as usize % 3]).collect()
}

fn served() -> Served {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("a")).unwrap();
    std::fs::write(directory.path().join("a/file.zst"), content()).unwrap();
    std::fs::write(directory.path().join("empty"), b"").unwrap();
    let server = FileServer::start(directory.path(), "127.0.0.1:0".parse().unwrap()).unwrap();
    Served { server, directory }
}

fn ask(served: &Served, method: &str, path: &str, headers: &str) -> Answer {
    let mut connection = TcpStream::connect(served.server.address()).unwrap();
    write!(connection, "{method} {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes).unwrap();
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_lowercase(), value.to_owned())).collect();
    Answer { status, headers, body: bytes[end + 4..].to_vec() }
}

#[test]
fn a_whole_file_has_its_length_and_a_tag() {
    let served = served();
    let answer = ask(&served, "GET", "/a/file.zst", "");
    assert_eq!(
        (answer.status, answer.header("content-length"), answer.header("accept-ranges")),
        (200, "300000", "bytes")
    );
    assert!(answer.body == content());
    let head = ask(&served, "HEAD", "/a/file.zst", "");
    assert_eq!((head.status, head.header("content-length"), head.body.len()), (200, "300000", 0));
    assert_eq!(head.header("etag"), answer.header("etag"));
    assert_eq!(ask(&served, "GET", "/empty", "").status, 200);
}

#[test]
fn a_part_is_that_part() {
    let served = served();
    for (range, first, last) in [("100-70000", 100, 70_000), ("299999-", 299_999, 299_999), ("-5", 299_995, 299_999)] {
        let answer = ask(&served, "GET", "/a/file.zst", &format!("Range: bytes={range}\r\n"));
        assert_eq!(answer.status, 206);
        assert_eq!(answer.header("content-range"), format!("bytes {first}-{last}/300000"));
        assert!(answer.body == content()[first..=last]);
    }
    let refused = ask(&served, "GET", "/a/file.zst", "Range: bytes=300000-\r\n");
    assert_eq!((refused.status, refused.header("content-range")), (416, "bytes */300000"));
}

#[test]
fn several_parts_come_in_one_answer() {
    let served = served();
    let answer = ask(&served, "GET", "/a/file.zst", "Range: bytes=0-3,100-101\r\n");
    assert_eq!(answer.status, 206);
    let boundary = answer.header("content-type").strip_prefix("multipart/byteranges; boundary=").unwrap();
    let part = |range: &str, bytes: &[u8]| {
        let heading = format!(
            "\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: bytes {range}/300000\r\n\r\n"
        );
        [heading.as_bytes(), bytes].concat()
    };
    let end = format!("\r\n--{boundary}--\r\n").into_bytes();
    let expected = [part("0-3", &content()[..4]), part("100-101", &content()[100..102]), end].concat();
    assert!(answer.body == expected);
    assert_eq!(answer.header("content-length"), expected.len().to_string());
}

#[test]
fn a_part_of_another_file_than_the_client_knows_is_the_whole_new_one() {
    let served = served();
    let tag = ask(&served, "HEAD", "/a/file.zst", "").header("etag").to_owned();
    let same = ask(&served, "GET", "/a/file.zst", &format!("Range: bytes=0-3\r\nIf-Range: {tag}\r\n"));
    assert_eq!(same.status, 206);
    std::fs::write(served.directory.path().join("new"), b"another").unwrap();
    std::fs::rename(served.directory.path().join("new"), served.directory.path().join("a/file.zst")).unwrap();
    let other = ask(&served, "GET", "/a/file.zst", &format!("Range: bytes=0-3\r\nIf-Range: {tag}\r\n"));
    assert_eq!((other.status, other.body.as_slice()), (200, b"another".as_slice()));
    let changed = ask(&served, "GET", "/a/file.zst", &format!("If-Match: {tag}\r\n"));
    assert_eq!(changed.status, 412);
    let new = ask(&served, "HEAD", "/a/file.zst", "").header("etag").to_owned();
    assert_eq!(ask(&served, "GET", "/a/file.zst", &format!("If-None-Match: {new}\r\n")).status, 304);
}

#[test]
fn nothing_else_is_served() {
    let served = served();
    for path in ["/", "/a", "/missing", "/../a/file.zst", "/%2e%2e/etc/passwd", "/a//../../x"] {
        assert_eq!(ask(&served, "GET", path, "").status, 404, "{path}");
    }
    let refused = ask(&served, "POST", "/a/file.zst", "Content-Length: 0\r\n");
    assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"));
}

#[test]
fn a_taken_address_and_a_missing_directory_are_told() {
    let served = served();
    let taken = FileServer::start(served.directory.path(), served.server.address());
    assert!(matches!(taken, Err(ServeError::Listen { .. })));
    let missing = FileServer::start(&served.directory.path().join("missing"), "127.0.0.1:0".parse().unwrap());
    assert!(matches!(missing, Err(ServeError::Directory { .. })));
}

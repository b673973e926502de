//! One small HTTP/1.1 GET (RFC 9112): enough to ask a device how it is, without an HTTP library.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

/// Largest response taken, head and body, in bytes.
const MAXIMUM_RESPONSE: u64 = 16 * 1024 * 1024;

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The content type, or nothing.
    pub content_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there was no response.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection failed, was closed or was too slow.
    #[error("no answer from http://127.0.0.1:{port}{path}")]
    NoAnswer {
        /// The host's port.
        port: u16,
        /// What was asked for.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// What came is not an HTTP/1.1 response.
    #[error("the answer is not HTTP/1.1: {0}")]
    NotHttp(&'static str),
}

/// Asks 127.0.0.1 for a path. Each step of the exchange may take `timeout`.
///
/// # Errors
/// When there is no answer in time or it is not HTTP.
pub fn get(port: u16, path: &str, timeout: Duration) -> Result<Response, HttpError> {
    let bytes =
        exchange(port, path, timeout).map_err(|source| HttpError::NoAnswer { port, path: path.to_owned(), source })?;
    parse_response(&bytes)
}

fn exchange(port: u16, path: &str, timeout: Duration) -> io::Result<Vec<u8>> {
    if !path.starts_with('/') || path.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path must begin with / and have no spaces"));
    }
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)), timeout)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut bytes = Vec::new();
    stream.take(MAXIMUM_RESPONSE).read_to_end(&mut bytes)?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes)
}

/// Reads a whole response, its connection having been closed.
///
/// # Errors
/// When it is not HTTP/1.1, shorter than it says, or in chunks, which this does not read.
pub fn parse_response(bytes: &[u8]) -> Result<Response, HttpError> {
    let head_end = find(bytes, b"\r\n\r\n").ok_or(HttpError::NotHttp("its head does not end"))?;
    let head = std::str::from_utf8(&bytes[..head_end]).map_err(|_| HttpError::NotHttp("its head is not text"))?;
    let body = &bytes[head_end + 4..];
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(status_code).ok_or(HttpError::NotHttp("it has no status line"))?;
    let mut response = Response { status, content_type: None, body: body.to_vec() };
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(HttpError::NotHttp("a header has no colon"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length: usize = value.parse().map_err(|_| HttpError::NotHttp("its length is not a number"))?;
            response.body = body.get(..length).ok_or(HttpError::NotHttp("it broke off"))?.to_vec();
        } else if name.eq_ignore_ascii_case("content-type") {
            response.content_type = Some(value.to_owned());
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(HttpError::NotHttp("it comes in chunks"));
        }
    }
    Ok(response)
}

fn status_code(line: &str) -> Option<u16> {
    let (version, rest) = line.split_once(' ')?;
    let code = rest.split(' ').next()?.parse().ok()?;
    (version.starts_with("HTTP/1.") && (100..600).contains(&code)).then_some(code)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::{HttpError, get, parse_response};
    use proptest::prelude::{any, proptest};
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn reads_status_type_and_body() {
        let response = parse_response(
            b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/problem+json\r\ncontent-length: 2\r\n\r\n{}xx",
        )
        .unwrap();
        assert_eq!((response.status, response.body.as_slice()), (503, b"{}".as_slice()));
        assert_eq!(response.content_type.as_deref(), Some("application/problem+json"));
    }

    #[test]
    fn refuses_what_broke_off() {
        for bytes in
            [&b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort"[..], b"HTTP/1.1 200 OK\r\n", b"SSH-2.0-x\r\n\r\n"]
        {
            assert!(matches!(parse_response(bytes), Err(HttpError::NotHttp(_))));
        }
    }

    #[test]
    fn asks_a_real_server() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let count = stream.read(&mut request).unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nhello").unwrap();
            String::from_utf8_lossy(&request[..count]).into_owned()
        });
        assert_eq!(get(port, "/api", Duration::from_secs(20)).unwrap().body, b"hello");
        assert!(server.join().unwrap().starts_with("GET /api HTTP/1.1\r\nHost: 127.0.0.1"));
    }

    #[test]
    fn a_path_cannot_smuggle_a_header() {
        assert!(matches!(get(1, "/a\r\nX: y", Duration::from_secs(1)), Err(HttpError::NoAnswer { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse_response(&bytes);
        }

        #[test]
        fn any_headers_are_read_or_refused(headers in "(content-length|Content-Type|x)?:? ?[0-9]{0,22}(\r\n)?") {
            let _ = parse_response(format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\nbody").as_bytes());
        }
    }
}

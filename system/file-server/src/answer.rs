//! Answers to requests (RFC 9110).

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use byte_range::{ByteRange, Requested, requested};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue,
    IF_MATCH, IF_NONE_MATCH, IF_RANGE, RANGE,
};
use hyper::{Method, Request, Response, StatusCode};

use crate::file::{Served, find};

/// Read and sent at a time.
const PIECE: u64 = 64 << 10;
/// Between the parts of an answer with several ranges. Our files are not known to hold it, and each part says its length.
const BOUNDARY: &str = "piccolo-byte-ranges";

/// The answer to a request for a file.
pub async fn answer(directory: &Path, request: &Request<Incoming>) -> Response<FileBody> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let Some(served) = find(directory, request.uri().path()) else {
        return text(StatusCode::NOT_FOUND, "no such file\n");
    };
    let mut response = of_file(served, request.headers(), request.uri().path());
    if request.method() == Method::HEAD {
        *response.body_mut() = FileBody::empty();
    }
    response
}

fn of_file(served: Served, headers: &HeaderMap, path: &str) -> Response<FileBody> {
    let Served { file, size, tag } = served;
    let header = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if header(IF_NONE_MATCH).is_some_and(|wanted| names(wanted, &tag)) {
        return with_tag(response(StatusCode::NOT_MODIFIED, FileBody::empty()), &tag);
    }
    if header(IF_MATCH).is_some_and(|wanted| !names(wanted, &tag)) {
        return with_tag(text(StatusCode::PRECONDITION_FAILED, "the file has changed\n"), &tag);
    }
    // A range of a file that has changed since would not fit what the client has.
    let range = header(RANGE).filter(|_| header(IF_RANGE).is_none_or(|wanted| wanted == tag));
    let file = Arc::new(file);
    let kind = if path.ends_with(".json") { "application/json" } else { "application/octet-stream" };
    let mut answer = match range.map_or(Requested::Whole, |range| requested(range, size)) {
        Requested::Whole => {
            let whole = (size > 0).then(|| Piece::File(ByteRange { first: 0, last: size - 1 }));
            typed(response(StatusCode::OK, FileBody::of(&file, whole.into_iter().collect())), kind)
        }
        Requested::Unsatisfiable => {
            let mut refused = text(StatusCode::RANGE_NOT_SATISFIABLE, "the file has no such bytes\n");
            put(refused.headers_mut(), CONTENT_RANGE, &format!("bytes */{size}"));
            refused
        }
        Requested::Parts(parts) => match parts[..] {
            [part] => {
                let mut one = response(StatusCode::PARTIAL_CONTENT, FileBody::of(&file, vec![Piece::File(part)]));
                put(one.headers_mut(), CONTENT_RANGE, &part.content_range(size));
                typed(one, kind)
            }
            _ => {
                let body = FileBody::of(&file, multipart(&parts, size, kind));
                typed(
                    response(StatusCode::PARTIAL_CONTENT, body),
                    &format!("multipart/byteranges; boundary={BOUNDARY}"),
                )
            }
        },
    };
    answer.headers_mut().insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    with_tag(answer, &tag)
}

fn multipart(parts: &[ByteRange], size: u64, kind: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for part in parts {
        let range = part.content_range(size);
        let heading = format!("\r\n--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n");
        pieces.extend([Piece::Text(Bytes::from(heading)), Piece::File(*part)]);
    }
    pieces.push(Piece::Text(Bytes::from(format!("\r\n--{BOUNDARY}--\r\n"))));
    pieces
}

/// Whether a list of entity tags has this one.
fn names(list: &str, tag: &str) -> bool {
    list.split(',').map(str::trim).any(|wanted| wanted == "*" || wanted == tag)
}

fn text(status: StatusCode, message: &'static str) -> Response<FileBody> {
    let body = FileBody { file: None, pieces: vec![Piece::Text(Bytes::from_static(message.as_bytes()))], at: 0 };
    typed(response(status, body), "text/plain")
}

fn response(status: StatusCode, body: FileBody) -> Response<FileBody> {
    let length = body.length();
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if status != StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    response
}

fn typed(mut response: Response<FileBody>, kind: &str) -> Response<FileBody> {
    put(response.headers_mut(), CONTENT_TYPE, kind);
    response
}

fn with_tag(mut response: Response<FileBody>, tag: &str) -> Response<FileBody> {
    put(response.headers_mut(), ETAG, tag);
    response
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// A body of pieces of one file and of text between them.
#[derive(Debug)]
pub struct FileBody {
    file: Option<Arc<File>>,
    pieces: Vec<Piece>,
    /// The piece that comes next.
    at: usize,
}

#[derive(Debug)]
enum Piece {
    Text(Bytes),
    File(ByteRange),
}

impl FileBody {
    fn empty() -> Self {
        Self { file: None, pieces: Vec::new(), at: 0 }
    }

    fn of(file: &Arc<File>, pieces: Vec<Piece>) -> Self {
        Self { file: Some(Arc::clone(file)), pieces, at: 0 }
    }

    fn length(&self) -> u64 {
        let of = |piece: &Piece| match piece {
            Piece::Text(text) => text.len() as u64,
            Piece::File(range) => range.length(),
        };
        self.pieces[self.at..].iter().map(of).sum()
    }

    fn next(&mut self) -> std::io::Result<Option<Bytes>> {
        let Some(piece) = self.pieces.get_mut(self.at) else { return Ok(None) };
        match piece {
            Piece::Text(text) => {
                self.at += 1;
                Ok(Some(text.clone()))
            }
            Piece::File(range) => {
                let length = range.length().min(PIECE);
                let mut buffer = vec![0; usize::try_from(length).unwrap_or_default()];
                if let Some(file) = &self.file {
                    file.read_exact_at(&mut buffer, range.first)?;
                }
                if range.length() == length {
                    self.at += 1;
                } else {
                    range.first += length;
                }
                Ok(Some(Bytes::from(buffer)))
            }
        }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        // Reading a page of a local file is quick; a server for more than development would not do it here.
        Poll::Ready(self.next().transpose().map(|piece| piece.map(Frame::data)))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length())
    }
}

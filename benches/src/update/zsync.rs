//! zsync against a web server of our own: a few lines that answer ranges

use super::peers::Outcome;
use crate::measured::{self, limited};
use anyhow::Context;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What zsync downloads, by the server's count of bodies.
///
/// # Errors
/// When zsync fails.
pub fn measure(old: &Path, new: &Path, work: &Path, limit: u64) -> anyhow::Result<Outcome> {
    let (control, log) = (work.join("new.zsync"), work.join("log"));
    let mut make = limited("zsyncmake", limit)?;
    make.args(["-u", "new", "-f", "new", "-o"]).arg(&control).arg(new);
    let usage = measured::run(&mut make, &log)?;
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let served = Arc::new(AtomicU64::new(0));
    let (image, count) = (new.to_owned(), Arc::clone(&served));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (image, control, count) = (image.clone(), control.clone(), Arc::clone(&count));
            std::thread::spawn(move || while answer(&stream, &image, &control, &count).is_ok_and(|more| more) {});
        }
    });
    let made = work.join("made");
    let mut zsync = limited("zsync", limit)?;
    zsync.arg("-i").arg(old).arg("-o").arg(&made).arg(format!("http://{address}/new.zsync"));
    // zsync takes an empty one for a proxy without a name.
    zsync.env_remove("http_proxy").env("no_proxy", "127.0.0.1").current_dir(work);
    measured::run(&mut zsync, &log)?;
    Ok(Outcome::Made { bytes: served.load(Ordering::Relaxed), usage })
}

/// Answers one request; false when there is none.
fn answer(stream: &TcpStream, image: &Path, control: &Path, served: &AtomicU64) -> anyhow::Result<bool> {
    let mut reader = BufReader::new(stream);
    let mut request = String::new();
    if reader.read_line(&mut request)? == 0 {
        return Ok(false);
    }
    let mut ranges = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("range")
        {
            let value = value.trim().strip_prefix("bytes=").context("a range of bytes")?;
            for range in value.split(',') {
                let (first, last) = range.trim().split_once('-').context("a closed range")?;
                ranges.push((first.parse::<u64>()?, last.parse::<u64>()?));
            }
        }
    }
    let path = if request.contains("new.zsync") { control } else { image };
    let length = fs::metadata(path)?.len();
    let mut file = File::open(path)?;
    let mut stream = stream;
    let mut body = Vec::new();
    let mut read = |first: u64, last: u64, body: &mut Vec<u8>| -> anyhow::Result<()> {
        file.seek(SeekFrom::Start(first))?;
        (&mut file).take(last + 1 - first).read_to_end(body)?;
        Ok(())
    };
    let head = match ranges.as_slice() {
        [] => {
            read(0, length - 1, &mut body)?;
            "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\n".to_owned()
        }
        [(first, last)] => {
            read(*first, *last, &mut body)?;
            format!("HTTP/1.1 206 Partial Content\r\nContent-Range: bytes {first}-{last}/{length}\r\n")
        }
        several => {
            for (first, last) in several {
                write!(body, "\r\n--part\r\nContent-Range: bytes {first}-{last}/{length}\r\n\r\n")?;
                read(*first, *last, &mut body)?;
            }
            write!(body, "\r\n--part--\r\n")?;
            "HTTP/1.1 206 Partial Content\r\nContent-Type: multipart/byteranges; boundary=part\r\n".to_owned()
        }
    };
    served.fetch_add(body.len() as u64, Ordering::Relaxed);
    write!(stream, "{head}Content-Length: {}\r\n\r\n", body.len())?;
    stream.write_all(&body)?;
    Ok(true)
}

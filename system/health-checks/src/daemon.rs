//! Whether the device's daemon answers.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use health_check::verdict::{Finding, Need, Outcome};

use crate::Deadline;

/// Most bytes of an answer that are read.
const MAXIMUM_ANSWER: u64 = 64 << 10;

/// Asks a path of the daemon until it answers with 200, or time is over.
#[must_use]
pub fn answers(address: SocketAddr, path: &str, deadline: Deadline) -> Finding {
    let finding = |outcome| Finding { name: "piccolod".to_owned(), need: Need::Required, outcome };
    loop {
        match ask(address, path) {
            Ok(answer) if answer.starts_with("HTTP/1.1 200 ") => return finding(Outcome::Passed),
            Ok(answer) if deadline.is_over() => {
                let status = answer.lines().next().unwrap_or_default().to_owned();
                return finding(Outcome::Failed { how: format!("answers {path} with {status:?}"), output: answer });
            }
            Err(error) if deadline.is_over() => {
                let how = format!("does not answer at {address} in time: {error}");
                return finding(Outcome::Failed { how, output: String::new() });
            }
            _ => thread::sleep(Duration::from_millis(500).min(deadline.left())),
        }
    }
}

fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&address, patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.set_write_timeout(Some(patience))?;
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\nconnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(MAXIMUM_ANSWER).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

//! The QEMU Machine Protocol: commands to a running machine (QEMU `docs/interop/qmp-spec.rst`).

use crate::unix_socket;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// The socket's name in the machine's directory.
pub const SOCKET: &str = "qmp.sock";
/// Longest message taken, in bytes.
const MAXIMUM_MESSAGE: u64 = 1024 * 1024;
/// How long QEMU may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How often a power button is pressed: before the guest listens for it, pressing it does nothing.
pub const POWER_BUTTON_INTERVAL: Duration = Duration::from_secs(10);
/// Most events passed over while waiting for one answer.
const MAXIMUM_EVENTS: usize = 10_000;

/// A conversation with one machine. QEMU talks to one at a time, so keep it short.
#[derive(Debug)]
pub struct Qmp {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

/// Why a machine did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum QmpError {
    /// The socket could not be used: usually the machine has ended.
    #[error("the machine's control socket in {directory} does not answer; the machine has probably ended")]
    Socket {
        /// The machine's directory.
        directory: String,
        /// Why.
        source: io::Error,
    },
    /// The conversation broke off.
    #[error("the machine's control socket broke off during {command:?}")]
    Conversation {
        /// What was asked.
        command: String,
        /// Why.
        source: io::Error,
    },
    /// QEMU said no.
    #[error("QEMU refused {command:?}: {description}")]
    Refused {
        /// What was asked.
        command: String,
        /// What QEMU said.
        description: String,
    },
}

/// One message from QEMU that matters to someone waiting for an answer.
#[derive(Debug, PartialEq)]
pub enum Message {
    /// The answer.
    Return(Value),
    /// The refusal.
    Error(String),
    /// A greeting or an event.
    Other,
}

impl Qmp {
    /// Connects to the machine in `directory` and takes part in the protocol's greeting.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn connect(directory: &Path) -> Result<Self, QmpError> {
        let socket_error = |source| QmpError::Socket { directory: directory.display().to_string(), source };
        let writer = unix_socket::connect(directory, SOCKET).map_err(socket_error)?;
        writer.set_read_timeout(Some(ANSWER_TIMEOUT)).map_err(socket_error)?;
        writer.set_write_timeout(Some(ANSWER_TIMEOUT)).map_err(socket_error)?;
        let reader = BufReader::new(writer.try_clone().map_err(socket_error)?);
        let mut qmp = Self { reader, writer };
        qmp.execute("qmp_capabilities", json!({}))?;
        Ok(qmp)
    }

    /// Runs a command and gives what it returns.
    ///
    /// # Errors
    /// When QEMU refuses or does not answer in time.
    pub fn execute(&mut self, command: &str, arguments: Value) -> Result<Value, QmpError> {
        let broken = |source| QmpError::Conversation { command: command.to_owned(), source };
        let mut request = json!({ "execute": command });
        if arguments.as_object().is_some_and(|arguments| !arguments.is_empty()) {
            request["arguments"] = arguments;
        }
        self.writer.write_all(format!("{request}\n").as_bytes()).map_err(broken)?;
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        for _ in 0..MAXIMUM_EVENTS {
            match parse_message(&self.read_line().map_err(broken)?).map_err(broken)? {
                Message::Return(value) => return Ok(value),
                Message::Error(description) => {
                    return Err(QmpError::Refused { command: command.to_owned(), description });
                }
                Message::Other if Instant::now() > deadline => break,
                Message::Other => {}
            }
        }
        Err(broken(io::Error::new(io::ErrorKind::TimedOut, "events, but no answer")))
    }

    fn read_line(&mut self) -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        (&mut self.reader).take(MAXIMUM_MESSAGE).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            let kind = if line.is_empty() { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
            return Err(io::Error::new(kind, "the message does not end"));
        }
        Ok(line)
    }
}

/// Reads one message.
///
/// # Errors
/// When it is not a JSON object.
pub fn parse_message(line: &[u8]) -> io::Result<Message> {
    let mut message: Value = serde_json::from_slice(line)?;
    let Some(message) = message.as_object_mut() else {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the message is not an object"));
    };
    if let Some(value) = message.remove("return") {
        return Ok(Message::Return(value));
    }
    Ok(match message.get("error") {
        Some(error) => Message::Error(error["desc"].as_str().unwrap_or("it gave no reason").to_owned()),
        None => Message::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::{Message, parse_message};
    use proptest::prelude::{any, proptest};
    use serde_json::json;

    #[test]
    fn tells_answers_refusals_and_events_apart() {
        let greeting =
            br#"{"QMP": {"version": {"qemu": {"micro": 2, "minor": 0, "major": 10}}, "capabilities": ["oob"]}}"#;
        assert_eq!(parse_message(greeting).unwrap(), Message::Other);
        let status = br#"{"return": {"status": "running", "running": true}}"#;
        assert_eq!(parse_message(status).unwrap(), Message::Return(json!({"status": "running", "running": true})));
        let refusal = br#"{"error": {"class": "CommandNotFound", "desc": "The command x has not been found"}}"#;
        assert_eq!(parse_message(refusal).unwrap(), Message::Error("The command x has not been found".into()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse_message(&bytes);
        }
    }
}

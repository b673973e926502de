//! Running commands in the guest through the QEMU guest agent (QEMU `docs/interop/qemu-ga.rst`, `qga/qapi-schema.json`).

use crate::base64;
use serde_json::{Value, json};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

/// Longest answer taken, in bytes: the agent captures up to 16 MiB of each stream.
const MAXIMUM_ANSWER: u64 = 64 * 1024 * 1024;
/// How long one answer may take; an emulated guest is slow.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the first answer may take before the agent is taken to be absent (still booting, for instance).
const SYNC_TIMEOUT: Duration = Duration::from_secs(2);
/// How often a running command is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

/// What a command in the guest did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandOutput {
    /// Its exit code; 128 plus the signal's number when a signal ended it, as in a shell.
    pub status: i64,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

/// A conversation with the agent.
#[derive(Debug)]
pub struct GuestAgent {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
}

impl GuestAgent {
    /// Begins a conversation. `number` should differ from that of earlier conversations, whose answers may still arrive.
    ///
    /// # Errors
    /// When the agent does not answer: it is not running, or not yet.
    pub fn new(writer: UnixStream, number: u32) -> io::Result<Self> {
        writer.set_read_timeout(Some(SYNC_TIMEOUT))?;
        writer.set_write_timeout(Some(SYNC_TIMEOUT))?;
        let mut agent = Self { reader: BufReader::new(writer.try_clone()?), writer };
        // A byte that cannot be in UTF-8 makes the agent forget half a command left over from before.
        agent.writer.write_all(&[0xff])?;
        agent.send("guest-sync", json!({ "id": number }))?;
        let deadline = Instant::now() + SYNC_TIMEOUT;
        while is_earlier(agent.receive(), number)? {
            if Instant::now() > deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        agent.writer.set_read_timeout(Some(ANSWER_TIMEOUT))?;
        Ok(agent)
    }

    /// Runs a command of the shell and waits for its end.
    ///
    /// # Errors
    /// When the agent refuses or stops answering, or the command takes longer than `timeout`.
    pub fn run(&mut self, command: &str, timeout: Duration) -> io::Result<CommandOutput> {
        let process = self.start(command)?;
        let deadline = Instant::now() + timeout;
        loop {
            let status = self.execute("guest-exec-status", json!({ "pid": process }))?;
            if status["exited"].as_bool() == Some(true) {
                return command_output(&status);
            }
            if Instant::now() > deadline {
                let message = format!("`{command}` still runs after {} s", timeout.as_secs());
                return Err(io::Error::new(io::ErrorKind::TimedOut, message));
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Starts a command of the shell, and gives the agent's number for it.
    ///
    /// # Errors
    /// When the agent refuses or stops answering.
    pub fn start(&mut self, command: &str) -> io::Result<i64> {
        let arguments = json!({ "path": "/bin/sh", "arg": ["-c", command], "capture-output": true });
        let answer = self.execute("guest-exec", arguments)?;
        answer["pid"].as_i64().ok_or_else(|| invalid("guest-exec gave no process"))
    }

    fn execute(&mut self, command: &str, arguments: Value) -> io::Result<Value> {
        self.send(command, arguments)?;
        match self.receive()? {
            Answer::Return(value) => Ok(value),
            Answer::Error(description) => {
                Err(io::Error::other(format!("the guest agent refused {command}: {description}")))
            }
        }
    }

    fn send(&mut self, command: &str, arguments: Value) -> io::Result<()> {
        self.writer.write_all(format!("{}\n", json!({ "execute": command, "arguments": arguments })).as_bytes())
    }

    fn receive(&mut self) -> io::Result<Answer> {
        let mut line = Vec::new();
        (&mut self.reader).take(MAXIMUM_ANSWER).read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        parse_answer(&line)
    }
}

#[derive(Debug, PartialEq)]
enum Answer {
    Return(Value),
    Error(String),
}

/// Whether this is not yet the answer to our greeting: a late answer, or a complaint about the flushing byte.
fn is_earlier(answer: io::Result<Answer>, number: u32) -> io::Result<bool> {
    match answer {
        Ok(Answer::Return(value)) => Ok(value.as_u64() != Some(u64::from(number))),
        Ok(Answer::Error(_)) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(true),
        Err(error) => Err(error),
    }
}

fn parse_answer(line: &[u8]) -> io::Result<Answer> {
    let start = line.iter().position(|byte| *byte == b'{').unwrap_or(0);
    let answer: Value = serde_json::from_slice(&line[start..])?;
    match (answer.get("return"), answer.get("error")) {
        (Some(value), _) => Ok(Answer::Return(value.clone())),
        (None, Some(error)) => Ok(Answer::Error(error["desc"].as_str().unwrap_or_default().to_owned())),
        (None, None) => Err(invalid("neither an answer nor an error")),
    }
}

fn command_output(status: &Value) -> io::Result<CommandOutput> {
    let stream = |name: &str, truncated: &str| -> io::Result<String> {
        if status[truncated].as_bool() == Some(true) {
            return Err(invalid("the command printed more than the guest agent keeps"));
        }
        let text = status[name].as_str().unwrap_or_default();
        let bytes = base64::decode(text).ok_or_else(|| invalid("the output is not base 64"))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let code = status["exitcode"].as_i64().or_else(|| status["signal"].as_i64().map(|signal| 128 + signal));
    Ok(CommandOutput {
        status: code.ok_or_else(|| invalid("the command has ended without a status"))?,
        stdout: stream("out-data", "out-truncated")?,
        stderr: stream("err-data", "err-truncated")?,
    })
}

fn invalid(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::{Answer, CommandOutput, command_output, parse_answer};
    use serde_json::json;

    #[test]
    fn recorded_answers_are_read() {
        assert_eq!(parse_answer(b"{\"return\": {\"pid\": 512}}\n").unwrap(), Answer::Return(json!({ "pid": 512 })));
        let refusal = br#"{"error": {"class": "GenericError", "desc": "Failed to execute child process"}}"#;
        assert_eq!(parse_answer(refusal).unwrap(), Answer::Error("Failed to execute child process".into()));
        let status = json!({ "exitcode": 3, "out-data": "aGVsbG8K", "exited": true });
        let expected = CommandOutput { status: 3, stdout: "hello\n".into(), stderr: String::new() };
        assert_eq!(command_output(&status).unwrap(), expected);
        assert_eq!(command_output(&json!({ "signal": 9, "exited": true })).unwrap().status, 137);
    }
}

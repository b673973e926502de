//! Asks a device through its API. At present over a socket of the device itself, which only root may use.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use reqwest::{Client, Method};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use tokio::runtime::Runtime;

/// Largest answer that is read, in bytes.
const MAXIMUM_ANSWER: usize = 4 << 20;
/// How long a device may take to answer. Long work goes on after the answer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// A device that can be asked.
#[derive(Debug)]
pub struct DeviceClient {
    client: Client,
    runtime: Runtime,
    socket: PathBuf,
}

/// Why a device refuses: what people need of its problem document (RFC 9457).
#[derive(Debug, Deserialize)]
pub struct ProblemDetails {
    /// The kind of problem.
    pub title: String,
    /// What happened this time and what to do.
    pub detail: String,
}

/// The device did not do what was asked.
#[derive(Debug, Error)]
pub enum DeviceClientError {
    /// Something on this side.
    #[error("no connection to a device can be made from here")]
    Local(#[from] io::Error),
    /// The device did not answer.
    #[error("no answer from {}: {problem}; run this as root on the device, where piccolo-updater.service must run", socket.display())]
    Connection {
        /// The socket.
        socket: PathBuf,
        /// What went wrong.
        problem: String,
    },
    /// The device refused.
    #[error("{} ({})", .0.detail, .0.title)]
    Refused(ProblemDetails),
    /// The device answered something else than its API says.
    #[error("the device answered with status {status} and something that is no document of its API: {problem}")]
    Answer {
        /// The status.
        status: u16,
        /// What is wrong.
        problem: String,
    },
}

impl DeviceClient {
    /// A device by its socket.
    ///
    /// # Errors
    /// When this program cannot make connections at all.
    pub fn at_socket(socket: &Path) -> Result<Self, DeviceClientError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let client = Client::builder().unix_socket(socket).timeout(TIMEOUT).no_proxy().build();
        let client = client.map_err(|error| DeviceClientError::Local(io::Error::other(error)))?;
        Ok(Self { client, runtime, socket: socket.to_owned() })
    }

    /// Reads a document.
    ///
    /// # Errors
    /// When the device does not answer or refuses.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, DeviceClientError> {
        self.ask::<(), T>(Method::GET, path, None)
    }

    /// Asks for something.
    ///
    /// # Errors
    /// When the device does not answer or refuses.
    pub fn post<B: Serialize, T: DeserializeOwned>(&self, path: &str, body: &B) -> Result<T, DeviceClientError> {
        self.ask(Method::POST, path, Some(body))
    }

    fn ask<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<T, DeviceClientError> {
        let failed = |error: reqwest::Error| DeviceClientError::Connection {
            socket: self.socket.clone(),
            problem: chain(&error),
        };
        let answer = self.runtime.block_on(async {
            let mut request = self.client.request(method, format!("http://device{path}"));
            if let Some(body) = body {
                let text = serde_json::to_vec(body).unwrap_or_default();
                request = request.header("content-type", "application/json").body(text);
            }
            let mut response = request.send().await.map_err(failed)?;
            let status = response.status();
            let mut bytes = Vec::new();
            while let Some(piece) = response.chunk().await.map_err(failed)? {
                if bytes.len() + piece.len() > MAXIMUM_ANSWER {
                    let problem = format!("it is longer than {MAXIMUM_ANSWER} bytes");
                    return Err(DeviceClientError::Answer { status: status.as_u16(), problem });
                }
                bytes.extend_from_slice(&piece);
            }
            Ok((status, bytes))
        });
        let (status, bytes) = answer?;
        let malformed = |error: serde_json::Error| DeviceClientError::Answer {
            status: status.as_u16(),
            problem: error.to_string(),
        };
        if status.is_success() {
            return serde_json::from_slice(&bytes).map_err(malformed);
        }
        Err(DeviceClientError::Refused(serde_json::from_slice(&bytes).map_err(malformed)?))
    }
}

/// The last cause says what happened: the others say that something did.
fn chain(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

//! Sends requests of the FleetLock protocol to a lock manager. What they say and what answers mean is [`update_schedule::fleet_lock`]'s.
//!
//! Bounded in time and size: whatever the other side does, a request ends. Nothing is tried twice; when to ask again is for the caller to decide.

use std::time::Duration;

use reqwest::header::{ACCEPT_ENCODING, CONTENT_TYPE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Response};
use thiserror::Error;
use tokio::runtime::Runtime;
use update_schedule::fleet_lock::{HEADER, LockAddress, MAXIMUM_BODY, Operation, Outcome, Request};

/// How a lock manager is asked.
#[derive(Debug, Clone)]
pub struct LockClientSettings {
    /// How long a connection may take to come about.
    pub connect_timeout: Duration,
    /// How long a request may take in all, to the last byte of its answer.
    pub timeout: Duration,
    /// Certificates of authorities, in PEM, that are believed besides the system's.
    pub certificates: Vec<Vec<u8>>,
    /// What the lock manager is told of who asks.
    pub user_agent: String,
}

impl Default for LockClientSettings {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(10),
            timeout: Duration::from_secs(30),
            certificates: Vec::new(),
            user_agent: "piccolo".to_owned(),
        }
    }
}

/// A lock manager that can be asked.
#[derive(Debug)]
pub struct LockClient {
    address: LockAddress,
    client: Client,
    runtime: Runtime,
    timeout: Duration,
}

/// There was no answer. The request may have been heard all the same.
#[derive(Debug, Error)]
pub enum LockClientError {
    /// Something on this side.
    #[error("this device cannot ask the lock manager: {0}")]
    Local(String),
    /// No connection, or one that ended too early.
    #[error("no answer from the lock manager at {url}: {problem}")]
    Connection {
        /// What was asked.
        url: String,
        /// What went wrong, from the connection.
        problem: String,
    },
    /// The answer did not come, or did not end, in time.
    #[error("the lock manager at {url} did not answer within {} s", after.as_secs_f64())]
    Timeout {
        /// What was asked.
        url: String,
        /// How long was waited.
        after: Duration,
    },
}

impl LockClient {
    /// For the lock manager at this address.
    ///
    /// # Errors
    /// When this program cannot make connections at all, or a certificate is unusable.
    pub fn new(address: &LockAddress, settings: &LockClientSettings) -> Result<Self, LockClientError> {
        let local = |error: &dyn std::error::Error| LockClientError::Local(error.to_string());
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| local(&error))?;
        let client = match client(settings, Authorities::System) {
            // A device without certificates of authorities can still ask a lock manager that needs none.
            Err(_) if address.as_str().starts_with("http://") => client(settings, Authorities::Settings),
            other => other,
        };
        let client = client.map_err(|error| LockClientError::Local(innermost(&error)))?;
        Ok(Self { address: address.clone(), client, runtime, timeout: settings.timeout })
    }

    /// Asks, and gives the answer. Blocks the calling thread, up to the timeout of the settings.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask(&self, operation: Operation, request: &Request) -> Result<Outcome, LockClientError> {
        let url = operation.address(&self.address);
        let exchange = async {
            let answer = self.exchange(&url, request.to_json()).await;
            answer.map_err(|error| LockClientError::Connection { url: url.clone(), problem: innermost(&error) })
        };
        let timed = async { tokio::time::timeout(self.timeout, exchange).await };
        let late = |_elapsed| LockClientError::Timeout { url: url.clone(), after: self.timeout };
        self.runtime.block_on(timed).map_err(late)?
    }

    async fn exchange(&self, url: &str, body: String) -> reqwest::Result<Outcome> {
        let request = self.client.post(url).header(HEADER.0, HEADER.1).header(CONTENT_TYPE, "application/json");
        let mut answer = request.header(ACCEPT_ENCODING, "identity").body(body).send().await?;
        let status = answer.status().as_u16();
        // Yes is said by the status alone: a place that was reserved is reserved, whatever happens to the rest of the answer.
        let body = if status == 200 { Vec::new() } else { start_of_body(&mut answer).await };
        Ok(Outcome::of(status, &body))
    }
}

/// What came of the body, as far as it is read. A refusal is one also where the reason is cut off.
async fn start_of_body(answer: &mut Response) -> Vec<u8> {
    let mut body = Vec::new();
    while let Ok(Some(piece)) = answer.chunk().await {
        let room = MAXIMUM_BODY.saturating_sub(body.len());
        body.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if body.len() == MAXIMUM_BODY {
            break;
        }
    }
    body
}

/// Whose certificates are believed.
#[derive(Debug, Clone, Copy)]
enum Authorities {
    /// The system's, and those of the settings.
    System,
    /// Those of the settings.
    Settings,
}

fn client(settings: &LockClientSettings, authorities: Authorities) -> reqwest::Result<Client> {
    let builder = Client::builder()
        .user_agent(settings.user_agent.clone())
        .connect_timeout(settings.connect_timeout)
        // The header of the protocol says that a request is meant for who gets it: it is not passed on.
        .redirect(Policy::none())
        .pool_max_idle_per_host(0)
        .referer(false)
        .no_proxy();
    let certificates = settings.certificates.iter().map(|pem| Certificate::from_pem(pem));
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>()?;
    let builder = match authorities {
        Authorities::System => builder.tls_certs_merge(certificates),
        Authorities::Settings => builder.tls_certs_only(certificates),
    };
    builder.build()
}

/// What lies at the bottom says what happened; what lies above repeats the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

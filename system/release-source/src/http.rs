//! HTTP: bounded in redirects and time, and without a way to hang.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use byte_range::{ByteRange, ContentRange};
use bytes::Bytes;
use host::cancel::Cancel;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_RANGE, ETAG, HeaderName, IF_RANGE, RANGE};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, Proxy, Response, StatusCode, Url};
use tokio::runtime::Runtime;

use crate::error::SourceError;
use crate::repository::SourceSettings;
use crate::transfer::Opened;

/// Most redirects that are followed for one file.
const MAXIMUM_REDIRECTS: usize = 5;
/// How often a wait looks whether it was cancelled.
const CANCEL_INTERVAL: Duration = Duration::from_millis(100);
/// Less than this within the stall timeout counts as nothing: a server must not hold a device with a byte a minute.
const LEAST_BYTES: u64 = 1024;

/// A client for one repository.
#[derive(Debug, Clone)]
pub struct HttpClient {
    base: Url,
    client: Client,
    runtime: Arc<Runtime>,
    stall: Duration,
    cancel: Cancel,
}

/// An answer that is being read.
#[derive(Debug)]
pub struct HttpTransfer {
    client: HttpClient,
    response: Response,
    url: String,
    /// Came and was not yet taken.
    waiting: Bytes,
    window: Instant,
    in_window: u64,
}

impl HttpClient {
    pub fn new(base: &Url, settings: &SourceSettings) -> Result<Self, SourceError> {
        let client = match client(settings, Authorities::System) {
            // A device without certificates of authorities can still read from a server that needs none.
            Err(_) if base.scheme() == "http" => client(settings, Authorities::Settings),
            other => other,
        }?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| SourceError::Settings { what: "this system", problem: error.to_string() })?;
        Ok(Self {
            base: base.clone(),
            client,
            runtime: Arc::new(runtime),
            stall: settings.stall_timeout,
            cancel: settings.cancel.clone(),
        })
    }

    /// The URL of a file. Names of roles are encoded already (section 3.1 of the specification).
    pub fn url(&self, name: &str) -> Url {
        self.base.join(name).unwrap_or_else(|_| self.base.clone())
    }

    /// Asks for a file, or a range of it.
    pub fn get(
        &self,
        name: &str,
        range: Option<ByteRange>,
        tag: Option<&str>,
    ) -> Result<Option<(HttpTransfer, Opened)>, SourceError> {
        let url = self.url(name);
        let shown = url.to_string();
        // A server that compressed on the way would change sizes and ranges.
        let mut request = self.client.get(url).header(ACCEPT_ENCODING, "identity");
        if let Some(range) = range {
            request = request.header(RANGE, range.request_header());
            // A weak tag does not promise equal bytes.
            if let Some(tag) = tag.filter(|tag| !tag.starts_with("W/")) {
                request = request.header(IF_RANGE, tag);
            }
        }
        let response = self.wait(&shown, request.send())??;
        match response.status() {
            // An object store whose listing is private says "forbidden" of what is not there.
            StatusCode::NOT_FOUND | StatusCode::GONE | StatusCode::FORBIDDEN => return Ok(None),
            StatusCode::OK if range.is_some() && tag.is_some() && header(&response, ETAG).as_deref() != tag => {
                return Err(SourceError::Changed { url: shown });
            }
            StatusCode::OK if range.is_some_and(|range| range.first > 0) => {
                return Err(SourceError::NoRanges { url: shown });
            }
            StatusCode::OK => {}
            StatusCode::PARTIAL_CONTENT => check_range(&response, range, &shown)?,
            status => return Err(SourceError::Status { url: shown, status: status.as_u16() }),
        }
        let opened = Opened { size: size(&response), tag: header(&response, ETAG) };
        let transfer = HttpTransfer {
            client: self.clone(),
            response,
            url: shown,
            waiting: Bytes::new(),
            window: Instant::now(),
            in_window: 0,
        };
        Ok(Some((transfer, opened)))
    }

    /// Waits for the network, but no longer than it may stall, and not when the caller wants to stop.
    fn wait<T>(
        &self,
        url: &str,
        work: impl Future<Output = Result<T, reqwest::Error>>,
    ) -> Result<Result<T, SourceError>, SourceError> {
        let (stall, cancel) = (self.stall, self.cancel.clone());
        self.runtime.block_on(async move {
            let cancelled = async {
                while !cancel.is_cancelled() {
                    tokio::time::sleep(CANCEL_INTERVAL).await;
                }
            };
            tokio::select! {
                done = work => Ok(done.map_err(|error| failed(url, &error, stall))),
                () = tokio::time::sleep(stall) => Err(SourceError::Stalled { url: url.to_owned(), after: stall }),
                () = cancelled => Err(SourceError::Cancelled),
            }
        })
    }
}

/// Whose certificates are believed.
#[derive(Debug, Clone, Copy)]
enum Authorities {
    /// The system's, and those of the settings.
    System,
    /// Those of the settings.
    Settings,
}

fn client(settings: &SourceSettings, authorities: Authorities) -> Result<Client, SourceError> {
    let refuse = |what| move |error: reqwest::Error| SourceError::Settings { what, problem: innermost(&error) };
    let mut builder = Client::builder()
        .user_agent(settings.user_agent.clone())
        .connect_timeout(settings.connect_timeout)
        .redirect(Policy::custom(|attempt| {
            let from_https = attempt.previous().first().is_some_and(|first| first.scheme() == "https");
            if attempt.previous().len() > MAXIMUM_REDIRECTS {
                attempt.error(format!("it redirects more than {MAXIMUM_REDIRECTS} times"))
            } else if from_https && attempt.url().scheme() != "https" {
                attempt.error("it redirects from https to http")
            } else {
                attempt.follow()
            }
        }))
        .referer(false)
        // What the environment says is for programs to read and to pass on.
        .no_proxy();
    if let Some(proxy) = &settings.proxy {
        builder = builder.proxy(Proxy::all(proxy).map_err(refuse("the proxy"))?);
    }
    let certificates = settings.certificates.iter().map(|pem| Certificate::from_pem(pem));
    let certificates: Vec<_> = certificates.collect::<Result<_, _>>().map_err(refuse("a certificate"))?;
    builder = match authorities {
        Authorities::System => builder.tls_certs_merge(certificates),
        Authorities::Settings => builder.tls_certs_only(certificates),
    };
    builder.build().map_err(refuse("TLS"))
}

impl HttpTransfer {
    /// Reads some bytes; 0 at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, SourceError> {
        while self.waiting.is_empty() {
            match self.client.wait(&self.url, self.response.chunk())?? {
                None => return Ok(0),
                Some(piece) => {
                    self.in_window += piece.len() as u64;
                    self.waiting = piece;
                    self.check_pace()?;
                }
            }
        }
        let count = buffer.len().min(self.waiting.len());
        buffer[..count].copy_from_slice(&self.waiting.split_to(count));
        Ok(count)
    }

    fn check_pace(&mut self) -> Result<(), SourceError> {
        let after = self.client.stall;
        if self.window.elapsed() < after {
            return Ok(());
        }
        let moved = std::mem::take(&mut self.in_window);
        self.window = Instant::now();
        let enough = moved >= LEAST_BYTES;
        enough.then_some(()).ok_or_else(|| SourceError::Stalled { url: self.url.clone(), after })
    }
}

/// A server that sends another part than it was asked for must not be taken for one that sends the right one.
fn check_range(response: &Response, wanted: Option<ByteRange>, url: &str) -> Result<(), SourceError> {
    let said = header(response, CONTENT_RANGE).and_then(|text| text.parse::<ContentRange>().ok());
    let same =
        matches!((said, wanted), (Some(ContentRange::Part(said, _)), Some(wanted)) if said.first == wanted.first);
    same.then_some(()).ok_or_else(|| SourceError::Connection {
        url: url.to_owned(),
        problem: "the server sent another part of the file than it was asked for".to_owned(),
    })
}

/// The size of the whole file, where the answer says it.
fn size(response: &Response) -> Option<u64> {
    match header(response, CONTENT_RANGE).and_then(|text| text.parse().ok()) {
        Some(ContentRange::Part(_, size)) => size,
        Some(ContentRange::Unsatisfied(size)) => Some(size),
        None => response.content_length(),
    }
}

fn header(response: &Response, name: HeaderName) -> Option<String> {
    response.headers().get(name)?.to_str().ok().map(str::to_owned)
}

fn failed(url: &str, error: &reqwest::Error, stall: Duration) -> SourceError {
    if error.is_timeout() && !error.is_connect() {
        return SourceError::Stalled { url: url.to_owned(), after: stall };
    }
    SourceError::Connection { url: url.to_owned(), problem: innermost(error) }
}

/// What lies at the bottom says what happened; what lies above repeats the URL.
fn innermost(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

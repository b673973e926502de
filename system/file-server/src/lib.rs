//! A static HTTP server for a directory: `GET` and `HEAD`, entity tags, one or several byte ranges. For development and tests; what it
//! serves is public to everybody who reaches it.

mod answer;
mod file;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::sync::{Semaphore, watch};

/// Most connections at a time; more wait.
const MAXIMUM_CONNECTIONS: usize = 256;
/// How long a client may take to send the headers of a request.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The server could not be started.
#[derive(Debug, Error)]
pub enum ServeError {
    /// There is no such directory.
    #[error("{} cannot be served: it is no directory that can be read", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The address is taken, or not this machine's.
    #[error("{address} cannot be listened on; choose another address or port")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// No thread or no event loop.
    #[error("the server could not be started")]
    Start(#[source] io::Error),
}

/// A server that runs in a thread of its own until it is dropped.
#[derive(Debug)]
pub struct FileServer {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

impl FileServer {
    /// Serves what is in a directory. Port 0 chooses a free one.
    ///
    /// # Errors
    /// When the directory cannot be read or the address not be listened on.
    pub fn start(directory: &Path, address: SocketAddr) -> Result<Self, ServeError> {
        let fault = |source| ServeError::Directory { path: directory.to_owned(), source };
        let directory = directory.canonicalize().map_err(fault)?;
        std::fs::read_dir(&directory).map_err(fault)?;
        let listener = TcpListener::bind(address).map_err(|source| ServeError::Listen { address, source })?;
        listener.set_nonblocking(true).map_err(ServeError::Start)?;
        let address = listener.local_addr().map_err(ServeError::Start)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ServeError::Start)?;
        let (stop, stopped) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("file-server".to_owned())
            .spawn(move || runtime.block_on(serve(listener, Arc::from(directory), stopped)))
            .map_err(ServeError::Start)?;
        Ok(Self { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a file or directory in it.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }
}

impl Drop for FileServer {
    fn drop(&mut self) {
        let _ = self.stop.send(true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, directory: Arc<Path>, mut stopped: watch::Receiver<bool>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    let places = Arc::new(Semaphore::new(MAXIMUM_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.changed() => return,
        };
        let Ok((connection, _)) = accepted else { continue };
        let directory = Arc::clone(&directory);
        tokio::spawn(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let directory = Arc::clone(&directory);
                async move { Ok::<_, std::convert::Infallible>(answer::answer(&directory, &request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADER_TIMEOUT)
                .serve_connection(TokioIo::new(connection), service);
            // A client that goes away is its own affair.
            let _ = connection.await;
            drop(place);
        });
    }
}

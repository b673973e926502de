//! The socket on which root asks and reads.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc::Sender;
use std::thread;

use anyhow::Context;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use device_api::problem::{MEDIA_TYPE, ProblemKind};
use device_api::updates::{UpdateHistory, UpdateRequest, Updates};
use device_api::{UPDATE_ACTIONS_PATH, UPDATE_HISTORY_PATH, UPDATES_PATH};
use disk_layout::boot_entry::EntryState;
use release_metadata::version::Version;
use tokio::net::UnixListener;
use tokio::sync::oneshot;
use update_engine::event::Request;
use update_slots::boot_entries::BootEntries;

use crate::engine::{Board, Message};
use crate::paths::Paths;

/// Longest request, in bytes.
const MAXIMUM_REQUEST: usize = 16 << 10;

/// What handlers can reach.
#[derive(Clone)]
struct Room {
    board: Board,
    mailbox: Sender<Message>,
    paths: Paths,
}

/// Answers on the socket, from a thread of its own.
///
/// # Errors
/// When the socket cannot be made.
pub fn start(paths: &Paths, board: Board, mailbox: Sender<Message>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let listener = {
        let _inside = runtime.enter();
        bind(paths)?
    };
    let room = Room { board, mailbox, paths: paths.clone() };
    let router = Router::new()
        .route(UPDATES_PATH, get(updates))
        .route(UPDATE_HISTORY_PATH, get(history))
        .route(UPDATE_ACTIONS_PATH, post(act))
        .fallback(async || refuse(ProblemKind::NotFound, format!("This socket answers at {UPDATES_PATH}.")))
        .layer(axum::extract::DefaultBodyLimit::max(MAXIMUM_REQUEST))
        .with_state(room);
    let serve = move || runtime.block_on(async { axum::serve(listener, router).await });
    thread::Builder::new().name("control".to_owned()).spawn(serve)?;
    Ok(())
}

/// Only root may connect: nobody can between making the socket and closing it, because its directory is root's alone until then.
fn bind(paths: &Paths) -> anyhow::Result<UnixListener> {
    let path = &paths.socket;
    let directory = path.parent().context("the socket has no directory")?;
    fs::create_dir_all(directory).with_context(|| directory.display().to_string())?;
    fs::set_permissions(directory, Permissions::from_mode(0o700)).with_context(|| directory.display().to_string())?;
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(error).with_context(|| path.display().to_string());
        }
        _ => {}
    }
    let listener = UnixListener::bind(path).with_context(|| path.display().to_string())?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).with_context(|| path.display().to_string())?;
    fs::set_permissions(directory, Permissions::from_mode(0o755)).with_context(|| directory.display().to_string())?;
    Ok(listener)
}

async fn updates(State(room): State<Room>) -> Result<Json<Updates>, Response> {
    let board =
        room.board.read().map_err(|_poisoned| refuse(ProblemKind::Internal, "The engine has ended.".to_owned()))?;
    Ok(Json(board.updates.clone()))
}

async fn history(State(room): State<Room>) -> Result<Json<UpdateHistory>, Response> {
    let board =
        room.board.read().map_err(|_poisoned| refuse(ProblemKind::Internal, "The engine has ended.".to_owned()))?;
    Ok(Json(board.history.clone()))
}

/// Takes a request, and answers where updates stand then: the request itself is long work, and goes on.
async fn act(State(room): State<Room>, body: axum::body::Bytes) -> Response {
    let request: UpdateRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            return refuse(ProblemKind::BadRequest, format!("The request is not one that is known: {error}."));
        }
    };
    if matches!(request, UpdateRequest::ReloadSettings) {
        return reload(room).await;
    }
    let request = match understood(request, &room) {
        Ok(request) => request,
        Err(problem) => return refuse(ProblemKind::BadRequest, problem),
    };
    let (reply, answer) = oneshot::channel();
    if room.mailbox.send(Message::Asked { request, reply }).is_err() {
        return refuse(ProblemKind::Stopping, "The updater is stopping.".to_owned());
    }
    match answer.await {
        Ok(Ok(())) => match updates(State(room)).await {
            Ok(updates) => (StatusCode::ACCEPTED, updates).into_response(),
            Err(refusal) => refusal,
        },
        Ok(Err(refusal)) => refuse(ProblemKind::Conflict, format!("{refusal}.")),
        Err(_ended) => refuse(ProblemKind::Stopping, "The updater is stopping.".to_owned()),
    }
}

/// Has the settings read again; everything that is wrong with them is the answer.
async fn reload(room: Room) -> Response {
    let (reply, answer) = oneshot::channel();
    if room.mailbox.send(Message::Reload { reply }).is_err() {
        return refuse(ProblemKind::Stopping, "The updater is stopping.".to_owned());
    }
    match answer.await {
        Ok(Ok(())) => updates(State(room)).await.into_response(),
        Ok(Err(problems)) => {
            let detail = format!("The settings are not usable; those from before hold. {}", problems.join("; "));
            refuse(ProblemKind::Conflict, detail)
        }
        Err(_ended) => refuse(ProblemKind::Stopping, "The updater is stopping.".to_owned()),
    }
}

/// The request with its versions read, and what it needs to know of the disk.
fn understood(request: UpdateRequest, room: &Room) -> Result<Request, String> {
    let read = |text: &str| text.parse::<Version>().map_err(|error| format!("{error}."));
    let running = || room.board.read().map_or(String::new(), |board| board.updates.running.clone());
    Ok(match request {
        UpdateRequest::Check => Request::Check,
        UpdateRequest::ReloadSettings => return Err("Reading settings again is no request about a release.".to_owned()),
        UpdateRequest::Start { version } => Request::Start(version.as_deref().map(read).transpose()?),
        UpdateRequest::Pause => Request::Pause,
        UpdateRequest::Cancel => Request::Cancel,
        UpdateRequest::Reboot => Request::Reboot,
        UpdateRequest::Rollback => Request::Rollback { to: other(room, &running()) },
        UpdateRequest::Pin { version } => Request::Pin(read(&version.unwrap_or_else(running))?),
        UpdateRequest::Unpin => Request::Unpin,
        UpdateRequest::Forgive { version } => Request::Forgive(read(&version)?),
    })
}

/// The release in the other slot, if it came up healthy once.
fn other(room: &Room, running: &str) -> Option<Version> {
    let entries = BootEntries::on(room.paths.slots.esp()).list().unwrap_or_default();
    let mut good =
        entries.iter().filter(|found| found.entry.state() == EntryState::Good && found.entry.version() != running);
    good.next()?.entry.version().parse().ok()
}

fn refuse(kind: ProblemKind, detail: String) -> Response {
    let status = StatusCode::from_u16(kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = serde_json::to_vec(&kind.because(detail)).unwrap_or_default();
    (status, [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], body).into_response()
}

//! What changes, as it changes.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use device_api::event::{Event, EventId};
use device_api::problem::{Problem, ProblemKind};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_stream::wrappers::ReceiverStream;
use tracing::error;

use super::Rooms;
use crate::problem::Refusal;
use crate::published::{Entry, Published};
use crate::request::Accept;

/// A comment is sent after this much silence, so that both ends notice a dead connection.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long a client should wait before it connects again; told at the start of the stream.
const RECONNECT: Duration = Duration::from_secs(3);

/// Events that wait for the client. Newer documents replace older ones before they get here, so more would only be staleness.
const QUEUE: usize = 1;

/// What changes, as it changes (server-sent events)
///
/// Starts with the latest document of each kind, then sends each that changes: `identity`, `health`, and `vitals` every few seconds. Every event carries a whole document. A client that reads slowly is sent
/// the latest ones and none in between; one that takes no bytes for 20 seconds is disconnected. With `Last-Event-ID` only what changed since is sent first; an id of another run of the daemon counts as none.
#[utoipa::path(get, path = "/api/v1/events", operation_id = "getEvents", tag = "device",
    params(("Last-Event-ID" = Option<String>, Header, description = "Id of the last event that was received", example = "00000000deadbeef-17")),
    responses(
        (status = 200, description = "Events; the schema is that of one event, `event` and `data` being fields of the stream", body = Event, content_type = "text/event-stream"),
        (status = 406, description = "The client does not accept text/event-stream", body = Problem, content_type = "application/problem+json"),
        (status = 503, description = "Too many event streams are open, or the daemon is stopping", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn get_events(State(rooms): State<Rooms>, accept: Accept, headers: HeaderMap) -> Result<Response, Refusal> {
    accept.require("text/event-stream")?;
    if rooms.stop.is_set() {
        return Err(Refusal::new(ProblemKind::Stopping, "The daemon is stopping. Connect again in ten seconds."));
    }
    let permit = rooms.subscribers.clone().try_acquire_owned().map_err(|_| {
        Refusal::new(
            ProblemKind::Busy,
            "Too many event streams are open. Close one, or read /api/v1/system from time to time instead.",
        )
    })?;
    let last_seen = last_event_id(&headers).filter(|id| id.run == rooms.latest.run()).map_or(0, |id| id.sequence);
    let (sender, receiver) = mpsc::channel(QUEUE);
    tokio::spawn(send_changes(rooms, last_seen, sender, permit));
    Ok(Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(KEEP_ALIVE)).into_response())
}

/// What is not an id of ours says nothing about what the client knows.
fn last_event_id(headers: &HeaderMap) -> Option<EventId> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

type Sender = mpsc::Sender<Result<SseEvent, Infallible>>;

/// Sends what the client has not seen, again and again, until it leaves or the daemon stops.
async fn send_changes(mut rooms: Rooms, mut last_seen: u64, sender: Sender, _permit: OwnedSemaphorePermit) {
    let mut greeting = Some(SseEvent::default().retry(RECONNECT));
    let mut follower = rooms.latest.follow();
    rooms.latest.current().await;
    loop {
        let latest = follower.latest();
        let news = greeting.take().into_iter().chain(changes(&latest, last_seen));
        for event in news {
            tokio::select! {
                sent = sender.send(Ok(event)) => if sent.is_err() { return },
                () = rooms.stop.wait() => return,
            }
        }
        last_seen = last_seen.max(latest.sequence());
        tokio::select! {
            changed = follower.next() => if changed.is_err() { return },
            () = sender.closed() => return,
            () = rooms.stop.wait() => return,
        }
    }
}

/// Events for every document that changed after `last_seen`, oldest change first, so that the last id sent covers all of them.
fn changes(published: &Published, last_seen: u64) -> Vec<SseEvent> {
    let mut changes: Vec<(u64, SseEvent)> = [
        change(published, "identity", &published.identity, last_seen),
        change(published, "health", &published.health, last_seen),
        change(published, "vitals", &published.vitals, last_seen),
    ]
    .into_iter()
    .flatten()
    .collect();
    changes.sort_by_key(|(sequence, _)| *sequence);
    changes.into_iter().map(|(_, event)| event).collect()
}

fn change<T: Serialize>(
    published: &Published,
    name: &str,
    entry: &Entry<T>,
    last_seen: u64,
) -> Option<(u64, SseEvent)> {
    if entry.sequence <= last_seen {
        return None;
    }
    let id = published.event_id(entry.sequence).to_string();
    match SseEvent::default().event(name).id(id).json_data(&*entry.document) {
        Ok(event) => Some((entry.sequence, event)),
        Err(problem) => {
            error!("the {name} document cannot be written as JSON: {problem}");
            None
        }
    }
}

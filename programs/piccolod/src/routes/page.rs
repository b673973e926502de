//! The status page and what it is made of.

use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use device_api::problem::ProblemKind;
use device_pages::StatusPage;
use tracing::error;

use super::Rooms;
use crate::problem::Refusal;
use crate::request::Accept;

/// The page of the current state; complete without scripts.
pub async fn status(State(rooms): State<Rooms>, accept: Accept) -> Result<Response, Refusal> {
    accept.require("text/html")?;
    let latest = rooms.latest.current().await;
    let page = StatusPage {
        system: &latest.system(),
        health: &latest.health.document,
        identity_event: latest.event_id(latest.identity.sequence),
        health_event: latest.event_id(latest.health.sequence),
    };
    let page = page.to_html().map_err(|problem| {
        error!("the status page cannot be written: {problem}");
        Refusal::new(ProblemKind::Internal, "The status page could not be written. /api/v1/system has the same facts.")
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, device_pages::CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    Ok((headers, page).into_response())
}

/// Its style sheet.
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", device_pages::STYLE)
}

/// Its script.
pub async fn script() -> Response {
    asset("text/javascript; charset=utf-8", device_pages::SCRIPT)
}

/// Its icon.
pub async fn icon() -> Response {
    asset("image/svg+xml", device_pages::ICON)
}

fn asset(media_type: &'static str, content: &'static str) -> Response {
    ([(header::CONTENT_TYPE, media_type)], content).into_response()
}

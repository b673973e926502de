//! Every path the daemon answers, as a table of contents.

mod events;
mod health;
mod openapi;
mod page;
mod system;
mod updates;

use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::http::{HeaderValue, Method, Uri, header};
use axum::middleware::{from_fn, map_response};
use axum::response::Response;
use axum::routing::get;
use device_api::problem::ProblemKind;
use tokio::sync::Semaphore;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::collector::Latest;
use crate::problem::Refusal;
use crate::request;
use crate::stop::Stop;

/// Event streams at once. Each is a connection and two small tasks.
const MAX_SUBSCRIBERS: usize = 64;

/// What handlers can reach: published state, never the system.
#[derive(Debug, Clone)]
pub struct Rooms {
    latest: Latest,
    stop: Stop,
    subscribers: Arc<Semaphore>,
}

#[derive(OpenApi)]
#[openapi(info(
    title = "Piccolo OS device",
    version = "1",
    description = "What a Piccolo OS device says about itself. Every refusal is a problem document (RFC 9457). Plain HTTP, reading only: authentication and TLS arrive together with the first operation that changes the device.",
    license(name = "Apache-2.0", identifier = "Apache-2.0"),
))]
struct Contract;

/// All routes, over the published state.
///
/// # Errors
/// When the OpenAPI document cannot be written as JSON, which is a mistake in the contract.
pub fn router(latest: Latest, stop: Stop) -> anyhow::Result<Router> {
    let rooms = Rooms { latest, stop, subscribers: Arc::new(Semaphore::new(MAX_SUBSCRIBERS)) };
    let (api, contract) = OpenApiRouter::with_openapi(Contract::openapi())
        .routes(routes!(health::get_health))
        .routes(routes!(system::get_system))
        .routes(routes!(updates::get_updates))
        .routes(routes!(events::get_events))
        .routes(routes!(openapi::get_openapi))
        .split_for_parts();
    let document = openapi::Document::new(&contract).context("the OpenAPI document cannot be written")?;

    Ok(api
        .route("/", get(page::status))
        .route("/assets/status.css", get(page::style))
        .route("/assets/status.js", get(page::script))
        .route("/assets/icon.svg", get(page::icon))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .layer(axum::Extension(document))
        .layer(from_fn(request::check))
        .layer(map_response(common_headers))
        .with_state(rooms))
}

async fn not_found(uri: Uri) -> Refusal {
    Refusal::new(
        ProblemKind::NotFound,
        format!("No resource has the path {}. GET /api/v1/openapi.json lists all of them.", shortened(uri.path())),
    )
}

async fn method_not_allowed(method: Method, uri: Uri) -> Refusal {
    Refusal::new(
        ProblemKind::MethodNotAllowed,
        format!(
            "{} does not know the method {}. The Allow field lists those it knows.",
            shortened(uri.path()),
            shortened(method.as_str())
        ),
    )
}

/// As much of what a client sent as is worth sending back to it.
fn shortened(text: &str) -> &str {
    text.char_indices().nth(200).map_or(text, |(end, _)| &text[..end])
}

/// Fields that every response carries.
async fn common_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // State is old as soon as it is sent, and pages and scripts must be those of the daemon that answers now.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

//! Whether the device is well.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use device_api::health::{Health, HealthStatus};
use device_api::problem::Problem;

use super::Rooms;
use crate::problem::Refusal;
use crate::request::Accept;

/// Whether the device is well
///
/// The status code says it as well, for monitors that read nothing else: 200 while the device works (`ok`, `degraded`), 503 when it cannot do
/// its work (`failed`). Both carry the same document.
#[utoipa::path(get, path = "/api/v1/health", operation_id = "getHealth", tag = "device", responses(
    (status = 200, description = "The device works", body = Health),
    (status = 406, description = "The client does not accept JSON", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The device cannot do its work; or, as a problem document, the daemon is busy", body = Health),
))]
pub async fn get_health(State(rooms): State<Rooms>, accept: Accept) -> Result<Response, Refusal> {
    accept.require("application/json")?;
    let health = rooms.latest.current().await.health.document;
    let status = match health.status {
        HealthStatus::Ok | HealthStatus::Degraded => StatusCode::OK,
        HealthStatus::Failed => StatusCode::SERVICE_UNAVAILABLE,
    };
    Ok((status, Json(&*health)).into_response())
}

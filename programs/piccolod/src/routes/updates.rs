//! Where updates stand.

use axum::Json;
use axum::extract::State;
use device_api::problem::{Problem, ProblemKind};
use device_api::updates::Updates;

use super::Rooms;
use crate::problem::Refusal;
use crate::request::Accept;

/// Where the device's updates stand
///
/// What the updater said last. Steering it needs root on the device until operators can log in here.
#[utoipa::path(get, path = "/api/v1/updates", operation_id = "getUpdates", tag = "updates", responses(
    (status = 200, description = "Where updates stand", body = Updates),
    (status = 404, description = "No updater runs on this device", body = Problem, content_type = "application/problem+json"),
    (status = 406, description = "The client does not accept JSON", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The daemon is busy", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get_updates(State(rooms): State<Rooms>, accept: Accept) -> Result<Json<Updates>, Refusal> {
    accept.require("application/json")?;
    let updates = rooms.latest.current().await.updates;
    let updates = updates.ok_or_else(|| {
        let detail = "No updater runs on this device, or it has not said anything yet.";
        Refusal::new(ProblemKind::NotFound, detail)
    })?;
    Ok(Json((*updates).clone()))
}

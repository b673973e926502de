//! What the device is and how it does.

use axum::Json;
use axum::extract::State;
use device_api::problem::Problem;
use device_api::system::System;

use super::Rooms;
use crate::problem::Refusal;
use crate::request::Accept;

/// What the device is and how it does
///
/// The answer is at most two seconds old.
#[utoipa::path(get, path = "/api/v1/system", operation_id = "getSystem", tag = "device", responses(
    (status = 200, description = "The device", body = System),
    (status = 406, description = "The client does not accept JSON", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The daemon is busy", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get_system(State(rooms): State<Rooms>, accept: Accept) -> Result<Json<System>, Refusal> {
    accept.require("application/json")?;
    let system = rooms.latest.current().await.system();
    Ok(Json(system))
}

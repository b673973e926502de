//! The contract of a device's REST API: documents, events, problem details and paths. No handlers.
//!
//! The OpenAPI document is made from these types and from the daemon's routes; it is committed as `docs/reference/openapi.json`.

pub mod event;
pub mod health;
pub mod media_type;
pub mod problem;
pub mod protection;
pub mod system;
pub mod updates;

/// Where the health document is.
pub const HEALTH_PATH: &str = "/api/v1/health";
/// Where the system document is.
pub const SYSTEM_PATH: &str = "/api/v1/system";
/// Where the event stream is.
pub const EVENTS_PATH: &str = "/api/v1/events";
/// Where the document about updates is.
pub const UPDATES_PATH: &str = "/api/v1/updates";
/// Where the history of updates is.
pub const UPDATE_HISTORY_PATH: &str = "/api/v1/updates/history";
/// Where requests about updates go.
pub const UPDATE_ACTIONS_PATH: &str = "/api/v1/updates/actions";
/// The socket of the updater. Only root may connect.
pub const UPDATER_SOCKET: &str = "/run/piccolo/updater/control.sock";
/// The latest document about updates, for everybody on the device to read.
pub const UPDATES_STATUS_FILE: &str = "/run/piccolo/updater/status.json";
/// Where the OpenAPI document is.
pub const OPENAPI_PATH: &str = "/api/v1/openapi.json";

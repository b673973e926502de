//! The contract of a device's REST API: documents, events, problem details and paths. No handlers.
//!
//! The OpenAPI document is made from these types and from the daemon's routes; it is committed as `docs/reference/openapi.json`.

pub mod event;
pub mod health;
pub mod media_type;
pub mod problem;
pub mod protection;
pub mod system;

/// Where the health document is.
pub const HEALTH_PATH: &str = "/api/v1/health";
/// Where the system document is.
pub const SYSTEM_PATH: &str = "/api/v1/system";
/// Where the event stream is.
pub const EVENTS_PATH: &str = "/api/v1/events";
/// Where the OpenAPI document is.
pub const OPENAPI_PATH: &str = "/api/v1/openapi.json";

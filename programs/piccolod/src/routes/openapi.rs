//! The contract itself.

use std::sync::Arc;

use axum::Extension;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use device_api::problem::Problem;
use utoipa::openapi::OpenApi;

use crate::problem::Refusal;
use crate::request::Accept;

/// The OpenAPI document, written once.
#[derive(Debug, Clone)]
pub struct Document(Arc<str>);

impl Document {
    /// Writes the document of all routes, for people to read as well.
    pub fn new(contract: &OpenApi) -> Result<Self, serde_json::Error> {
        Ok(Self(format!("{}\n", contract.to_pretty_json()?).into()))
    }
}

/// This document (OpenAPI 3.1)
#[utoipa::path(get, path = "/api/v1/openapi.json", operation_id = "getOpenapi", tag = "contract", responses(
    (status = 200, description = "The OpenAPI document", body = serde_json::Value, content_type = "application/json"),
    (status = 406, description = "The client does not accept JSON", body = Problem, content_type = "application/problem+json"),
    (status = 503, description = "The daemon is busy", body = Problem, content_type = "application/problem+json"),
))]
pub async fn get_openapi(Extension(document): Extension<Document>, accept: Accept) -> Result<Response, Refusal> {
    accept.require("application/json")?;
    Ok(([(header::CONTENT_TYPE, "application/json")], document.0.to_string()).into_response())
}

//! What every request must be, whatever it asks for.

use std::convert::Infallible;

use axum::extract::{FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use device_api::media_type::accepts;
use device_api::problem::ProblemKind;

use crate::problem::Refusal;

/// Refuses what no resource takes: no or several `Host` fields, content, a query.
///
/// A query that nobody reads would be a setting silently ignored.
pub async fn check(request: Request, next: Next) -> Response {
    let refusal = host_problem(request.version(), request.headers())
        .or_else(|| content_problem(request.method(), request.headers()))
        .or_else(|| query_problem(request.uri().query()));
    match refusal {
        Some(refusal) => refusal.into_response(),
        None => next.run(request).await,
    }
}

/// RFC 9112, section 3.2.
fn host_problem(version: Version, headers: &HeaderMap) -> Option<Refusal> {
    let hosts = headers.get_all(header::HOST).iter().count();
    let expected = if version >= Version::HTTP_11 { 1..=1 } else { 0..=1 };
    (!expected.contains(&hosts))
        .then(|| Refusal::new(ProblemKind::BadRequest, format!("There are {hosts} Host fields. Send exactly one.")))
}

/// Methods that no resource knows are refused for that reason, whatever they carry.
fn content_problem(method: &Method, headers: &HeaderMap) -> Option<Refusal> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let announced = headers.get(header::CONTENT_LENGTH).is_some_and(|length| length != "0");
    (announced || headers.contains_key(header::TRANSFER_ENCODING)).then(|| {
        Refusal::new(
            ProblemKind::ContentTooLarge,
            "No resource of this device takes content yet. Send the request without a body.",
        )
    })
}

fn query_problem(query: Option<&str>) -> Option<Refusal> {
    query.filter(|query| !query.is_empty()).map(|_| {
        Refusal::new(
            ProblemKind::BadRequest,
            "No resource of this device takes query parameters. Send the request without the part from '?' on.",
        )
    })
}

/// The `Accept` header, to be asked before something is sent.
#[derive(Debug)]
pub struct Accept(String);

impl<S: Sync> FromRequestParts<S> for Accept {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        // Several fields are one list (RFC 9110, section 5.3); one that is not text names no media type.
        let fields: Vec<&str> =
            parts.headers.get_all(header::ACCEPT).iter().map(|field| field.to_str().unwrap_or("?")).collect();
        Ok(Self(fields.join(",")))
    }
}

impl Accept {
    /// Refuses where the client does not take `produced`.
    pub fn require(&self, produced: &'static str) -> Result<(), Refusal> {
        if accepts(&self.0, produced) {
            return Ok(());
        }
        Err(Refusal::new(
            ProblemKind::NotAcceptable,
            format!("This resource is {produced}. Send an Accept header that allows it, or none."),
        ))
    }
}

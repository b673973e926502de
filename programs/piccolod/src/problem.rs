//! Refusals as problem details (RFC 9457): the one place where they become responses.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use device_api::problem::{MEDIA_TYPE, Problem, ProblemKind};

/// What a client gets that was turned away before its request was read. Written by hand because no request exists that could be answered.
pub const BUSY_RESPONSE: &str = concat!(
    "HTTP/1.1 503 Service Unavailable\r\n",
    "content-type: application/problem+json\r\n",
    "retry-after: 10\r\n",
    "connection: close\r\n",
    "content-length: 172\r\n",
    "\r\n",
    r#"{"type":"urn:piccolo:problem:busy","title":"Too many clients at once","status":503,"#,
    r#""detail":"The device has no connection left for this address. Try again in ten seconds."}"#,
);

/// A refusal on its way to the client.
#[derive(Debug)]
pub struct Refusal {
    kind: ProblemKind,
    problem: Problem,
}

impl Refusal {
    /// Refuses, saying what happened this time.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, problem: kind.because(detail) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let body = serde_json::to_vec(&self.problem).unwrap_or_default();
        let mut response =
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))], body).into_response();
        if matches!(self.kind, ProblemKind::Busy | ProblemKind::Stopping) {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::BUSY_RESPONSE;
    use device_api::problem::{Problem, ProblemKind};

    #[test]
    fn the_answer_written_by_hand_says_how_long_it_is_and_is_the_documented_problem() {
        let (head, body) = BUSY_RESPONSE.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(&format!("content-length: {}", body.len())), "{}", body.len());
        let problem: Problem = serde_json::from_str(body).unwrap();
        assert_eq!(problem, ProblemKind::Busy.because(&problem.detail));
    }
}

//! Problem details: how every refusal of the API looks (RFC 9457).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// Names the kind of problem; made for programs to compare.
    #[serde(rename = "type")]
    #[schema(example = "urn:piccolo:problem:not-found")]
    pub problem_type: String,
    /// The kind of problem for people; always the same for one type.
    #[schema(example = "There is nothing here")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 404)]
    pub status: u16,
    /// What happened this time and what to do.
    #[schema(example = "No resource has the path /api/v1/sytem. GET /api/v1/openapi.json lists all of them.")]
    pub detail: String,
}

/// Every kind of problem the API answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request makes no sense.
    BadRequest,
    /// No resource has this path.
    NotFound,
    /// The resource does not know this method.
    MethodNotAllowed,
    /// The resource has no representation that the client accepts.
    NotAcceptable,
    /// The request carries content where none is taken.
    ContentTooLarge,
    /// The device's state does not allow it now.
    Conflict,
    /// Too many clients already hold what was asked for.
    Busy,
    /// The daemon is stopping.
    Stopping,
    /// A mistake of the daemon.
    Internal,
}

impl ProblemKind {
    /// All of them, for documentation and tests.
    pub const ALL: [Self; 9] = [
        Self::BadRequest,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::NotAcceptable,
        Self::ContentTooLarge,
        Self::Conflict,
        Self::Busy,
        Self::Stopping,
        Self::Internal,
    ];

    /// The problem document, with what happened this time.
    pub fn because(self, detail: impl Into<String>) -> Problem {
        let (name, title, status) = self.parts();
        Problem {
            problem_type: format!("urn:piccolo:problem:{name}"),
            title: title.into(),
            status,
            detail: detail.into(),
        }
    }

    /// The HTTP status.
    pub fn status(self) -> u16 {
        self.parts().2
    }

    fn parts(self) -> (&'static str, &'static str, u16) {
        match self {
            Self::BadRequest => ("bad-request", "The request makes no sense", 400),
            Self::NotFound => ("not-found", "There is nothing here", 404),
            Self::MethodNotAllowed => ("method-not-allowed", "This resource cannot do that", 405),
            Self::NotAcceptable => ("not-acceptable", "No representation fits the Accept header", 406),
            Self::ContentTooLarge => ("content-too-large", "The request carries too much", 413),
            Self::Conflict => ("conflict", "This is not possible now", 409),
            Self::Busy => ("busy", "Too many clients at once", 503),
            Self::Stopping => ("stopping", "The daemon is stopping", 503),
            Self::Internal => ("internal", "The daemon made a mistake", 500),
        }
    }
}

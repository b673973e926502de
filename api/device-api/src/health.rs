//! `GET /api/v1/health`

use device_status::health::{HealthCheck, Subject, Verdict};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Whether the device is well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Health {
    /// The worst status of all checks.
    pub status: HealthStatus,
    /// What was looked at.
    pub checks: Vec<Check>,
}

/// How well something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// As it should be.
    Ok,
    /// It works, and somebody should look at it.
    Degraded,
    /// It cannot do its work.
    Failed,
}

/// The result of looking at one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Check {
    /// What was looked at.
    pub name: CheckName,
    /// What was found.
    pub status: HealthStatus,
    /// What that means and what to do, for people.
    #[schema(example = "/var can be written.")]
    pub message: String,
}

/// What health checks look at. More may come: treat an unknown name as one more check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CheckName {
    /// The root file system is the verified one that the boot loader asked for.
    Root,
    /// The data partition can be written.
    Data,
    /// Changes to `/etc` are kept.
    Configuration,
    /// Memory is left for programs.
    Memory,
}

impl Health {
    /// The document for these checks.
    pub fn from_checks(checks: &[HealthCheck]) -> Self {
        Self { status: device_status::health::verdict(checks).into(), checks: checks.iter().map(Check::from).collect() }
    }
}

impl From<&HealthCheck> for Check {
    fn from(check: &HealthCheck) -> Self {
        let name = match check.name {
            Subject::Root => CheckName::Root,
            Subject::Data => CheckName::Data,
            Subject::Configuration => CheckName::Configuration,
            Subject::Memory => CheckName::Memory,
        };
        Self { name, status: check.verdict.into(), message: check.message.clone() }
    }
}

impl From<Verdict> for HealthStatus {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Ok => Self::Ok,
            Verdict::Degraded => Self::Degraded,
            Verdict::Failed => Self::Failed,
        }
    }
}

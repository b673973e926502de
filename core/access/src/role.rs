//! Roles of people and scopes of what they do.

use serde::{Deserialize, Serialize};

/// What a person is to the device. Each role may do everything that those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Keeps the device and its apps running.
    Operator,
    /// Decides about data, network and people.
    Admin,
}

impl Role {
    /// All of them, the weakest first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// Everything that the role may do.
    #[must_use]
    pub fn scopes(self) -> ScopeSet {
        Scope::ALL.into_iter().filter(|scope| scope.least_role() <= self).collect()
    }

    /// As it is written in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// One thing that can be allowed. An API token has any number of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Scope {
    /// What the device is and how it fares.
    #[serde(rename = "system:read")]
    SystemRead,
    /// Restart, power off, time.
    #[serde(rename = "system:write")]
    SystemWrite,
    /// Figures for a monitoring system, and nothing else.
    #[serde(rename = "metrics:read")]
    MetricsRead,
    /// Where updates stand.
    #[serde(rename = "updates:read")]
    UpdatesRead,
    /// Start, stop and schedule updates.
    #[serde(rename = "updates:write")]
    UpdatesWrite,
    /// Apps, their state and logs.
    #[serde(rename = "apps:read")]
    AppsRead,
    /// Install, change, start, stop and remove apps without privileges.
    #[serde(rename = "apps:write")]
    AppsWrite,
    /// Run commands inside apps.
    #[serde(rename = "apps:exec")]
    AppsExec,
    /// Apps that run as root or see the host: as much as root itself.
    #[serde(rename = "apps:privileged")]
    AppsPrivileged,
    /// Disks and their health.
    #[serde(rename = "storage:read")]
    StorageRead,
    /// Prepare, grow and remove storage.
    #[serde(rename = "storage:write")]
    StorageWrite,
    /// Interfaces, addresses, firewall.
    #[serde(rename = "network:read")]
    NetworkRead,
    /// Change them.
    #[serde(rename = "network:write")]
    NetworkWrite,
    /// Who may reach the device.
    #[serde(rename = "access:read")]
    AccessRead,
    /// Change who may reach the device, and its certificate.
    #[serde(rename = "access:write")]
    AccessWrite,
    /// What was done, and by whom.
    #[serde(rename = "audit:read")]
    AuditRead,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 16] = [
        Self::SystemRead,
        Self::SystemWrite,
        Self::MetricsRead,
        Self::UpdatesRead,
        Self::UpdatesWrite,
        Self::AppsRead,
        Self::AppsWrite,
        Self::AppsExec,
        Self::AppsPrivileged,
        Self::StorageRead,
        Self::StorageWrite,
        Self::NetworkRead,
        Self::NetworkWrite,
        Self::AccessRead,
        Self::AccessWrite,
        Self::AuditRead,
    ];

    /// The weakest role that has it.
    #[must_use]
    pub fn least_role(self) -> Role {
        match self {
            Self::SystemRead
            | Self::MetricsRead
            | Self::UpdatesRead
            | Self::AppsRead
            | Self::StorageRead
            | Self::NetworkRead => Role::Viewer,
            Self::SystemWrite | Self::UpdatesWrite | Self::AppsWrite | Self::AppsExec => Role::Operator,
            Self::AppsPrivileged
            | Self::StorageWrite
            | Self::NetworkWrite
            | Self::AccessRead
            | Self::AccessWrite
            | Self::AuditRead => Role::Admin,
        }
    }

    /// As it is written in documents.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SystemRead => "system:read",
            Self::SystemWrite => "system:write",
            Self::MetricsRead => "metrics:read",
            Self::UpdatesRead => "updates:read",
            Self::UpdatesWrite => "updates:write",
            Self::AppsRead => "apps:read",
            Self::AppsWrite => "apps:write",
            Self::AppsExec => "apps:exec",
            Self::AppsPrivileged => "apps:privileged",
            Self::StorageRead => "storage:read",
            Self::StorageWrite => "storage:write",
            Self::NetworkRead => "network:read",
            Self::NetworkWrite => "network:write",
            Self::AccessRead => "access:read",
            Self::AccessWrite => "access:write",
            Self::AuditRead => "audit:read",
        }
    }

    fn bit(self) -> u32 {
        1 << self as u32
    }
}

/// A set of scopes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<Scope>", into = "Vec<Scope>")]
pub struct ScopeSet(u32);

impl ScopeSet {
    /// Whether a scope is in it.
    #[must_use]
    pub fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether all of it is in another.
    #[must_use]
    pub fn is_subset(self, other: Self) -> bool {
        self.intersection(other) == self
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Its scopes.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        Self(scopes.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }
}

impl From<Vec<Scope>> for ScopeSet {
    fn from(scopes: Vec<Scope>) -> Self {
        scopes.into_iter().collect()
    }
}

impl From<ScopeSet> for Vec<Scope> {
    fn from(set: ScopeSet) -> Self {
        set.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Role, Scope, ScopeSet};

    #[test]
    fn each_role_may_do_what_the_weaker_ones_may_and_an_admin_everything() {
        for pair in Role::ALL.windows(2) {
            assert!(pair[0].scopes().is_subset(pair[1].scopes()) && pair[0].scopes() != pair[1].scopes());
        }
        assert_eq!(Role::Admin.scopes().iter().count(), Scope::ALL.len());
        assert!(Role::Viewer.scopes().iter().all(|scope| scope.name().ends_with(":read")));
    }

    #[test]
    fn scopes_are_written_as_they_are_named() {
        for scope in Scope::ALL {
            assert_eq!(serde_json::to_string(&scope).unwrap(), format!("\"{}\"", scope.name()));
        }
        for role in Role::ALL {
            assert_eq!(serde_json::to_string(&role).unwrap(), format!("\"{}\"", role.name()));
        }
        let set: ScopeSet = [Scope::AppsRead, Scope::AuditRead].into_iter().collect();
        assert_eq!(serde_json::to_string(&set).unwrap(), r#"["apps:read","audit:read"]"#);
        assert_eq!(serde_json::from_str::<ScopeSet>(r#"["audit:read","apps:read","apps:read"]"#).unwrap(), set);
    }
}

//! What each request needs. What is not in the table is refused.

use thiserror::Error;

use crate::identity::Identity;
use crate::role::Scope;

/// What a client wants to do with a resource. `HEAD` counts as [`Method::Get`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes or does something.
    Post,
    /// Replaces.
    Put,
    /// Changes.
    Patch,
    /// Removes.
    Delete,
}

/// What a rule asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: whoever reaches the device may.
    Nothing,
    /// Any user, by any credential.
    User,
    /// A user in person, by session or client certificate: a token that leaked cannot make itself others.
    Person,
    /// This scope, by any credential.
    Scope(Scope),
    /// This scope, and in person.
    PersonWith(Scope),
}

/// A line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// The method.
    pub method: Method,
    /// The path. `{name}` stands for one segment, `{*rest}` at the end for none or any number.
    pub pattern: &'static str,
    /// What is asked for.
    pub need: Need,
}

use Method::{Delete, Get, Patch, Post, Put};
use Need::{Nothing, Person, PersonWith, User};
use Scope::{
    AccessRead, AccessWrite, AppsExec, AppsRead, AppsWrite, AuditRead, MetricsRead, NetworkRead, NetworkWrite,
    StorageRead, StorageWrite, SystemRead, SystemWrite, UpdatesRead, UpdatesWrite,
};

/// The whole policy; the first line that fits counts.
pub const POLICY: &[Rule] = &[
    // Without credentials: health, pairing, login, static assets. Nothing else.
    rule(Get, "/api/v1/health", Nothing),
    rule(Get, "/api/v1/pairing", Nothing),
    rule(Post, "/api/v1/pairing", Nothing),
    rule(Post, "/api/v1/invitations/accept", Nothing),
    rule(Post, "/api/v1/session", Nothing),
    rule(Get, "/login", Nothing),
    rule(Get, "/pair", Nothing),
    rule(Get, "/assets/{*rest}", Nothing),
    // What everybody has of their own.
    rule(Get, "/api/v1/session", User),
    rule(Delete, "/api/v1/session", Person),
    rule(Get, "/api/v1/account/{*rest}", Person),
    rule(Post, "/api/v1/account/{*rest}", Person),
    rule(Put, "/api/v1/account/{*rest}", Person),
    rule(Delete, "/api/v1/account/{*rest}", Person),
    rule(Get, "/api/v1/openapi.json", User),
    rule(Get, "/api/v1/events", Need::Scope(SystemRead)),
    rule(Get, "/api/v1/jobs/{*rest}", Need::Scope(SystemRead)),
    // Cancelling a job needs what starting it needed, which only the job knows; this is the least.
    rule(Delete, "/api/v1/jobs/{id}", Need::Scope(SystemWrite)),
    // Who may reach the device.
    rule(Get, "/api/v1/users/{*rest}", Need::Scope(AccessRead)),
    rule(Get, "/api/v1/invitations/{*rest}", Need::Scope(AccessRead)),
    rule(Get, "/api/v1/certificate", Need::Scope(AccessRead)),
    rule(Post, "/api/v1/users/{*rest}", PersonWith(AccessWrite)),
    rule(Put, "/api/v1/users/{*rest}", PersonWith(AccessWrite)),
    rule(Patch, "/api/v1/users/{*rest}", PersonWith(AccessWrite)),
    rule(Delete, "/api/v1/users/{*rest}", PersonWith(AccessWrite)),
    rule(Post, "/api/v1/invitations", PersonWith(AccessWrite)),
    rule(Delete, "/api/v1/invitations/{id}", PersonWith(AccessWrite)),
    rule(Put, "/api/v1/certificate", PersonWith(AccessWrite)),
    rule(Delete, "/api/v1/certificate", PersonWith(AccessWrite)),
    rule(Get, "/api/v1/audit/{*rest}", Need::Scope(AuditRead)),
    // The device.
    rule(Get, "/metrics", Need::Scope(MetricsRead)),
    rule(Get, "/api/v1/system/{*rest}", Need::Scope(SystemRead)),
    rule(Post, "/api/v1/system/{*rest}", Need::Scope(SystemWrite)),
    rule(Put, "/api/v1/system/{*rest}", Need::Scope(SystemWrite)),
    rule(Patch, "/api/v1/system/{*rest}", Need::Scope(SystemWrite)),
    rule(Delete, "/api/v1/system/{*rest}", Need::Scope(SystemWrite)),
    rule(Get, "/api/v1/updates/{*rest}", Need::Scope(UpdatesRead)),
    rule(Post, "/api/v1/updates/{*rest}", Need::Scope(UpdatesWrite)),
    rule(Put, "/api/v1/updates/{*rest}", Need::Scope(UpdatesWrite)),
    rule(Delete, "/api/v1/updates/{*rest}", Need::Scope(UpdatesWrite)),
    // A shell in an app is a GET that becomes a WebSocket.
    rule(Get, "/api/v1/apps/{app}/exec", Need::Scope(AppsExec)),
    rule(Post, "/api/v1/apps/{app}/exec", Need::Scope(AppsExec)),
    rule(Get, "/api/v1/apps/{*rest}", Need::Scope(AppsRead)),
    rule(Post, "/api/v1/apps/{*rest}", Need::Scope(AppsWrite)),
    rule(Put, "/api/v1/apps/{*rest}", Need::Scope(AppsWrite)),
    rule(Patch, "/api/v1/apps/{*rest}", Need::Scope(AppsWrite)),
    rule(Delete, "/api/v1/apps/{*rest}", Need::Scope(AppsWrite)),
    rule(Get, "/api/v1/storage/{*rest}", Need::Scope(StorageRead)),
    rule(Post, "/api/v1/storage/{*rest}", Need::Scope(StorageWrite)),
    rule(Put, "/api/v1/storage/{*rest}", Need::Scope(StorageWrite)),
    rule(Patch, "/api/v1/storage/{*rest}", Need::Scope(StorageWrite)),
    rule(Delete, "/api/v1/storage/{*rest}", Need::Scope(StorageWrite)),
    rule(Get, "/api/v1/network/{*rest}", Need::Scope(NetworkRead)),
    rule(Post, "/api/v1/network/{*rest}", Need::Scope(NetworkWrite)),
    rule(Put, "/api/v1/network/{*rest}", Need::Scope(NetworkWrite)),
    rule(Patch, "/api/v1/network/{*rest}", Need::Scope(NetworkWrite)),
    rule(Delete, "/api/v1/network/{*rest}", Need::Scope(NetworkWrite)),
    // Pages. Each shows only what its user may see, and changes things through the API.
    rule(Get, "/", Need::Scope(SystemRead)),
    rule(Get, "/apps/{*rest}", Need::Scope(AppsRead)),
    rule(Get, "/catalogue/{*rest}", Need::Scope(AppsRead)),
    rule(Get, "/storage/{*rest}", Need::Scope(StorageRead)),
    rule(Get, "/network/{*rest}", Need::Scope(NetworkRead)),
    rule(Get, "/updates/{*rest}", Need::Scope(UpdatesRead)),
    rule(Get, "/protection/{*rest}", Need::Scope(SystemRead)),
    rule(Get, "/logs/{*rest}", Need::Scope(SystemRead)),
    rule(Get, "/settings/{*rest}", User),
];

const fn rule(method: Method, pattern: &'static str, need: Need) -> Rule {
    Rule { method, pattern, need }
}

/// A request is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Forbidden {
    /// It needs somebody who is known. Answer 401.
    #[error("this needs a login or a token")]
    Unknown,
    /// The user or token may not do this. Answer 403.
    #[error("this needs the permission {}", .0.name())]
    Scope(Scope),
    /// A token is not enough. Answer 403.
    #[error("this has to be done by a person who is logged in, not by an API token")]
    Person,
    /// There is no such resource, or it does not know the method. Answer 404 or 405.
    #[error("no rule allows this request")]
    NoRule,
}

impl Method {
    /// The method of a request; nothing for those that no resource knows.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Some(match text {
            "GET" | "HEAD" => Get,
            "POST" => Post,
            "PUT" => Put,
            "PATCH" => Patch,
            "DELETE" => Delete,
            _ => return None,
        })
    }

    /// Whether it only reads (RFC 9110, section 9.2.1).
    #[must_use]
    pub fn is_safe(self) -> bool {
        self == Get
    }

    /// As it is written in requests.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Get => "GET",
            Post => "POST",
            Put => "PUT",
            Patch => "PATCH",
            Delete => "DELETE",
        }
    }
}

/// The rule for a request; `path` is the request's path as it was sent, without the query.
#[must_use]
pub fn find(method: &str, path: &str) -> Option<&'static Rule> {
    let method = Method::of(method)?;
    POLICY.iter().find(|rule| rule.method == method && fits(rule.pattern, path))
}

/// Whether somebody, or nobody in particular, may do this.
///
/// # Errors
/// Why not. Whoever is not known learns only that, whether the resource exists or not.
pub fn authorize(identity: Option<&Identity>, method: &str, path: &str) -> Result<&'static Rule, Forbidden> {
    let rule = find(method, path);
    let need = rule.map(|rule| rule.need);
    match (identity, need) {
        (_, Some(Nothing)) => {}
        (None, _) => return Err(Forbidden::Unknown),
        (Some(_), None) => return Err(Forbidden::NoRule),
        (Some(identity), Some(need)) => check(identity, need)?,
    }
    rule.ok_or(Forbidden::NoRule)
}

fn check(identity: &Identity, need: Need) -> Result<(), Forbidden> {
    let (scope, in_person) = match need {
        Nothing | User => (None, false),
        Person => (None, true),
        Need::Scope(scope) => (Some(scope), false),
        PersonWith(scope) => (Some(scope), true),
    };
    match scope.filter(|scope| !identity.may(*scope)) {
        Some(scope) => Err(Forbidden::Scope(scope)),
        None if in_person && !identity.is_person() => Err(Forbidden::Person),
        None => Ok(()),
    }
}

/// Whether a path is one that a pattern describes. Ways of writing a path that servers read differently fit no pattern: empty segments, `.` and `..`, and
/// anything percent-encoded in a segment that a pattern names.
fn fits(pattern: &str, path: &str) -> bool {
    let Some(path) = path.strip_prefix('/') else { return false };
    if path.is_empty() {
        return pattern == "/";
    }
    let mut segments = path.split('/');
    for expected in pattern.trim_start_matches('/').split('/') {
        if expected == "{*rest}" {
            return segments.all(is_plain);
        }
        let Some(segment) = segments.next() else { return false };
        let fits = if expected.starts_with('{') { is_plain(segment) } else { segment == expected };
        if !fits {
            return false;
        }
    }
    segments.next().is_none()
}

/// Unreserved characters (RFC 3986, section 2.3), `@`, `:` and `%` for what has to be encoded, but no encoded slash or dot.
fn is_plain(segment: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~@:+=,%".contains(&byte);
    let lower = segment.to_ascii_lowercase();
    !segment.is_empty()
        && segment.bytes().all(allowed)
        && !["%2f", "%5c", "%2e", "%00", "%25"].iter().any(|code| lower.contains(code))
        && segment != "."
        && segment != ".."
}

#[cfg(test)]
mod tests {
    use super::{Forbidden, Method, Need, POLICY, authorize, find, fits};
    use crate::credential::{SessionId, TokenId};
    use crate::identity::{Credential, Identity};
    use crate::name::UserName;
    use crate::role::{Role, Scope};
    use proptest::prelude::{prop_assert, proptest};

    fn somebody(role: Role, credential: Credential) -> Identity {
        Identity { user: UserName::new("alice").unwrap(), role, scopes: role.scopes(), credential }
    }

    const SESSION: Credential = Credential::Session(SessionId(1));
    const TOKEN: Credential = Credential::Token(TokenId(1));

    #[test]
    fn without_credentials_there_is_health_pairing_login_and_static_assets_and_nothing_else() {
        let open: Vec<_> =
            POLICY.iter().filter(|rule| rule.need == Need::Nothing).map(|rule| (rule.method, rule.pattern)).collect();
        assert_eq!(
            open,
            [
                (Method::Get, "/api/v1/health"),
                (Method::Get, "/api/v1/pairing"),
                (Method::Post, "/api/v1/pairing"),
                (Method::Post, "/api/v1/invitations/accept"),
                (Method::Post, "/api/v1/session"),
                (Method::Get, "/login"),
                (Method::Get, "/pair"),
                (Method::Get, "/assets/{*rest}"),
            ]
        );
    }

    #[test]
    fn no_rule_stands_in_the_shadow_of_another() {
        for (at, rule) in POLICY.iter().enumerate() {
            let path = rule.pattern.replace("{*rest}", "x").replace(['{', '}'], "");
            let found = POLICY.iter().position(|other| other.method == rule.method && fits(other.pattern, &path));
            assert_eq!(found, Some(at), "{} {}", rule.method.name(), rule.pattern);
        }
    }

    #[test]
    fn roles_may_what_their_scopes_say() {
        let may = |role, method, path| authorize(Some(&somebody(role, SESSION)), method, path).is_ok();
        assert!(may(Role::Viewer, "GET", "/api/v1/apps"));
        assert!(may(Role::Viewer, "HEAD", "/api/v1/apps/media/logs"));
        assert!(!may(Role::Viewer, "POST", "/api/v1/apps"));
        assert!(!may(Role::Viewer, "GET", "/api/v1/apps/media/exec"));
        assert!(may(Role::Operator, "POST", "/api/v1/apps"));
        assert!(!may(Role::Operator, "POST", "/api/v1/storage/disks/sda"));
        assert!(!may(Role::Operator, "GET", "/api/v1/audit"));
        assert!(may(Role::Admin, "GET", "/api/v1/audit"));
        assert!(may(Role::Admin, "DELETE", "/api/v1/users/bob"));
    }

    #[test]
    fn a_token_cannot_change_who_may_reach_the_device() {
        let token = somebody(Role::Admin, TOKEN);
        for (method, path) in
            [("POST", "/api/v1/users"), ("POST", "/api/v1/account/tokens"), ("PUT", "/api/v1/certificate")]
        {
            assert_eq!(authorize(Some(&token), method, path), Err(Forbidden::Person));
        }
        authorize(Some(&token), "GET", "/api/v1/users").unwrap();
    }

    #[test]
    fn who_is_not_known_does_not_learn_what_exists() {
        for path in ["/api/v1/users", "/api/v1/nothing", "/", "/etc/passwd"] {
            assert_eq!(authorize(None, "GET", path), Err(Forbidden::Unknown));
        }
        assert_eq!(authorize(Some(&somebody(Role::Admin, SESSION)), "GET", "/api/v1/nothing"), Err(Forbidden::NoRule));
        assert_eq!(authorize(Some(&somebody(Role::Admin, SESSION)), "TRACE", "/api/v1/apps"), Err(Forbidden::NoRule));
    }

    #[test]
    fn paths_that_servers_read_differently_fit_nothing() {
        for path in [
            "",
            "//",
            "/assets/../api/v1/users",
            "/assets/%2e%2e/api",
            "/assets//x",
            "/assets/",
            "/assets/a%2fb",
            "/assets/a\\b",
            "/api/v1/health/",
            "/API/v1/health",
            "/api/v1/health?x",
            "/api/v1/%68ealth",
            "api/v1/health",
            "/assets/%252e",
            "/assets/a;b",
            "/api/v1/apps/./x",
        ] {
            assert_eq!(find("GET", path), None, "{path}");
        }
        assert!(find("GET", "/assets/status.css").is_some());
        assert!(find("GET", "/api/v1/apps/a%20b").is_some());
    }

    proptest! {
        #[test]
        fn any_request_is_answered_and_nobody_unknown_gets_more_than_the_open_rules(
            method in "GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|get", path in "(/(api|v1|health|users|assets|\\.\\.|%2e|[a-z]{0,3})){0,6}"
        ) {
            match authorize(None, &method, &path) {
                Ok(rule) => prop_assert!(rule.need == Need::Nothing),
                Err(refusal) => prop_assert!(refusal == Forbidden::Unknown),
            }
            for scope in Scope::ALL {
                let mut nearly = somebody(Role::Admin, SESSION);
                nearly.scopes = nearly.scopes.iter().filter(|have| *have != scope).collect();
                let asked = find(&method, &path).map(|rule| rule.need);
                if matches!(asked, Some(Need::Scope(needed) | Need::PersonWith(needed)) if needed == scope) {
                    prop_assert!(authorize(Some(&nearly), &method, &path) == Err(Forbidden::Scope(scope)));
                }
            }
        }
    }
}

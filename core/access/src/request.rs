//! What a request says about who sent it, and from where.

use core::net::IpAddr;

use thiserror::Error;

use crate::policy::Method;
use crate::token::{TokenKind, TokenText};
use crate::user::KeyDigest;

/// The cookie with the session's token.
pub const SESSION_COOKIE: &str = "__Host-piccolo-session";
/// The cookie of a browser in which somebody has logged in before.
pub const BROWSER_COOKIE: &str = "__Host-piccolo-browser";
/// The field in which pages send the CSRF token.
pub const CSRF_FIELD: &str = "x-piccolo-csrf";
/// Bytes of cookies that are looked at.
const COOKIE_LIMIT: usize = 8192;

/// A request, as far as access is concerned.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// From where.
    pub address: IpAddr,
    /// Whether it does no more than read.
    pub is_safe: bool,
    /// Whether it asks for another protocol, such as WebSocket.
    pub is_upgrade: bool,
    /// An API token in `Authorization`.
    pub bearer: Presented,
    /// A session's token in its cookie.
    pub session: Presented,
    /// A browser's token in its cookie.
    pub browser: Option<TokenText>,
    /// What a page sent in [`CSRF_FIELD`].
    pub csrf: Option<TokenText>,
    /// The key of the client certificate of the connection.
    pub certificate: Option<KeyDigest>,
    /// Who made the browser send it.
    pub origin: Origin,
}

/// A credential in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Presented {
    /// There is none.
    Nothing,
    /// There is something that no token looks like.
    Garbage,
    /// There is what looks like a token.
    Token(TokenText),
}

/// Who made a browser send a request: `Sec-Fetch-Site` and `Origin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Nothing says so: no browser, or a very old one.
    Unsaid,
    /// A page of this device, or the person.
    Own,
    /// A link on another page, followed by the person.
    Link,
    /// A page of somebody else, which includes apps on other ports of this device.
    Foreign,
}

/// A request that cannot be understood in one way only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RequestError {
    /// A field that must be there at most once.
    #[error("the request has the field {0} more than once")]
    Repeated(&'static str),
    /// A cookie that another page has added.
    #[error("the request has the cookie {0} more than once; delete the cookies of this device in the browser")]
    RepeatedCookie(&'static str),
}

/// The parts of a request that are looked at.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'r, F> {
    /// From where.
    pub address: IpAddr,
    /// The method.
    pub method: &'r str,
    /// All fields; names in small letters.
    pub fields: F,
    /// The key of the client certificate with which the connection was made. TLS has verified that the client has the private key.
    pub certificate: Option<KeyDigest>,
}

impl RequestFacts {
    /// Looks at a request.
    ///
    /// # Errors
    /// When it can be understood in two ways.
    pub fn read<'r, F>(parts: RequestParts<'_, F>) -> Result<Self, RequestError>
    where
        F: IntoIterator<Item = (&'r str, &'r [u8])>,
    {
        let mut fields = Fields::default();
        for (name, value) in parts.fields {
            fields.take(name, value)?;
        }
        let upgrade = fields.upgrade;
        Ok(Self {
            address: parts.address,
            // A WebSocket begins with a GET and then does whatever it is for.
            is_safe: Method::of(parts.method).is_some_and(Method::is_safe) && !upgrade,
            is_upgrade: upgrade,
            bearer: fields.bearer(),
            session: match fields.session {
                None => Presented::Nothing,
                Some(text) => TokenText::parse(TokenKind::Session, text).map_or(Presented::Garbage, Presented::Token),
            },
            browser: fields.browser.and_then(|text| TokenText::parse(TokenKind::Browser, text)),
            csrf: fields.csrf.and_then(|text| TokenText::parse(TokenKind::Csrf, text)),
            certificate: parts.certificate,
            origin: fields.origin(),
        })
    }
}

#[derive(Default)]
struct Fields<'r> {
    authorization: Option<&'r str>,
    session: Option<&'r str>,
    browser: Option<&'r str>,
    csrf: Option<&'r str>,
    host: Option<&'r str>,
    origin: Option<&'r str>,
    site: Option<&'r str>,
    mode: Option<&'r str>,
    upgrade: bool,
}

impl<'r> Fields<'r> {
    fn take(&mut self, name: &str, value: &'r [u8]) -> Result<(), RequestError> {
        // What is not ASCII fits nothing that is expected, but must count as being there.
        let text = str::from_utf8(value).unwrap_or("\u{fffd}");
        match name {
            "cookie" => return self.take_cookies(text),
            "upgrade" => self.upgrade = true,
            "authorization" => once(&mut self.authorization, text, "authorization")?,
            CSRF_FIELD => once(&mut self.csrf, text, CSRF_FIELD)?,
            "host" => once(&mut self.host, text, "host")?,
            "origin" => once(&mut self.origin, text, "origin")?,
            "sec-fetch-site" => once(&mut self.site, text, "sec-fetch-site")?,
            "sec-fetch-mode" => once(&mut self.mode, text, "sec-fetch-mode")?,
            _ => {}
        }
        Ok(())
    }

    /// RFC 6265, section 5.4.
    fn take_cookies(&mut self, text: &'r str) -> Result<(), RequestError> {
        for pair in text.get(..COOKIE_LIMIT).unwrap_or(text).split(';') {
            let Some((name, value)) = pair.trim().split_once('=') else { continue };
            let (slot, name) = match name {
                SESSION_COOKIE => (&mut self.session, SESSION_COOKIE),
                BROWSER_COOKIE => (&mut self.browser, BROWSER_COOKIE),
                _ => continue,
            };
            if slot.replace(value).is_some() {
                return Err(RequestError::RepeatedCookie(name));
            }
        }
        Ok(())
    }

    /// RFC 6750, section 2.1.
    fn bearer(&self) -> Presented {
        let Some(text) = self.authorization else { return Presented::Nothing };
        let token = text.split_once(' ').filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"));
        let token = token.and_then(|(_, token)| TokenText::parse(TokenKind::Api, token.trim_matches(' ')));
        token.map_or(Presented::Garbage, Presented::Token)
    }

    /// Fetch Metadata where the browser sends it; otherwise `Origin`, which must be this very host and port.
    fn origin(&self) -> Origin {
        let same = match (self.origin, self.host) {
            (None, _) => None,
            (Some(origin), Some(host)) => {
                Some(origin.strip_prefix("https://").is_some_and(|name| name.eq_ignore_ascii_case(host)))
            }
            (Some(_), None) => Some(false),
        };
        match (self.site, same) {
            (_, Some(false)) => Origin::Foreign,
            (Some("same-origin" | "none"), _) | (None, Some(true)) => Origin::Own,
            (Some(_), _) if self.mode == Some("navigate") => Origin::Link,
            (Some(_), _) => Origin::Foreign,
            (None, None) => Origin::Unsaid,
        }
    }
}

fn once<'r>(slot: &mut Option<&'r str>, text: &'r str, name: &'static str) -> Result<(), RequestError> {
    if slot.replace(text).is_some() { Err(RequestError::Repeated(name)) } else { Ok(()) }
}

/// The value of `Set-Cookie` that keeps a token in a browser. No script sees it, no other host gets it, and it is sent over TLS only.
///
/// `SameSite=Strict` keeps it from requests that other sites make; apps on other ports of this host are the same site, which is why [`Origin`] is looked at, too.
#[must_use]
pub fn set_cookie(name: &str, token: &TokenText, lifetime: jiff::SignedDuration) -> String {
    format!("{name}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={}", token.reveal(), lifetime.as_secs())
}

/// The value of `Set-Cookie` that takes a token away from a browser.
#[must_use]
pub fn clear_cookie(name: &str) -> String {
    format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

#[cfg(test)]
mod tests {
    use super::{
        BROWSER_COOKIE, Origin, Presented, RequestError, RequestFacts, RequestParts, SESSION_COOKIE, clear_cookie,
        set_cookie,
    };
    use crate::token::{RandomBytes, TokenKind, TokenText};
    use core::net::IpAddr;
    use jiff::SignedDuration;
    use proptest::collection::vec;
    use proptest::prelude::{any, proptest};

    fn read(method: &str, fields: &[(&str, &str)]) -> Result<RequestFacts, RequestError> {
        let fields = fields.iter().map(|(name, value)| (*name, value.as_bytes()));
        RequestFacts::read(RequestParts { address: IpAddr::from([192, 0, 2, 1]), method, fields, certificate: None })
    }

    fn token(kind: TokenKind) -> TokenText {
        TokenText::new(kind, &RandomBytes([5; 32]))
    }

    #[test]
    fn credentials_are_found_where_they_belong() {
        let (api, session, browser) = (token(TokenKind::Api), token(TokenKind::Session), token(TokenKind::Browser));
        let cookies =
            format!("theme=dark; {SESSION_COOKIE}={}; {BROWSER_COOKIE}={}", session.reveal(), browser.reveal());
        let facts =
            read("GET", &[("authorization", &format!("bearer {}", api.reveal())), ("cookie", &cookies)]).unwrap();
        assert_eq!(facts.bearer, Presented::Token(api.clone()));
        assert_eq!(facts.session, Presented::Token(session));
        assert_eq!(facts.browser, Some(browser));
        assert!(facts.is_safe);
        // A token of one kind counts as none in another's place.
        let cookie = format!("{SESSION_COOKIE}={}", api.reveal());
        assert_eq!(read("GET", &[("cookie", &cookie)]).unwrap().session, Presented::Garbage);
        assert_eq!(read("GET", &[("authorization", "Basic YTpi")]).unwrap().bearer, Presented::Garbage);
    }

    #[test]
    fn what_can_be_understood_in_two_ways_is_refused() {
        assert_eq!(
            read("GET", &[("authorization", "a"), ("authorization", "b")]).unwrap_err(),
            RequestError::Repeated("authorization")
        );
        let twice = format!("{SESSION_COOKIE}=a; {SESSION_COOKIE}=b");
        assert_eq!(read("GET", &[("cookie", &twice)]).unwrap_err(), RequestError::RepeatedCookie(SESSION_COOKIE));
        assert_eq!(read("GET", &[("host", "a"), ("host", "a")]).unwrap_err(), RequestError::Repeated("host"));
    }

    #[test]
    fn browsers_say_who_made_them_send_a_request() {
        let origin = |fields: &[(&str, &str)]| read("POST", fields).unwrap().origin;
        let host = ("host", "kitchen.local:8080");
        assert_eq!(origin(&[host]), Origin::Unsaid);
        assert_eq!(origin(&[host, ("origin", "https://Kitchen.local:8080")]), Origin::Own);
        for foreign in [
            "https://kitchen.local",
            "https://kitchen.local:9090",
            "http://kitchen.local:8080",
            "null",
            "https://evil.example",
        ] {
            assert_eq!(origin(&[host, ("origin", foreign)]), Origin::Foreign, "{foreign}");
            assert_eq!(origin(&[host, ("origin", foreign), ("sec-fetch-site", "same-origin")]), Origin::Foreign);
        }
        assert_eq!(origin(&[host, ("sec-fetch-site", "same-origin")]), Origin::Own);
        assert_eq!(origin(&[host, ("sec-fetch-site", "same-site")]), Origin::Foreign, "an app on another port");
        assert_eq!(origin(&[host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")]), Origin::Link);
    }

    #[test]
    fn a_request_for_a_web_socket_does_not_only_read() {
        assert!(!read("GET", &[("upgrade", "websocket")]).unwrap().is_safe);
        assert!(read("HEAD", &[]).unwrap().is_safe);
        assert!(!read("get", &[]).unwrap().is_safe);
    }

    #[test]
    fn cookies_are_for_this_host_alone() {
        let text = set_cookie(SESSION_COOKIE, &token(TokenKind::Session), SignedDuration::from_hours(1));
        assert!(text.starts_with("__Host-piccolo-session=pis_"));
        assert!(text.ends_with("; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600"));
        assert!(clear_cookie(SESSION_COOKIE).ends_with("Max-Age=0"));
    }

    proptest! {
        #[test]
        fn any_request_is_answered(
            fields in vec(("cookie|authorization|origin|host|sec-fetch-site|upgrade|x-piccolo-csrf|accept", vec(any::<u8>(), 0..200)), 0..10)
        ) {
            let fields = fields.iter().map(|(name, value)| (name.as_str(), &value[..]));
            let _answer = RequestFacts::read(RequestParts { address: IpAddr::from([127, 0, 0, 1]), method: "POST", fields, certificate: None });
        }
    }
}

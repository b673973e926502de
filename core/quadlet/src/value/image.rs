//! Names of images.

use super::Problem;

/// Where images come from besides registries (containers-transports(5)), as they are written before a colon.
const TRANSPORTS: [&str; 8] =
    ["docker", "docker-archive", "docker-daemon", "oci", "oci-archive", "dir", "containers-storage", "sif"];

/// The name of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageReference {
    /// `[REGISTRY/]PATH[:TAG][@DIGEST]`.
    Registry {
        /// The registry, with its port; none in a short name, of which only the device's configuration knows the registry.
        registry: Option<String>,
        /// The path in the registry.
        path: String,
        /// The tag, where one is written.
        tag: Option<String>,
        /// The digest, where one is written.
        digest: Option<String>,
    },
    /// The identifier of an image in the device's storage.
    Identifier(String),
    /// `TRANSPORT:…`, an archive or directory.
    Transport(String),
}

impl ImageReference {
    /// Reads a name.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let problem = |message: &str| Problem::new(message, "write it as registry.example/path/name:tag");
        let transport = text.split_once(':').filter(|(before, _)| TRANSPORTS.contains(before));
        if let Some(("docker", rest)) = transport {
            let rest = rest.strip_prefix("//").ok_or_else(|| problem("has no // after docker:"))?;
            return Self::parse(rest);
        }
        // A transport is followed by a path; otherwise `dir:tag` would be one.
        if transport.is_some_and(|(_, rest)| rest.starts_with(['/', '.', '['])) {
            return Ok(Self::Transport(text.to_owned()));
        }
        let hexadecimal = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if hexadecimal(text.strip_prefix("sha256:").unwrap_or(text)) {
            return Ok(Self::Identifier(text.to_owned()));
        }
        if text.starts_with("sha256:") {
            return Err(problem("is an identifier without 64 hexadecimal digits"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest)),
            None => (text, None),
        };
        if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(hexadecimal)) {
            return Err(problem("has a digest that is not sha256: and 64 hexadecimal digits"));
        }
        let (name, tag) = match name.rsplit_once(':') {
            Some((before, tag)) if !tag.contains('/') => (before, Some(tag)),
            _ => (name, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(problem("has a tag that is not letters, digits, dots, hyphens and underscores"));
        }
        let (registry, path) = match name.split_once('/') {
            Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
            _ => (None, name),
        };
        if path.chars().any(|character| character.is_ascii_uppercase()) {
            return Err(Problem::new(
                "has capital letters, which image names do not have",
                "write it in small letters",
            ));
        }
        if registry.is_some_and(|registry| !is_registry(registry)) || !path.split('/').all(is_component) {
            return Err(problem("is not the name of an image"));
        }
        let owned = |text: Option<&str>| text.map(str::to_owned);
        Ok(Self::Registry { registry: owned(registry), path: path.to_owned(), tag: owned(tag), digest: owned(digest) })
    }

    /// Whether the name says which registry it is from; archives and identifiers are certain, too.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        !matches!(self, Self::Registry { registry: None, .. })
    }

    /// Whether the name always means the same bytes.
    #[must_use]
    pub const fn is_fixed(&self) -> bool {
        matches!(self, Self::Registry { digest: Some(_), .. } | Self::Identifier(_))
    }
}

fn is_tag(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
    !text.is_empty() && text.len() <= 128 && text.bytes().all(allowed) && !text.starts_with(['.', '-'])
}

/// A host with an optional port; colons inside of the host only in an IPv6 address in brackets.
fn is_registry(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, "443"),
    };
    let label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(allowed) && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(label),
    };
    is_host && port.parse::<u16>().is_ok()
}

/// Small letters and digits, with one dot, one or two underscores, or hyphens between them.
fn is_component(text: &str) -> bool {
    let is_word = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().take_while(|byte| is_word(byte)).count();
        let after = rest.get(word..).unwrap_or_default();
        let separator = after.iter().take_while(|byte| !is_word(byte)).count();
        let (between, next) = after.split_at_checked(separator).unwrap_or_default();
        let fine = matches!(between, b"." | b"_" | b"__") || between.iter().all(|byte| *byte == b'-');
        if word == 0 || !fine {
            return false;
        }
        if between.is_empty() {
            return true;
        }
        rest = next;
    }
}

//! Where a repository is.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;
use thiserror::Error;

/// The place of a repository: the directory that has `metadata` and `targets` in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// Behind an `http` or `https` URL, which ends with a slash.
    Http(Url),
    /// In a directory: a mounted USB stick.
    Directory(PathBuf),
}

/// The text is no place.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{text:?} is no place of a repository ({problem}); write an http or https URL, or the absolute path of a directory"
)]
pub struct LocationError {
    text: String,
    problem: String,
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, LocationError> {
        let refuse =
            |problem: &str| LocationError { text: text.chars().take(200).collect(), problem: problem.to_owned() };
        if text.starts_with('/') {
            return Ok(Self::Directory(PathBuf::from(text)));
        }
        let with_slash = format!("{}/", text.trim_end_matches('/'));
        let url = Url::parse(&with_slash).map_err(|error| refuse(&error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(refuse("neither http nor https"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it has a query or a fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it holds a user name or password, which logs would show"));
        }
        Ok(Self::Http(url))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => url.fmt(formatter),
            Self::Directory(path) => path.display().fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Location;

    #[test]
    fn places_are_urls_and_absolute_paths() {
        for good in ["https://a.example/repository", "http://[::1]:8080", "/media/stick"] {
            assert!(good.parse::<Location>().is_ok(), "{good}");
        }
        for bad in
            ["", "stick", "ftp://a.example", "https://", "https://a.example/?x", "https://a:b@c.example/", "file:///x"]
        {
            assert!(bad.parse::<Location>().is_err(), "{bad}");
        }
    }
}

//! Addresses of package archives.

use crate::shape::text_value;

text_value! {
    /// The address of a package archive, as apt writes it: `http`, `https` or `file`.
    expected "a URL such as https://archive.example/debian"
    pattern "^(https?|file)://[!-~]+$"
    check check_url;
    pub struct Url;
}

fn check_url(text: &str) -> Result<(), String> {
    let rest = ["https://", "http://", "file://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    let Some(rest) = rest else {
        return Err("is no URL; it begins with `https://`, `http://` or `file://`".to_owned());
    };
    if text.len() > 2048 {
        return Err("is longer than 2048 bytes".to_owned());
    }
    if rest.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("is no URL; percent-encode spaces and other special characters".to_owned());
    }
    // The recipe is published with the image; a password in it would be too.
    let host = rest.split('/').next().unwrap_or_default();
    if host.contains('@') {
        return Err("holds a user name or password; put credentials into apt's `auth.conf`".to_owned());
    }
    if text.contains(['[', ']']) && !host.starts_with('[') {
        return Err("has `[` in it, which begins options in apt's lists of sources".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::Url;

    #[test]
    fn urls_have_a_scheme_and_no_credentials() {
        for good in ["https://archive.example/debian", "file:///srv/repo", "http://[::1]:3142/debian"] {
            assert!(Url::new(good).is_ok(), "{good}");
        }
        for bad in [
            "archive.example/debian",
            "ftp://archive.example",
            "https://",
            "https://user:secret@archive.example/",
            "https://archive.example/a b",
            "https://archive.example/[trusted=yes]",
        ] {
            assert!(Url::new(bad).is_err(), "{bad}");
        }
    }
}

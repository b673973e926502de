//! Finding a file by the path of a URL, and never one outside the directory.

use std::fs::{File, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path};

/// A file that may be served.
pub struct Served {
    pub file: File,
    pub size: u64,
    /// Changes whenever the file is replaced or written.
    pub tag: String,
}

/// The file that a URL's path names, or nothing: no file, no parts like `..`, nothing hidden, nothing outside through a link.
pub fn find(directory: &Path, url_path: &str) -> Option<Served> {
    let decoded = decode(url_path.strip_prefix('/')?)?;
    let relative = Path::new(&decoded);
    let plain = |component: Component<'_>| match component {
        Component::Normal(part) => !part.as_encoded_bytes().starts_with(b"."),
        _ => false,
    };
    if decoded.is_empty() || decoded.contains('\0') || !relative.components().all(plain) {
        return None;
    }
    let path = directory.join(relative).canonicalize().ok().filter(|path| path.starts_with(directory))?;
    let file = File::open(path).ok()?;
    let metadata = file.metadata().ok().filter(Metadata::is_file)?;
    let tag =
        format!("\"{:x}-{:x}-{:x}-{:x}\"", metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    Some(Served { file, size: metadata.len(), tag })
}

/// Takes percent-encoding out.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let decoded = match byte {
            b'%' => {
                let digits = [rest.next()?, rest.next()?];
                let digit = |digit: u8| char::from(digit).to_digit(16);
                u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?
            }
            byte => byte,
        };
        bytes.push(decoded);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::{decode, find};

    #[test]
    fn nothing_outside_the_directory_is_found() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = outside.path().join("public");
        std::fs::create_dir_all(inside.join("a")).unwrap();
        std::fs::write(inside.join("a/b~c.json"), "public").unwrap();
        std::fs::write(inside.join(".hidden"), "h").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        let inside = inside.canonicalize().unwrap();
        assert!(find(&inside, "/a/b~c.json").is_some() && find(&inside, "/a/b%7Ec.json").is_some());
        for path in [
            "/",
            "/a",
            "/../secret",
            "/%2e%2e/secret",
            "/a/..%2f../secret",
            "/link",
            "/.hidden",
            "//etc/passwd",
            "",
            "/a%00",
        ] {
            assert!(find(&inside, path).is_none(), "{path}");
        }
    }

    #[test]
    fn broken_encoding_is_refused() {
        assert_eq!(decode("%7"), None);
        assert_eq!(decode("%zz"), None);
        assert_eq!(decode("%ff"), None);
        assert_eq!(decode("%41b").as_deref(), Some("Ab"));
    }
}

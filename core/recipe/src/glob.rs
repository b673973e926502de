//! Patterns of paths.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::shape::text_value;

text_value! {
    /// A pattern of absolute paths: `*` and `?` stay within a component, `**` crosses them, `[a-z]`
    /// and `{a,b}` are alternatives. `/usr/share/doc/**` is everything below that directory.
    expected "a pattern of absolute paths such as /usr/share/doc/**"
    pattern "^/.+$"
    check check_absolute_glob;
    pub struct PathGlob;
}

fn check_absolute_glob(text: &str) -> Result<(), String> {
    if !text.starts_with('/') {
        return Err(format!("is not absolute; did you mean `/{}`?", crate::decode::shortened(text)));
    }
    if text.trim_matches('/').is_empty() || matches!(text, "/*" | "/**") {
        return Err("would take the whole tree".to_owned());
    }
    check_glob(text)
}

/// What holds for patterns of every kind.
pub(crate) fn check_glob(text: &str) -> Result<(), String> {
    if text.len() > 512 {
        return Err("is a pattern of more than 512 bytes".to_owned());
    }
    if text.chars().any(char::is_control) {
        return Err("has a control character in it".to_owned());
    }
    if text.split('/').any(|part| part == ".." || part == ".") {
        return Err("has `.` or `..` in it, which no path in the tree has".to_owned());
    }
    if text.ends_with('/') || text.contains("//") {
        return Err("has an empty component; for everything below a directory write `directory/**`".to_owned());
    }
    // More alternatives than anybody writes; each adds to the size of the matcher.
    if text.matches('{').count() > 8 {
        return Err("has more than 8 groups of alternatives".to_owned());
    }
    compile(text).map(|_| ())
}

fn compile(text: &str) -> Result<globset::Glob, String> {
    GlobBuilder::new(text)
        .literal_separator(true)
        .backslash_escape(true)
        .build()
        .map_err(|error| format!("is no pattern: {}", error.kind()))
}

/// Several patterns, ready to match.
#[derive(Debug, Clone)]
pub struct GlobMatcher(GlobSet);

impl GlobMatcher {
    /// Prepares patterns of absolute paths.
    ///
    /// # Errors
    /// When they are too many and too long to be compiled together (some megabytes).
    pub fn new<'a>(globs: impl IntoIterator<Item = &'a PathGlob>) -> Result<Self, String> {
        Self::of_texts(globs.into_iter().map(PathGlob::as_str))
    }

    /// Prepares patterns that [`check_glob`] has accepted.
    pub(crate) fn of_texts<'a>(globs: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut builder = GlobSetBuilder::new();
        for glob in globs {
            builder.add(compile(glob)?);
        }
        let set = builder.build();
        set.map(Self).map_err(|error| format!("the patterns together cannot be compiled: {}", error.kind()))
    }

    /// Whether one of the patterns matches the path.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.0.is_match(path)
    }
}

#[cfg(test)]
mod tests {
    use super::{GlobMatcher, PathGlob};

    fn matches(pattern: &str, path: &str) -> bool {
        GlobMatcher::new([&PathGlob::new(pattern).unwrap()]).unwrap().matches(path)
    }

    #[test]
    fn stars_stay_within_a_component_and_double_stars_cross() {
        assert!(matches("/usr/share/doc/**", "/usr/share/doc/nano/README"));
        assert!(!matches("/usr/share/doc/**", "/usr/share/doc"));
        assert!(!matches("/usr/share/doc/**", "/usr/share/docs/x"));
        assert!(matches("/usr/share/*/README", "/usr/share/nano/README"));
        assert!(!matches("/usr/share/*/README", "/usr/share/doc/nano/README"));
        assert!(matches("/usr/lib/{a,b}.so.?", "/usr/lib/b.so.1"));
        assert!(matches("/**/*.pyc", "/usr/lib/python3/x.pyc"));
    }

    #[test]
    fn patterns_that_cannot_match_or_match_everything_are_refused() {
        for (bad, advice) in [
            ("usr/share/doc", "did you mean `/usr/share/doc`?"),
            ("/", "whole tree"),
            ("/**", "whole tree"),
            ("/usr/[a", "is no pattern"),
            ("/usr/{a", "is no pattern"),
            ("/usr/doc/", "`directory/**`"),
            ("/usr/../etc", "`..`"),
        ] {
            let reason = PathGlob::new(bad).unwrap_err();
            assert!(reason.contains(advice), "{bad}: {reason}");
        }
        assert!(PathGlob::new(&format!("/{}", "a".repeat(600))).is_err());
    }
}

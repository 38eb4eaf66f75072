//! Destinations: where a person goes after a challenge, and never off this site.

use serde::{Deserialize, Serialize};

/// The longest destination that is kept.
const MAX: usize = 2_000;

/// A path on this site, with its query: what browsers can't read as another site.
///
/// ```
/// use mfa_web::destination::Destination;
///
/// assert!(Destination::new("/reports/autumn?term=2").is_some());
/// assert!(Destination::new("//evil.example").is_none());
/// assert!(Destination::new("/\\evil.example").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Destination(String);

impl Destination {
    /// Takes a path that begins with one slash and has only printable ASCII in it, as browsers send them; no
    /// backslash (read as a slash), no control characters (dropped by browsers, so that what follows moves up),
    /// and neither of them percent-encoded in the first segment.
    pub fn new(path: &str) -> Option<Self> {
        let mut bytes = path.bytes();
        let rooted = bytes.next() == Some(b'/') && !matches!(bytes.next(), Some(b'/' | b'\\'));
        let plain = path.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'\\');
        let lower = path.get(1..).unwrap_or_default().to_ascii_lowercase();
        // Some servers and proxies decode once more before they redirect.
        let hidden =
            ["%2f", "%5c", "%09", "%0a", "%0d", "%00", "%25"].iter().any(|code| lower.starts_with(code));
        (rooted && plain && !hidden && path.len() <= MAX).then(|| Self(path.to_owned()))
    }

    /// The path with its query.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Destination {
    type Error = &'static str;
    fn try_from(path: String) -> Result<Self, Self::Error> {
        Self::new(&path).ok_or("not a path on this site")
    }
}

impl From<Destination> for String {
    fn from(destination: Destination) -> String {
        destination.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn home_only_paths_of_this_site_are_kept() {
        for good in ["/", "/a", "/a/b?c=d&e=%2F%2Fx#f", "/a//b", "/?next=https://x"] {
            assert_eq!(Destination::new(good).unwrap().as_str(), good);
        }
        for bad in [
            "",
            "a",
            "//evil",
            "///evil",
            "/\\evil",
            "\\/evil",
            "\\\\evil",
            "https:evil",
            "https://evil",
            "javascript:alert(1)",
            "/\t/evil",
            "/\n/evil",
            "\t//evil",
            " //evil",
            "/%2fevil",
            "/%2Fevil",
            "/%5cevil",
            "/%09/evil",
            "/%0a/evil",
            "/%252fevil",
            "/a\\b",
            "/é",
            "/a b",
            "/\u{0}",
            "?a",
            "#a",
            ".//evil",
        ] {
            assert_eq!(Destination::new(bad), None, "{bad:?}");
        }
        assert_eq!(Destination::new(&format!("/{}", "a".repeat(2_000))), None);
    }
}

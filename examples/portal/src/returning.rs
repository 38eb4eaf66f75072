//! Return addresses: where to go after signing in or changing the language, and only within this site.

/// The address as a path within this site, or `/` when it could lead anywhere else.
///
/// Browsers read `//host`, `/\host` and paths with tabs or line ends in them as other sites.
///
/// ```
/// use portal::returning::local_path;
///
/// assert_eq!(local_path("/reports/autumn?page=2"), "/reports/autumn?page=2");
/// assert_eq!(local_path("//evil.example"), "/");
/// ```
pub fn local_path(address: &str) -> &str {
    let mut bytes = address.bytes();
    let leads_home = bytes.next() == Some(b'/')
        && bytes.next() != Some(b'/')
        && address.len() <= 2048
        && address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    if leads_home { address } else { "/" }
}

/// Percent-encodes text for use as a value in a query.
pub fn encode_query_value(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_within_the_site_are_kept() {
        for good in ["/", "/reports/autumn", "/a?b=c&d=%2F%2Fe", "/a//b"] {
            assert_eq!(local_path(good), good);
        }
        for bad in [
            "",
            "evil.example",
            "https://evil.example",
            "https:evil.example",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\tevil",
            "/\n/evil.example",
            " //evil.example",
            "javascript:alert(1)",
            "/a\\b",
            "/caf\u{e9}",
        ] {
            assert_eq!(local_path(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn query_values_are_encoded() {
        assert_eq!(encode_query_value("/a?b=c&d"), "/a%3Fb%3Dc%26d");
    }
}

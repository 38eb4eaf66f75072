//! Looking for secrets where none belong: in a log, an answer, an event.

/// Whether `text` shows `secret`, in either case of letters.
///
/// A secret of digits alone, such as a code, counts where it stands by itself. Six digits turn up by chance in any
/// long number, and a test that looks at thousands of times, versions and ids would fail once in a few hundred runs.
///
/// ```
/// use mfa_testing::leak::shows;
///
/// assert!(shows("refused: code=492039", "492039"));
/// assert!(shows("GET /sign-in?back=%3Fcode%3D492039", "492039"));
/// assert!(shows("key JBSWY3DPEHPK3PXP", "jbswy3dp"));
/// assert!(!shows("until 1764920390", "492039"));
/// ```
#[must_use]
pub fn shows(text: &str, secret: &str) -> bool {
    let (text, secret) = (text.to_lowercase(), secret.to_lowercase());
    // An empty one is in everything: a test that looks for it has lost its secret.
    if secret.is_empty() || !secret.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.contains(&secret);
    }
    text.match_indices(&secret).any(|(at, _)| {
        let (before, after) =
            (text.get(..at).unwrap_or_default(), text.get(at + secret.len()..).unwrap_or_default());
        !ends_in_word(before) && !after.starts_with(|next: char| next.is_ascii_alphanumeric())
    })
}

/// Whether the last character belongs to a word or a number, and not to `%3D` and the like.
fn ends_in_word(before: &str) -> bool {
    let mut back = before.bytes().rev();
    let last = [back.next(), back.next(), back.next()];
    last[0].is_some_and(|byte| byte.is_ascii_alphanumeric()) && last[2] != Some(b'%')
}

#[cfg(test)]
mod tests {
    use super::shows;

    #[test]
    fn a_code_is_found_by_itself() {
        for text in [
            "492039",
            "(492039)",
            "\"492039\"",
            "a 492039",
            "492039\n",
            "é492039é",
            "%3D492039&",
            "1492039 492039",
        ] {
            assert!(shows(text, "492039"), "{text}");
        }
    }

    #[test]
    fn digits_inside_something_longer_are_no_code() {
        for text in
            ["", "49203", "1492039", "4920391", "a492039", "492039f", "492049", "ff492039ff", "3D492039"]
        {
            assert!(!shows(text, "492039"), "{text}");
        }
    }

    #[test]
    fn anything_else_is_found_anywhere_in_either_case() {
        assert!(shows("xANN@home.examplex", "ann@HOME.example"));
        assert!(shows("xxQWHXSHZ9xx", "qwhxshz9"));
        assert!(!shows("QWHX-SHZ9", "QWHXSHZ9"));
        assert!(shows("a log", ""));
    }
}

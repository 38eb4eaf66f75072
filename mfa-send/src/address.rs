//! Which e-mail addresses are taken: a plain `name@host.example`, and none of the older forms.

/// The longest address, in bytes (RFC 5321 §4.5.3.1.3, less the angle brackets).
pub const MAX_ADDRESS_BYTES: usize = 254;
/// The longest part before the `@`, in bytes (RFC 5321 §4.5.3.1.1).
pub const MAX_LOCAL_BYTES: usize = 64;
/// The longest label between two dots of the domain, in bytes (RFC 1035 §2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// Whether this is an address a message can be sent to. No network, no trimming.
///
/// Taken is the dot-atom form of RFC 5322 §3.4.1 in ASCII, with a domain of at least two labels. Display
/// names, comments, quoted local parts, address literals (`[192.0.2.1]`), several addresses in one and line
/// breaks are all refused: mail systems disagree on what they mean, and the disagreement has been used to
/// send a code to two people at once. A domain beyond ASCII is given in its `xn--` form.
///
/// ```
/// use mfa_send::address::is_address;
///
/// assert!(is_address("parent@school.example"));
/// assert!(!is_address("Parent <parent@school.example>"));
/// assert!(!is_address("\"a b\"@school.example"));
/// ```
pub fn is_address(text: &str) -> bool {
    text.len() <= MAX_ADDRESS_BYTES
        && text.split_once('@').is_some_and(|(local, domain)| is_local(local) && is_domain(domain))
}

/// Whether this is a domain name of two labels or more, in ASCII.
pub(crate) fn is_domain(domain: &str) -> bool {
    let top_is_numeric =
        domain.rsplit('.').next().is_some_and(|top| top.bytes().all(|byte| byte.is_ascii_digit()));
    domain.contains('.') && !top_is_numeric && domain.split('.').all(is_label)
}

fn is_local(local: &str) -> bool {
    local.len() <= MAX_LOCAL_BYTES
        && local.split('.').all(|atom| !atom.is_empty() && atom.bytes().all(is_atom_byte))
}

fn is_atom_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte)
}

fn is_label(label: &str) -> bool {
    (1..=MAX_LABEL_BYTES).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_addresses_are_taken() {
        let longest_local = format!("{}@a.example", "x".repeat(64));
        let longest =
            format!("{}@{}.{}.{}.example", "x".repeat(54), "a".repeat(63), "b".repeat(63), "c".repeat(63));
        assert_eq!(longest.len(), 254);
        for good in [
            "parent@school.example",
            "o'neill+mfa@mail.school.example",
            "a.b-c_d@x1.example",
            "cymraeg@xn--ysgol-example.cymru",
            &longest_local,
            &longest,
        ] {
            assert!(is_address(good), "{good}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let long_local = format!("{}@a.example", "x".repeat(65));
        let long =
            format!("{}@{}.{}.{}.example", "x".repeat(55), "a".repeat(63), "b".repeat(63), "c".repeat(63));
        let long_label = format!("a@{}.example", "a".repeat(64));
        for bad in [
            "",
            "@",
            "parent",
            "@school.example",
            "parent@",
            "parent@localhost",
            "parent@school.example.",
            "parent@.school.example",
            "parent@-school.example",
            "parent@school-.example",
            "parent@school..example",
            "parent@192.0.2.1",
            "parent@[192.0.2.1]",
            ".parent@school.example",
            "parent.@school.example",
            "pa..rent@school.example",
            "a@b@school.example",
            " parent@school.example",
            "parent@school.example ",
            "parent@school.example\r\nBcc: thief@evil.example",
            "parent\r\n@school.example",
            "parent@school.example,thief@evil.example",
            "parent@school.example;thief@evil.example",
            "parent@school.example>thief@evil.example",
            "Parent <parent@school.example>",
            "parent@school.example (the parent)",
            "\"parent\"@school.example",
            "\"thief@evil.example>,<x\"@school.example",
            "p\u{e4}rent@school.example",
            "parent@sch\u{f6}ol.example",
            "parent\0@school.example",
            &long_local,
            &long,
            &long_label,
        ] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }
}

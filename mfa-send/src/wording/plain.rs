//! Makes text from elsewhere fit for a line of a message: no line breaks, no tricks with direction, no links.

/// The most characters shown of a name that a person chose.
const MAX_NAME_CHARS: usize = 60;

/// Text of the host's, on one line: runs of white space and control characters become one space.
pub(crate) fn one_line(text: &str) -> String {
    let spaced: String = text.chars().map(|c| if is_hidden(c) { ' ' } else { c }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The name a person gave to a method, fit to be quoted.
///
/// Whoever broke into an account may name a method, and the owner reads that name in a message we vouch for:
/// what would end the quotation, or make a mail program show a link, becomes a space or a middle dot.
pub(super) fn quoted_name(name: &str) -> String {
    let tamed: String = name
        .chars()
        .map(|c| match c {
            '"' | '<' | '>' | '/' | '\\' | ':' | '@' | '“' | '”' | '‘' | '’' => ' ',
            '.' => '·',
            other => other,
        })
        .collect();
    let line = one_line(&tamed);
    if line.chars().count() > MAX_NAME_CHARS {
        line.chars().take(MAX_NAME_CHARS).chain(['…']).collect()
    } else {
        line
    }
}

/// Control characters, and those that reverse or hide what is around them (Unicode's bidirectional controls,
/// zero-width characters, line and paragraph separators).
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_hidden_characters_are_gone() {
        assert_eq!(one_line(" a\r\nBcc: b\t c\u{202e}d\u{2028}e\0 "), "a Bcc: b c d e");
        assert_eq!(one_line("Ysgol Tŷ Gwyn"), "Ysgol Tŷ Gwyn");
        assert_eq!(one_line("\r\n"), "");
    }

    #[test]
    fn names_make_no_links_and_stay_short() {
        assert_eq!(quoted_name("x” Sign in at https://evil.example/a"), "x Sign in at https evil·example a");
        assert_eq!(quoted_name("a@evil.example"), "a evil·example");
        assert_eq!(quoted_name(&"y".repeat(61)), format!("{}…", "y".repeat(60)));
        assert_eq!(quoted_name(&"y".repeat(60)), "y".repeat(60));
    }
}

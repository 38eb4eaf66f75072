//! QR codes for enrolment pages, as SVG that a screen reader can name and a strict CSP lets through.

use std::fmt::Write;

use fast_qr::{ECL, QRBuilder, QRCode};
use zeroize::Zeroize;

use crate::fault::{Fault, FaultKind};
use crate::secret::SecretText;

/// The light border that readers need, in modules (ISO/IEC 18004).
const QUIET_ZONE: usize = 4;

/// Draws an otpauth URI as a QR code: error correction M, black on white, one unit of the view box a module.
///
/// `title` is what a screen reader says of the picture; say what it is for, never the key. The SVG has no script,
/// no `style` and no size of its own: give the element around it one. It holds the key as plainly as the URI
/// does, so the page must be sent with `Cache-Control: no-store`.
///
/// # Errors
/// If the URI is longer than a QR code holds, which none from
/// [`OtpauthUri`](crate::factor::otpauth::OtpauthUri) is.
pub fn svg(uri: &SecretText, title: &str) -> Result<SecretText, Fault> {
    let mut code = QRBuilder::new(uri.expose())
        .ecl(ECL::M)
        .build()
        .map_err(|_| Fault::caused_by(FaultKind::Internal, "the text is too long for a QR code"))?;
    let drawn = draw(&code, title);
    for module in &mut code.data {
        module.0.zeroize();
    }
    Ok(drawn)
}

/// Each row is a path of strokes one unit thick, one stroke for each run of dark modules.
fn draw(code: &QRCode, title: &str) -> SecretText {
    let side = code.size + 2 * QUIET_ZONE;
    // Room for the densest code of that size: a string that grows leaves copies of the key behind.
    let mut svg = String::with_capacity(512 + title.len() * 6 + code.size * (12 + code.size * 5));
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {side} {side}\" role=\"img\" \
         shape-rendering=\"crispEdges\"><title>"
    );
    escape_into(&mut svg, title);
    let _ =
        write!(svg, "</title><path fill=\"#fff\" d=\"M0 0h{side}v{side}H0z\"/><path stroke=\"#000\" d=\"");
    for (row, modules) in code.data.chunks(code.size).take(code.size).enumerate() {
        let mut pen = None;
        let mut column = QUIET_ZONE;
        for run in modules.chunk_by(|one, next| one.value() == next.value()) {
            if run.first().is_some_and(|module| module.value()) {
                let _ = match pen {
                    None => write!(svg, "M{column} {}.5", row + QUIET_ZONE),
                    Some(pen) => write!(svg, "m{} 0", column - pen),
                };
                let _ = write!(svg, "h{}", run.len());
                pen = Some(column + run.len());
            }
            column += run.len();
        }
    }
    svg.push_str("\"/></svg>");
    SecretText::new(svg)
}

fn escape_into(svg: &mut String, text: &str) {
    for character in text.chars() {
        match character {
            '&' => svg.push_str("&amp;"),
            '<' => svg.push_str("&lt;"),
            '>' => svg.push_str("&gt;"),
            '"' => svg.push_str("&quot;"),
            '\'' => svg.push_str("&#39;"),
            // XML has no place for these, not even escaped.
            _ if character.is_control() => svg.push(' '),
            _ => svg.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_named_and_needs_no_exception_from_a_csp() {
        let drawn = svg(&"otpauth://totp/a:b?secret=A".into(), "QR <code> & \"key\"\0").unwrap();
        let drawn = drawn.expose();
        assert!(drawn.contains("role=\"img\""));
        assert!(drawn.contains("<title>QR &lt;code&gt; &amp; &quot;key&quot; </title>"));
        assert!(!drawn.contains("style") && !drawn.contains("script") && !drawn.contains("secret"));
    }

    #[test]
    fn the_longest_uri_fits_version_ten_and_the_room_made_for_it() {
        let longest = "a".repeat(crate::factor::otpauth::MAX_WRITTEN);
        let drawn = svg(&SecretText::new(longest), "").unwrap();
        assert!(drawn.expose().contains("viewBox=\"0 0 65 65\""));
    }

    #[test]
    fn text_that_no_code_holds_is_a_fault() {
        let endless = SecretText::new("a".repeat(5_000));
        assert_eq!(svg(&endless, "").unwrap_err().kind(), FaultKind::Internal);
    }

    /// Draws the strokes again into a field of modules.
    fn read_back(svg: &str) -> Vec<(usize, usize)> {
        let path = svg.rsplit_once("d=\"").unwrap().1.split_once('"').unwrap().0;
        let spaced: String = path
            .chars()
            .flat_map(|c| if c.is_ascii_alphabetic() { vec![' ', c, ' '] } else { vec![c] })
            .collect();
        let mut words = spaced.split_whitespace();
        let (mut x, mut y, mut dark) = (0, 0, Vec::new());
        while let Some(word) = words.next() {
            let mut number = || words.next().unwrap().trim_end_matches(".5").parse::<usize>().unwrap();
            match word {
                "M" => (x, y) = (number(), number()),
                "m" => {
                    x += number();
                    assert_eq!(number(), 0);
                }
                "h" => {
                    let run = number();
                    dark.extend((x..x + run).map(|column| (column, y)));
                    x += run;
                }
                other => panic!("{other}"),
            }
        }
        dark
    }

    #[test]
    fn every_dark_module_and_no_other_is_drawn() {
        let code = fast_qr::QRBuilder::new("otpauth://totp/a:b?secret=A").build().unwrap();
        let drawn = draw(&code, "it's a code");
        assert!(drawn.expose().contains("<title>it&#39;s a code</title>"));
        let mut dark = Vec::new();
        for (row, modules) in code.data.chunks(code.size).take(code.size).enumerate() {
            let columns = modules.iter().enumerate().filter(|(_, module)| module.value());
            dark.extend(columns.map(|(column, _)| (column + QUIET_ZONE, row + QUIET_ZONE)));
        }
        assert_eq!(read_back(drawn.expose()), dark);
    }
}

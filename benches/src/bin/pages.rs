//! Pages: how long each takes to write, and its bytes, beside a copy of as many bytes.
//!
//! `cargo run --release -p benches --bin pages`; the pages are the samples of mfa-web's own tests.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "measurements stop at the first surprise, and are printed"
)]

#[allow(dead_code, reason = "the tests look at more of it")]
#[path = "../../../mfa-web/tests/samples/mod.rs"]
mod samples;

use std::hint::black_box;
use std::time::{Duration, Instant};

use benches::median;
use benches::portal::{Kept, Portal};
use mfa_core::factor::qr;
use mfa_core::port::sender::Locale;
use mfa_core::secret::SecretText;
use mfa_web::message::{Method, Request};
use mfa_web::page::Chrome;
use mfa_web::paths;
use mfa_web::text::Text;

/// Rounds of each page and of its copy, which take turns.
const ROUNDS: usize = 41;
/// About how long a round is to take.
const ROUND: Duration = Duration::from_micros(500);

const URI: &str = "otpauth://totp/Hillside%20School:ffion.evans?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP\
                   &issuer=Hillside%20School&algorithm=SHA1&digits=6&period=30";

const INTRO: &str = "## Pages

Each page as mfa-web writes it in English from what it shows, without the account being loaded; the floor is a copy
of as many bytes. Medians of 41 rounds that take turns.

| page | bytes | µs | a copy, µs | page / copy |
|---|---|---|---|---|";

const WHOLE: &str = "
Whole answers of `Web::handle`, with the session and the store in memory:

| page | bytes | µs | a copy, µs | answer / copy |
|---|---|---|---|---|";

fn main() {
    println!("{INTRO}");
    let (brand, token) = (samples::brand(), SecretText::from(samples::TOKEN));
    let mut sums = [(0, 0.0, 0.0); 2];
    for sample in samples::all() {
        for (locale, sum) in [Locale::English, Locale::Welsh].into_iter().zip(&mut sums) {
            let chrome = Chrome {
                brand: &brand,
                text: Text::of(locale),
                mount: "/security",
                csrf: &token,
                here: sample.here,
                signed_in: sample.signed_in,
            };
            let (bytes, [written, copied]) = beside_a_copy(|| sample.page.render(&chrome).unwrap());
            *sum = (sum.0 + bytes, sum.1 + written, sum.2 + copied);
            if locale == Locale::English {
                row(sample.name, bytes, written, copied);
            }
        }
    }
    for (name, (bytes, written, copied)) in ["**all, English**", "**all, Welsh**"].into_iter().zip(sums) {
        row(name, bytes, written, copied);
    }
    let (bytes, [drawn, copied]) = beside_a_copy(|| {
        let uri = SecretText::from(URI);
        qr::svg(&uri, "QR code for your authenticator app").unwrap().expose().to_owned()
    });
    row("QR code, as SVG", bytes, drawn, copied);
    whole();
}

/// Whole answers: the session read, the account loaded, the page written, the session kept.
fn whole() {
    println!("{WHOLE}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let portal = runtime.block_on(Portal::open("memory"));
    let session = Kept::of(portal.state.clone());
    for path in [paths::SETTINGS, paths::ENROL] {
        let (bytes, [answered, copied]) = beside_a_copy(|| {
            let request = Request::new(Method::Get, &format!("/{path}")).with_header("accept", "text/html");
            let answer = runtime.block_on(portal.web.handle(&session, request));
            assert_eq!(answer.status(), 200);
            String::from_utf8(answer.into_body().into_owned()).unwrap()
        });
        row(path, bytes, answered, copied);
    }
}

fn row(name: &str, bytes: usize, written: f64, copied: f64) {
    println!("| {name} | {bytes} | {written:.2} | {copied:.3} | {:.1} |", written / copied);
}

/// How many bytes it writes, and the microseconds that it and a copy of them take.
fn beside_a_copy(write: impl Fn() -> String) -> (usize, [f64; 2]) {
    let text = write();
    let copy = || black_box(&text).clone();
    let counts = [often_enough(&write), often_enough(copy)];
    let (mut written, mut copied) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        written.push(repeated(&write, counts[0]));
        copied.push(repeated(copy, counts[1]));
    }
    let each = |times, count: u32| median(times).as_secs_f64() * 1e6 / f64::from(count);
    (text.len(), [each(written, counts[0]), each(copied, counts[1])])
}

fn repeated(write: impl Fn() -> String, count: u32) -> Duration {
    let began = Instant::now();
    for _ in 0..count {
        black_box(write());
    }
    began.elapsed()
}

/// How often in a round.
fn often_enough(write: impl Fn() -> String) -> u32 {
    let mut count = 1;
    while repeated(&write, count) < ROUND {
        count *= 2;
    }
    count
}

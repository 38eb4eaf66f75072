//! The published vectors for one-time passwords, and tables of what is read and what is refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test helper fails by panicking")]

use mfa_core::factor::hotp::{self, Counter, LookAhead, PreparedKey};
use mfa_core::factor::key::{Algorithm, Digits, KeyError, Period, SharedKey, decode_base32};
use mfa_core::factor::otpauth::{Kind, MAX_WRITTEN, OtpauthUri, UriError, parse};
use mfa_core::factor::totp::{self, Outcome, Progress, Step, TotpParams, Window};
use mfa_core::factor::typed::{TypedCode, read_code};
use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::entropy::{Entropy, SystemEntropy};
use mfa_core::refusal::Refusal;
use mfa_core::secret::{SecretBytes, SecretText};
use mfa_core::time::Timestamp;
use serde_json::Value;

fn vectors() -> Value {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn key(value: &Value) -> SharedKey {
    SharedKey::from_base32(text(value)).unwrap()
}

fn typed(code: &str) -> TypedCode {
    read_code(code, Digits::new(code.len() as u8).unwrap()).unwrap()
}

#[test]
fn rfc_4226_appendix_d() {
    let hotp = &vectors()["hotp"];
    let prepared = PreparedKey::new(Algorithm::Sha1, &key(&hotp["secret_base32"]));
    for (counter, code) in list(&hotp["codes"]).iter().enumerate() {
        assert_eq!(prepared.code(counter as u64, Digits::SIX).expose(), text(code));
        let next = Counter::new(counter as u64);
        let matched = hotp::verify(&prepared, Digits::SIX, next, LookAhead::default(), &typed(text(code)));
        assert_eq!(matched.unwrap().counter(), next);
    }
}

#[test]
fn rfc_6238_appendix_b() {
    let totp = &vectors()["totp"];
    let rows = list(&totp["rows"]);
    assert_eq!(rows.len(), 18);
    for row in rows {
        let algorithm: Algorithm = serde_json::from_value(row["algorithm"].clone()).unwrap();
        let prepared = PreparedKey::new(algorithm, &key(&totp["seeds"][text(&row["algorithm"])]));
        let now = Timestamp::from_unix(row["time"].as_u64().unwrap());
        for (digits, code) in [(Digits::EIGHT, &row["code8"]), (Digits::SIX, &row["code6"])] {
            let params = TotpParams { algorithm, digits, period: Period::default() };
            assert_eq!(params.step_at(now), Step::new(row["step"].as_u64().unwrap()), "{row}");
            assert_eq!(totp::code_at(&prepared, &params, now).expose(), text(code), "{row}");
        }
    }
}

/// Steps beyond 32 bits (RFC 6238 §4.2). The expected codes were computed with two other implementations.
#[test]
fn counters_beyond_32_bits() {
    let prepared = PreparedKey::new(Algorithm::Sha1, &key(&vectors()["hotp"]["secret_base32"]));
    for (counter, code) in BEYOND_32_BITS {
        assert_eq!(prepared.code(counter, Digits::EIGHT).expose(), code, "counter {counter}");
    }
}

#[test]
fn base32_vectors() {
    let base32 = &vectors()["base32"];
    for (plain, encoded) in base32["pairs"].as_object().unwrap() {
        assert_eq!(decode_base32(text(encoded)).unwrap().expose(), plain.as_bytes(), "{encoded}");
    }
    for spelling in list(&base32["accepted"]) {
        assert_eq!(decode_base32(text(spelling)).unwrap().expose(), b"foobar", "{spelling}");
    }
    for spelling in list(&base32["refused"]) {
        assert_eq!(decode_base32(text(spelling)), Err(KeyError::NotBase32), "{spelling}");
    }
    assert_eq!(decode_base32("\u{17f}AAAAAAA"), Err(KeyError::NotBase32));
    assert_eq!(decode_base32(&" ".repeat(1_000_000)), Err(KeyError::TooLong));
}

#[test]
fn keys_are_long_enough_random_and_shown_in_fours() {
    let mut seen = std::collections::HashSet::new();
    for _ in 0..1_000 {
        let key = SharedKey::generate(&SystemEntropy).unwrap();
        assert_eq!(key.as_secret().len(), 20);
        assert_eq!(SharedKey::from_base32(key.to_base32_in_fours().expose()).unwrap(), key);
        assert!(seen.insert(key.to_base32().expose().to_owned()));
    }
    let key = key(&vectors()["hotp"]["secret_base32"]);
    assert_eq!(key.to_base32_in_fours().expose(), "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ");
    assert!(!format!("{key:?}").contains("GEZD"));
    for (length, outcome) in [
        (0, Some(KeyError::TooShort { bits: 0 })),
        (10, Some(KeyError::TooShort { bits: 80 })),
        (15, Some(KeyError::TooShort { bits: 120 })),
        (16, None),
        (128, None),
        (129, Some(KeyError::TooLong)),
    ] {
        assert_eq!(SharedKey::from_bytes(SecretBytes::new(vec![7; length])).err(), outcome);
    }
}

#[test]
fn no_randomness_means_no_key() {
    struct Broken;
    impl Entropy for Broken {
        fn fill(&self, _: &mut [u8]) -> Result<(), Fault> {
            Err(Fault::new(FaultKind::Entropy))
        }
    }
    assert_eq!(SharedKey::generate(&Broken).unwrap_err().kind(), FaultKind::Entropy);
}

#[test]
fn codes_are_read_however_they_are_spelt() {
    for spelling in [
        "012345",
        " 012345",
        "012 345",
        "0 1 2 3 4 5",
        "012-345",
        "012\u{2013}345",
        "012\u{2212}345",
        "012.345",
        "#012345",
        "\u{201c}012345\u{201d}",
        "012\u{a0}345",
        "012\u{200b}345\u{feff}",
        "\u{202a}012345\u{202c}",
        "０１２３４５",
        "０１２　３４５\r\n",
    ] {
        assert_eq!(read_code(spelling, Digits::SIX).unwrap().expose(), "012345", "{spelling:?}");
    }
}

#[test]
fn what_is_no_code_is_told_so() {
    for spelling in [
        "12_3456",
        "123_456",
        "+123456",
        "1e5000",
        "0x1234",
        "12345O",
        "%31%32%33456",
        "١٢٣٤٥٦",
        "१२३४५६",
        "12345\u{0}6",
        "1\u{fe0f}\u{20e3}23456",
    ] {
        let refusal = read_code(spelling, Digits::SIX).unwrap_err();
        assert_eq!(refusal, Refusal::CodeCharacters, "{spelling:?}");
    }
    for (spelling, typed) in [("", 0), ("12345", 5), ("1234567", 7), ("12 34-567 8", 8)] {
        let refusal = read_code(spelling, Digits::SIX).unwrap_err();
        assert_eq!(refusal, Refusal::CodeLength { expected: 6, typed }, "{spelling:?}");
    }
    for endless in [" ".repeat(10_000_000), "1".repeat(257)] {
        let refusal = read_code(&endless, Digits::SIX).unwrap_err();
        assert_eq!(refusal, Refusal::CodeLength { expected: 6, typed: 255 });
    }
    assert!(read_code("12345678", Digits::EIGHT).is_ok());
}

#[test]
fn hotp_looks_ahead_and_never_back() {
    let prepared = PreparedKey::new(Algorithm::Sha1, &key(&vectors()["hotp"]["secret_base32"]));
    let code = |counter| typed(prepared.code(counter, Digits::SIX).expose());
    let verify = |next, typed: &TypedCode| {
        hotp::verify(&prepared, Digits::SIX, Counter::new(next), LookAhead::default(), typed)
            .map(|matched| matched.next().value())
    };
    assert_eq!(verify(10, &code(10)), Some(11));
    assert_eq!(verify(10, &code(15)), Some(16));
    assert_eq!(verify(10, &code(16)), None);
    assert_eq!(verify(10, &code(9)), None);
    let resync = |next, first: &TypedCode, second: &TypedCode| {
        hotp::resync(&prepared, Digits::SIX, Counter::new(next), first, second)
            .map(|matched| matched.next().value())
    };
    assert_eq!(resync(10, &code(60), &code(61)), Some(62));
    assert_eq!(resync(10, &code(61), &code(62)), None);
    assert_eq!(resync(10, &code(20), &code(22)), None);
    assert_eq!(resync(10, &code(21), &code(20)), None);
    assert_eq!(resync(10, &code(9), &code(10)), None);
    // The last value is never accepted: no later one could be stored.
    assert_eq!(verify(u64::MAX - 1, &code(u64::MAX - 1)), Some(u64::MAX));
    assert_eq!(verify(u64::MAX - 1, &code(u64::MAX)), None);
    assert_eq!(verify(u64::MAX, &code(u64::MAX)), None);
    assert_eq!(resync(u64::MAX - 2, &code(u64::MAX - 2), &code(u64::MAX - 1)), Some(u64::MAX));
    assert!(LookAhead::new(21).is_err());
}

#[test]
fn a_code_of_another_length_is_wrong() {
    let prepared = PreparedKey::new(Algorithm::Sha1, &key(&vectors()["hotp"]["secret_base32"]));
    let now = Timestamp::from_unix(59);
    let eight = TotpParams { digits: Digits::EIGHT, ..TotpParams::default() };
    for (params, code) in [(TotpParams::default(), "94287082"), (eight, "287082")] {
        let outcome =
            totp::verify(&prepared, &params, &Window::default(), &Progress::default(), now, &typed(code));
        assert_eq!(outcome, Outcome::Wrong);
    }
}

#[test]
fn what_is_read_back_passes_the_checks_of_the_constructor() {
    fn reads<T: serde::de::DeserializeOwned>(json: &str) -> bool {
        serde_json::from_str::<T>(json).is_ok()
    }
    let params = TotpParams::default();
    let json = serde_json::to_string(&params).unwrap();
    assert_eq!(json, r#"{"algorithm":"sha1","digits":6,"period":30}"#);
    assert_eq!(serde_json::from_str::<TotpParams>(&json).unwrap(), params);
    for (from, to) in [
        ("30", "0"),
        ("30", "14"),
        ("30", "121"),
        ("30", "286"),
        ("30", "-30"),
        ("6", "5"),
        ("6", "9"),
        ("6", "262"),
        ("sha1", "md5"),
    ] {
        assert!(!reads::<TotpParams>(&json.replace(from, to)), "{from} -> {to}");
    }
    assert!(reads::<Progress>(r#"{"last":null,"drift":0}"#));
    assert!(reads::<Progress>(r#"{"last":18446744073709551615,"drift":-10}"#));
    for bad in [
        r#"{"last":1,"drift":11}"#,
        r#"{"last":1,"drift":-11}"#,
        r#"{"last":1,"drift":-128}"#,
        r#"{"last":-1,"drift":0}"#,
        r#"{"last":1}"#,
        r#"{"drift":0}"#,
    ] {
        assert!(!reads::<Progress>(bad), "{bad}");
    }
    assert!(Window::new(5, 5, 10).is_ok());
    for (past, future, drift) in [(6, 0, 0), (0, 6, 0), (0, 0, 11), (255, 255, 255)] {
        assert!(Window::new(past, future, drift).is_err());
    }
}

#[test]
fn the_published_uri_is_read() {
    let otpauth = &vectors()["otpauth"];
    let parsed = parse(text(&otpauth["uri"])).unwrap();
    assert_eq!(parsed.issuer.as_deref(), Some("ACME Co"));
    assert_eq!(parsed.account.expose(), "john.doe@email.com");
    assert_eq!(parsed.kind, Kind::Totp(TotpParams::default()));
    let prepared = PreparedKey::new(Algorithm::Sha1, &parsed.key);
    for (time, code) in otpauth["codes"].as_object().unwrap() {
        let now = Timestamp::from_unix(time.parse().unwrap());
        assert_eq!(totp::code_at(&prepared, &TotpParams::default(), now).expose(), text(code));
    }
    assert_eq!(parse(text(&otpauth["short_key"])), Err(UriError::Key(KeyError::TooShort { bits: 80 })));
    for label in list(&otpauth["labels"]) {
        let uri = format!("otpauth://totp/{}?secret={KEY}", text(label));
        assert!(parse(&uri).unwrap().issuer.is_some(), "{uri}");
    }
}

const KEY: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn uris_are_written_for_every_app() {
    let shared = SharedKey::from_base32(KEY).unwrap();
    let uri = OtpauthUri::new("Ysgol y Bryn & Co", "siân+1@x.cymru", &shared, TotpParams::default()).unwrap();
    assert_eq!(
        uri.to_uri().expose(),
        "otpauth://totp/Ysgol%20y%20Bryn%20%26%20Co:si%C3%A2n%2B1@x.cymru\
         ?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Ysgol%20y%20Bryn%20%26%20Co\
         &algorithm=SHA1&digits=6&period=30"
    );
    assert!(!format!("{uri:?}").contains(KEY));
    let write = |issuer, account| OtpauthUri::new(issuer, account, &shared, TotpParams::default()).err();
    assert_eq!(write("a:b", "c"), Some(UriError::Colon("issuer")));
    assert_eq!(write("a", "b:c"), Some(UriError::Colon("account")));
    assert_eq!(write(" ", "c"), Some(UriError::Empty("issuer")));
    assert_eq!(write("a", ""), Some(UriError::Empty("account")));
    assert_eq!(write("a\nb", "c"), Some(UriError::NotText("issuer")));
}

#[test]
fn long_names_are_shortened_the_account_first() {
    let shared = SharedKey::from_base32(KEY).unwrap();
    let write = |issuer: &str, account: &str| {
        let uri = OtpauthUri::new(issuer, account, &shared, TotpParams::default()).unwrap();
        assert!(uri.to_uri().len() <= MAX_WRITTEN);
        let parsed = parse(uri.to_uri().expose()).unwrap();
        (parsed.issuer.unwrap(), parsed.account.expose().to_owned())
    };
    let (issuer, account) = write("Hill School", &"a".repeat(500));
    assert_eq!(issuer, "Hill School");
    assert!(account.len() > 20);
    let (issuer, account) = write(&"é".repeat(100), &"ŵ".repeat(100));
    assert!(issuer.chars().all(|c| c == 'é') && account.chars().all(|c| c == 'ŵ'));
    assert_eq!(account.chars().count(), 3);
    let (issuer, account) = write(&"i".repeat(500), "ann");
    assert_eq!(account, "ann");
    assert!(issuer.len() > 40);
    // Cut wherever it may be, a name never ends in the space between two words.
    for length in 40..120 {
        let words = format!("{} word {}", "i".repeat(length), "i".repeat(100));
        let (issuer, account) = write(&words, &words);
        assert_eq!((issuer.trim(), account.trim()), (issuer.as_str(), account.as_str()), "{length}");
    }

    let long = SharedKey::from_bytes(SecretBytes::new(vec![1; 64])).unwrap();
    let widest = "\u{20000}".repeat(9);
    let params = TotpParams {
        algorithm: Algorithm::Sha512,
        digits: Digits::EIGHT,
        period: Period::from_seconds(120).unwrap(),
    };
    assert!(OtpauthUri::new(&widest, &"a".repeat(30), &long, params).is_ok());
    let longest = SharedKey::from_bytes(SecretBytes::new(vec![1; 128])).unwrap();
    assert_eq!(OtpauthUri::new("a", "b", &longest, TotpParams::default()).err(), Some(UriError::TooLong));
}

#[test]
fn hostile_uris_are_refused() {
    let with = |rest: &str| format!("otpauth://totp/a:b?secret={KEY}{rest}");
    assert!(parse(&with("")).is_ok());
    assert!(parse(&with("&digits=8&period=60&algorithm=sha512&issuer=a&image=x")).is_ok());
    assert!(parse(&format!("otpauth://hotp/b?secret={KEY}&counter=0")).is_ok());
    assert!(parse(&format!("otpauth://totp/a%3a%20%20b?secret={KEY}&issuer=a")).is_ok());
    let refused = [
        (with("&digits=5"), UriError::Parameter("digits")),
        (with("&digits=9"), UriError::Parameter("digits")),
        (with("&digits=262"), UriError::Parameter("digits")),
        (with("&digits=+6"), UriError::Parameter("digits")),
        (with("&digits="), UriError::Parameter("digits")),
        (with("&digits=99999999999999999999"), UriError::Parameter("digits")),
        (with("&period=0"), UriError::Parameter("period")),
        (with("&period=-30"), UriError::Parameter("period")),
        (with("&period=121"), UriError::Parameter("period")),
        (with("&algorithm=MD5"), UriError::Parameter("algorithm")),
        (with("&counter=1"), UriError::Parameter("counter")),
        (format!("otpauth://hotp/b?secret={KEY}"), UriError::Parameter("counter")),
        (format!("otpauth://hotp/b?secret={KEY}&counter=1&period=30"), UriError::Parameter("period")),
        ("otpauth://totp/a?x=1".to_owned(), UriError::Parameter("secret")),
        (with("&secret=AAAA"), UriError::Repeated),
        (with("&SECRET=AAAA"), UriError::Repeated),
        (with("&x=1&x=2"), UriError::Repeated),
        (with("&issuer=c"), UriError::IssuerMismatch),
        (with("&issuer=A"), UriError::IssuerMismatch),
        (with("&issuer="), UriError::Empty("issuer")),
        (with("&issuer=a%00"), UriError::NotText("issuer")),
        (with("&issuer=%ff"), UriError::NotText("issuer")),
        (with("&issuer=a%"), UriError::NotText("issuer")),
        (with("&issuer=a%4"), UriError::NotText("issuer")),
        (with("&issuer=a%zz"), UriError::NotText("issuer")),
        (with("&issuer=a:b"), UriError::Colon("issuer")),
        (with("&%69ssuer=a"), UriError::NotOtpauth),
        (with("&x"), UriError::NotOtpauth),
        (with("#x"), UriError::NotOtpauth),
        (with("&issuer=a b"), UriError::NotOtpauth),
        (with("&issuer=é"), UriError::NotOtpauth),
        (with(&"&a=1".repeat(600)), UriError::TooLong),
        (format!("otpauth://totp/a:b:c?secret={KEY}"), UriError::Colon("account")),
        (format!("otpauth://totp/a:?secret={KEY}"), UriError::Empty("account")),
        (format!("otpauth://totp/?secret={KEY}"), UriError::Empty("account")),
        (format!("otpauth://totp/:b?secret={KEY}"), UriError::Empty("issuer")),
        (format!("otpauth://steam/b?secret={KEY}"), UriError::NotOtpauth),
        (format!("https://totp/b?secret={KEY}"), UriError::NotOtpauth),
        ("otpauth://totp/b".to_owned(), UriError::NotOtpauth),
        (String::new(), UriError::NotOtpauth),
        ("otpauth://totp/b?secret=GEZDGNBV1".to_owned(), UriError::Key(KeyError::NotBase32)),
    ];
    for (uri, error) in refused {
        assert_eq!(parse(&uri), Err(error), "{uri}");
        assert!(!error.to_string().contains("GEZD"));
    }
}

#[test]
fn no_secret_is_printed() {
    let shared = SharedKey::from_base32(KEY).unwrap();
    let prepared = PreparedKey::new(Algorithm::Sha1, &shared);
    let code = prepared.code(1, Digits::SIX);
    assert_eq!(format!("{prepared:?}"), "[redacted]");
    assert_eq!(format!("{code:?} {:?}", typed("287082")), "[redacted] [redacted]");
    assert_eq!(SecretText::from(code).expose(), "287082");
    let parsed = format!("{:?}", parse(&format!("otpauth://totp/ann?secret={KEY}")).unwrap());
    assert!(!parsed.contains("ann") && !parsed.contains(KEY));
}

const BEYOND_32_BITS: [(u64, &str); 5] = [
    ((1 << 32) - 1, "57117190"),
    (1 << 32, "55999456"),
    ((1 << 40) + 12_345, "46856491"),
    (1 << 63, "17959616"),
    (u64::MAX, "63094451"),
];

/// RFC 4226 §5.3: a code is the last digits of the number, six to eight of them (the numbers of Appendix D).
#[test]
fn shorter_codes_are_the_last_digits_of_longer_ones() {
    let bytes = SecretBytes::new(b"12345678901234567890".to_vec());
    let key = PreparedKey::new(Algorithm::Sha1, &SharedKey::from_bytes(bytes).unwrap());
    let numbers = [
        1_284_755_224_u32,
        1_094_287_082,
        137_359_152,
        1_726_969_429,
        1_640_338_314,
        868_254_676,
        1_918_287_922,
        82_162_583,
        673_399_871,
        645_520_489,
    ];
    for (counter, number) in (0..).zip(numbers) {
        let decimal = format!("{number:010}");
        for digits in [Digits::SIX, Digits::SEVEN, Digits::EIGHT] {
            let code = key.code(counter, digits);
            let last = &decimal[10 - usize::from(digits.as_u8())..];
            assert_eq!(code.expose(), last, "{counter} {digits:?}");
            let typed = read_code(last, digits).unwrap();
            assert_eq!(typed.digits(), digits);
            let next = Counter::new(counter);
            let matched = hotp::verify(&key, digits, next, LookAhead::default(), &typed);
            assert_eq!(matched.unwrap().counter(), next, "{digits:?}");
        }
    }
}

/// What is pasted may be long, but not endless.
#[test]
fn text_is_read_up_to_its_limit_and_no_further() {
    let key = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    assert!(read_code(&format!("{:<256}", "123456"), Digits::SIX).is_ok());
    let endless = read_code(&format!("{:<257}", "123456"), Digits::SIX).unwrap_err();
    assert_eq!(endless, Refusal::CodeLength { expected: 6, typed: u8::MAX });
    assert!(decode_base32(&format!("{key:<512}")).is_ok());
    assert_eq!(decode_base32(&format!("{key:<513}")).unwrap_err(), KeyError::TooLong);
    let uri = |bytes: usize| format!("{:x<bytes$}", format!("otpauth://totp/a?secret={key}&more="));
    assert!(parse(&uri(2_048)).is_ok());
    assert_eq!(parse(&uri(2_049)).unwrap_err(), UriError::TooLong);
}

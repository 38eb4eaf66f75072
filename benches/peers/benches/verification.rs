//! Making and verifying codes, beside other crates, the prepared HMAC, and the compressions that the result needs.
//!
//! Of the compressions there are two floors, both without anything that has to be written into blocks between them: one after the
//! other, as everybody lays them out; and those of three codes side by side, first the inner ones and then the outer ones.
//!
//! Everybody verifies over a window of one step each way; where a crate verifies one step only, it is asked three times. A crate
//! that can keep a key ready does; `from its secret` is the other way, which begins with what a portal has stored.

use std::hint::black_box;
use std::time::Duration;

use chacha20poly1305::XChaCha20Poly1305;
use chacha20poly1305::aead::Aead as _;
use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use hmac::{Hmac, KeyInit, Mac};
use mfa_core::factor::hotp::PreparedKey;
use mfa_core::factor::key::{Algorithm, SharedKey};
use mfa_core::factor::totp::{Outcome, Progress, TotpParams, Window, code_at, verify};
use mfa_core::factor::typed::read_code;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::entropy::SystemEntropy;
use mfa_core::port::sealer::{KeyRing, Place, Sealer};
use mfa_core::secret::SecretBytes;
use mfa_core::time::Timestamp;

const NOW: u64 = 1_795_425_000;
const RING: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

/// One of the three hashes, as each crate names it.
struct Hash {
    name: &'static str,
    ours: Algorithm,
    totp_rs: totp_rs::Algorithm,
    axess: axess_factors::totp::TotpAlgorithm,
    libreauth: libreauth::hash::HashFunction,
    slauth: slauth::oath::HashesAlgorithm,
    lite: fn(&[u8], u64) -> String,
    /// The compressions, and the HMACs, of so many codes.
    compress: fn(usize),
    side_by_side: fn(),
    hmac: fn(&[u8]) -> Box<dyn Fn(usize)>,
    key: &'static [u8],
}

macro_rules! compressions {
    ($compress:path, $state:expr, $block:literal) => {
        |codes| {
            let block = [[0x5a_u8; $block]];
            let mut state = black_box($state);
            for _ in 0..2 * codes {
                $compress(&mut state, black_box(&block));
            }
            black_box(state);
        }
    };
}

macro_rules! side_by_side {
    ($compress:path, $state:expr, $block:literal) => {
        || {
            let block = [[0x5a_u8; $block]];
            let mut states = black_box([$state; 3]);
            for _inner_and_outer in 0..2 {
                for state in &mut states {
                    $compress(state, black_box(&block));
                }
            }
            black_box(states);
        }
    };
}

macro_rules! macs {
    ($hash:ty) => {
        |key| {
            let prepared = Hmac::<$hash>::new_from_slice(key).unwrap();
            Box::new(move |codes| {
                for code in 0..codes as u64 {
                    let mut mac = prepared.clone();
                    mac.update(&black_box(code).to_be_bytes());
                    black_box(mac.finalize().into_bytes());
                }
            })
        }
    };
}

fn hashes() -> [Hash; 3] {
    // The seeds of RFC 6238, appendix B.
    [
        Hash {
            name: "SHA-1",
            ours: Algorithm::Sha1,
            totp_rs: totp_rs::Algorithm::SHA1,
            axess: axess_factors::totp::TotpAlgorithm::SHA1,
            libreauth: libreauth::hash::HashFunction::Sha1,
            slauth: slauth::oath::HashesAlgorithm::SHA1,
            lite: totp_lite::totp::<totp_lite::Sha1>,
            compress: compressions!(sha1::block_api::compress, [7_u32; 5], 64),
            side_by_side: side_by_side!(sha1::block_api::compress, [7_u32; 5], 64),
            hmac: macs!(sha1::Sha1),
            key: b"12345678901234567890",
        },
        Hash {
            name: "SHA-256",
            ours: Algorithm::Sha256,
            totp_rs: totp_rs::Algorithm::SHA256,
            axess: axess_factors::totp::TotpAlgorithm::SHA256,
            libreauth: libreauth::hash::HashFunction::Sha256,
            slauth: slauth::oath::HashesAlgorithm::SHA256,
            lite: totp_lite::totp::<totp_lite::Sha256>,
            compress: compressions!(sha2::block_api::compress256, [7_u32; 8], 64),
            side_by_side: side_by_side!(sha2::block_api::compress256, [7_u32; 8], 64),
            hmac: macs!(sha2::Sha256),
            key: b"12345678901234567890123456789012",
        },
        Hash {
            name: "SHA-512",
            ours: Algorithm::Sha512,
            totp_rs: totp_rs::Algorithm::SHA512,
            axess: axess_factors::totp::TotpAlgorithm::SHA512,
            libreauth: libreauth::hash::HashFunction::Sha512,
            slauth: slauth::oath::HashesAlgorithm::SHA512,
            lite: totp_lite::totp::<totp_lite::Sha512>,
            compress: compressions!(sha2::block_api::compress512, [7_u64; 8], 128),
            side_by_side: side_by_side!(sha2::block_api::compress512, [7_u64; 8], 128),
            hmac: macs!(sha2::Sha512),
            key: b"1234567890123456789012345678901234567890123456789012345678901234",
        },
    ]
}

/// Whether it says that the code is right; measured, and asked once whether it does.
fn check(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    expected: bool,
    mut verify: impl FnMut() -> bool,
) {
    assert_eq!(verify(), expected, "{name}");
    group.bench_function(name, |bencher| bencher.iter(&mut verify));
}

fn codes(criterion: &mut Criterion) {
    for hash in hashes() {
        let params = TotpParams { algorithm: hash.ours, ..TotpParams::default() };
        let shared = || SharedKey::from_bytes(SecretBytes::new(hash.key.to_vec())).unwrap();
        let key = PreparedKey::new(hash.ours, &shared());
        let now = Timestamp::from_unix(NOW);
        let right = code_at(&key, &params, now).expose().to_owned();
        let base32 = base32::encode(base32::Alphabet::Rfc4648 { padding: false }, hash.key);
        let totp_rs = totp_rs::Builder::new()
            .with_algorithm(hash.totp_rs)
            .with_secret(hash.key.to_vec())
            .with_skew(1)
            .build_noncompliant();
        let is_sha1 = hash.ours == Algorithm::Sha1;

        let mut group = criterion.benchmark_group(format!("{} make", hash.name));
        let mut make = |name: &str, make: &mut dyn FnMut() -> String| {
            assert_eq!(make(), right, "{name}");
            group.bench_function(name, |bencher| bencher.iter(&mut *make));
        };
        // As a string, as the others do.
        make("mfa-core", &mut || code_at(black_box(&key), &params, black_box(now)).expose().to_owned());
        make("totp-rs", &mut || totp_rs.generate(black_box(NOW)).to_string());
        let mut libreauth = libreauth::oath::TOTPBuilder::new();
        let mut libreauth = |key: &[u8]| {
            let builder = libreauth.key(key).timestamp(NOW as i64).tolerance(1).hash_function(hash.libreauth);
            builder.finalize().unwrap()
        };
        let prepared = libreauth(hash.key);
        make("libreauth", &mut || black_box(&prepared).generate());
        make("totp-lite", &mut || {
            // Eight digits by default; these are the last six.
            let code = (hash.lite)(black_box(hash.key), NOW);
            code.get(2..).unwrap().to_owned()
        });
        if is_sha1 {
            let otpauth = otpauth::TOTP::from_bytes(hash.key);
            make("otpauth", &mut || format!("{:06}", otpauth.generate(30, black_box(NOW))));
            let google = google_authenticator::GoogleAuthenticator::new();
            make("google-authenticator", &mut || google.get_code(black_box(&base32), NOW / 30).unwrap());
        }
        group.bench_function("floor: two compressions", |bencher| bencher.iter(|| (hash.compress)(1)));
        let hmac = (hash.hmac)(hash.key);
        group.bench_function("floor: prepared HMAC", |bencher| bencher.iter(|| hmac(1)));
        group.finish();

        let wrong = if right == "000000" { "000001" } else { "000000" }.to_owned();
        for (what, code, expected) in [("right", &right, true), ("wrong", &wrong, false)] {
            let mut group = criterion.benchmark_group(format!("{} {what}", hash.name));
            let window = Window::default();
            let ours = |key: &PreparedKey, code: &str| {
                let Ok(typed) = read_code(code, params.digits) else { return false };
                let outcome = verify(key, &params, &window, &Progress::default(), now, &typed);
                matches!(outcome, Outcome::Accepted(_))
            };
            let typed = read_code(code, params.digits).unwrap();
            // The floors right before ours: what this machine does meanwhile is the same to both.
            group.bench_function("floor: six compressions", |bencher| bencher.iter(|| (hash.compress)(3)));
            check(&mut group, "mfa-core", expected, || {
                let progress = black_box(Progress::default());
                matches!(
                    verify(black_box(&key), &params, &window, &progress, now, black_box(&typed)),
                    Outcome::Accepted(_)
                )
            });
            group.bench_function("floor: six compressions side by side", |bencher| {
                bencher.iter(hash.side_by_side)
            });
            check(&mut group, "mfa-core, reading what was typed", expected, || {
                ours(black_box(&key), black_box(code))
            });
            check(&mut group, "mfa-core from its secret", expected, || {
                ours(&PreparedKey::new(hash.ours, black_box(&shared())), black_box(code))
            });
            let ring = KeyRing::from_hex(RING).unwrap();
            let account = AccountKey::of_user(UserId::new("ann").unwrap());
            let place = Place { account: &account, item: &[7; 16], field: "totp.key" };
            let sealed = ring.seal(&SystemEntropy, place, hash.key).unwrap();
            check(&mut group, "mfa-core from its sealed secret", expected, || {
                let opened = ring.open(place, black_box(&sealed)).unwrap();
                ours(&PreparedKey::new(hash.ours, &SharedKey::from_bytes(opened).unwrap()), black_box(code))
            });
            let cipher = XChaCha20Poly1305::new(&[7; 32].into());
            let bare = cipher.encrypt(&[9; 24].into(), hash.key).unwrap();
            group.bench_function("floor: the cipher alone, opening the secret", |bencher| {
                bencher
                    .iter(|| cipher.decrypt(&black_box([9; 24]).into(), black_box(bare.as_slice())).unwrap());
            });

            check(&mut group, "totp-rs", expected, || totp_rs.check(black_box(code), NOW).is_some());
            check(&mut group, "totp-rs from its secret", expected, || {
                let builder = totp_rs::Builder::new().with_algorithm(hash.totp_rs).with_skew(1);
                let totp = builder.with_secret(black_box(hash.key).to_vec()).build_noncompliant();
                totp.check(black_box(code), NOW).is_some()
            });
            check(&mut group, "axess-factors from its secret", expected, || {
                let params = axess_factors::totp::TotpVerifyParams {
                    algorithm: hash.axess,
                    ..axess_factors::totp::TotpVerifyParams::default()
                };
                let now = chrono::DateTime::from_timestamp(NOW as i64, 0).unwrap();
                axess_factors::totp::verify_totp(black_box(&base32), black_box(code), now, params).is_some()
            });
            check(&mut group, "libreauth", expected, || black_box(&prepared).is_valid(black_box(code)));
            check(&mut group, "libreauth from its secret", expected, || {
                libreauth(black_box(hash.key)).is_valid(black_box(code))
            });
            // Goes by the system's clock, and so needs its own right code. It tries a half-open range.
            let mut slauth = slauth::oath::totp::TOTPContext::builder()
                .algorithm(hash.slauth.clone())
                .secret(hash.key)
                .re_sync_parameter(1, 2)
                .build();
            if expected {
                let shown = slauth.r#gen();
                group.bench_function("slauth", |bencher| bencher.iter(|| slauth.verify(black_box(&shown))));
            } else {
                check(&mut group, "slauth", false, || slauth.verify(black_box("00000x")));
            }
            check(&mut group, "totp-lite from its secret", expected, || {
                // It makes codes of eight digits by default.
                [NOW - 30, NOW, NOW + 30].iter().any(|time| {
                    (hash.lite)(black_box(hash.key), *time).get(2..) == Some(black_box(code.as_str()))
                })
            });
            if is_sha1 {
                let otpauth = otpauth::TOTP::from_bytes(hash.key);
                check(&mut group, "otpauth", expected, || {
                    let code: u32 = black_box(code).parse().unwrap();
                    [NOW - 30, NOW, NOW + 30].iter().any(|time| otpauth.verify(code, 30, *time))
                });
                let google = google_authenticator::GoogleAuthenticator::new();
                check(&mut group, "google-authenticator from its secret", expected, || {
                    google.verify_code(black_box(&base32), black_box(code), 1, NOW / 30)
                });
            }
            let hmac = (hash.hmac)(hash.key);
            group.bench_function("floor: prepared HMAC", |bencher| bencher.iter(|| hmac(3)));
            group.finish();
        }
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .without_plots()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(50);
    targets = codes
}
criterion_main!(benches);

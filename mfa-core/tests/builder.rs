//! What the builder refuses, and that each refusal names the setting and a fix that works.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "helpers of tests; a failure is what they are for"
)]

use std::time::Duration;

use mfa_core::config::ConfigError;
use mfa_core::factor::totp::Window;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::secret::SecretBytes;
use mfa_core::service::{Builder, Mfa};
use mfa_core::settings::{Confirm, Preset};
use mfa_core::throttle::Limits;
use mfa_testing::sender::RecordingSender;

const KEY: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";

fn bare(service: &str, host: &str) -> Builder {
    Mfa::builder(service, host)
}

fn good() -> Builder {
    let ring = KeyRing::from_hex(KEY).unwrap();
    bare("Hillside School", "portal.hillside.example").store(MemoryStore::new()).sealer(ring)
}

fn whole(service: &str, host: &str) -> Builder {
    let ring = KeyRing::from_hex(KEY).unwrap();
    bare(service, host).store(MemoryStore::new()).sealer(ring)
}

fn refused(builder: Builder) -> ConfigError {
    builder.build().map(|_| ()).expect_err("it was built")
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn the_least_there_must_be_builds() {
    good().build().unwrap();
}

#[test]
fn every_mistake_names_its_setting_and_the_fix() {
    let ring = || KeyRing::from_hex(KEY).unwrap();
    let limits = |change: fn(&mut Limits)| {
        let mut limits = Limits::default();
        change(&mut limits);
        limits
    };
    let mistakes: Vec<(&str, Builder)> = vec![
        ("store", bare("School", "school.example").sealer(ring())),
        ("sealer", bare("School", "school.example").store(MemoryStore::new())),
        ("service", whole("  ", "school.example")),
        ("service", whole("Hillside: portal", "school.example")),
        ("service", whole("Hillside\nSchool", "school.example")),
        ("service", whole(&"x".repeat(101), "school.example")),
        ("host", whole("School", "")),
        ("host", whole("School", "https://school.example")),
        ("host", whole("School", "school.example/portal")),
        ("host", whole("School", "school .example")),
        ("help", good().sender(RecordingSender::new())),
        ("help", good().sender(RecordingSender::new()).help(" ")),
        ("email_codes", good().email_codes(true)),
        (
            "email_codes",
            good().sender(RecordingSender::new()).help("the office").preset(Preset::Aal2).email_codes(true),
        ),
        ("sender", good().help("the office").sender(RecordingSender::new()).sender(RecordingSender::new())),
        ("code_life", good().code_life(secs(0))),
        ("code_life", good().code_life(secs(601))),
        ("fresh", good().fresh(secs(59))),
        ("fresh", good().fresh(secs(86_401))),
        ("limits", good().limits(limits(|limits| limits.per_challenge = 0))),
        ("limits", good().limits(limits(|limits| limits.delivered = 0))),
        ("limits", good().limits(limits(|limits| limits.disable_at = 0))),
        ("limits.free", good().limits(limits(|limits| limits.free = 0))),
        ("waits", good().limits(limits(|limits| limits.longest_wait = secs(86_401)))),
        ("waits", good().cooldown(secs(86_401))),
        ("limits.disable_at", good().limits(limits(|limits| limits.disable_at = 101))),
        ("limits.disable_at", good().limits(limits(|limits| limits.disable_at = u16::MAX))),
        ("backup_codes", good().backup_codes(0)),
        ("backup_codes", good().backup_codes(51)),
        ("window", good().preset(Preset::Strict).window(Window::default())),
        ("clock_tolerance", good().clock_tolerance(secs(301))),
        ("pepper", good().pepper(SecretBytes::from(vec![7; 15]))),
    ];
    for (setting, builder) in mistakes {
        let error = refused(builder);
        assert_eq!(error.setting(), setting, "{error}");
        assert!(!error.fix().is_empty() && error.to_string().ends_with(error.fix()), "{error}");
    }
}

#[test]
fn the_fixes_are_taken() {
    let sender = RecordingSender::new;
    good().sender(sender()).help("the office").email_codes(true).build().unwrap();
    good().preset(Preset::Strict).build().unwrap();
    good().preset(Preset::Aal2).sender(sender()).help("the office").build().unwrap();
    good().code_life(secs(600)).backup_codes(50).clock_tolerance(secs(300)).build().unwrap();
    good().pepper(SecretBytes::from(vec![7; 16])).build().unwrap();
    whole(&"x".repeat(100), "school.example").build().unwrap();
    good().limits(Limits { disable_at: 100, ..Limits::default() }).build().unwrap();
    good().danger_without_limits().build().unwrap();
    good().limits(Limits { free: 1, longest_wait: secs(86_400), ..Limits::default() }).build().unwrap();
    good().cooldown(secs(86_400)).build().unwrap();
    for fresh in [60, 86_400] {
        assert_eq!(good().fresh(secs(fresh)).build().unwrap().settings().fresh(), secs(fresh));
    }
}

#[test]
fn what_was_set_is_what_pages_are_told() {
    let plain = good().build().unwrap();
    assert_eq!(plain.settings().service(), "Hillside School");
    assert_eq!((plain.settings().confirm(), plain.settings().email_codes()), (Confirm::OneCode, false));
    assert_eq!((plain.settings().backup_codes(), plain.settings().help(Locale::Welsh)), (10, ""));
    let own = good()
        .sender(RecordingSender::new())
        .help("the office")
        .help_in(Locale::Welsh, "y swyddfa")
        .email_codes(true)
        .confirm(Confirm::TwoConsecutive)
        .backup_codes(12)
        .build()
        .unwrap();
    let settings = own.settings();
    assert_eq!((settings.confirm(), settings.email_codes()), (Confirm::TwoConsecutive, true));
    assert_eq!(settings.backup_codes(), 12);
    assert_eq!((settings.help(Locale::English), settings.help(Locale::Welsh)), ("the office", "y swyddfa"));
}

#[test]
fn settings_hold_in_whichever_order_they_are_given() {
    let before = good().preset(Preset::Strict).fresh(secs(77)).build().unwrap();
    let after = good().fresh(secs(77)).preset(Preset::Strict).build().unwrap();
    assert_eq!(before.settings().fresh(), secs(77));
    assert_eq!(format!("{:?}", before.settings()), format!("{:?}", after.settings()));
}

#[test]
fn a_key_or_a_pepper_is_in_no_debug_output() {
    let builder = good().pepper(SecretBytes::from(b"pepper-pepper-pepper".to_vec()));
    let shown = format!("{builder:?}");
    let built = format!("{:?}", builder.build().unwrap());
    for text in [shown, built] {
        assert!(text.contains("Hillside School"), "{text}");
        for secret in ["pepper-pepper", KEY, "112, 101, 112"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

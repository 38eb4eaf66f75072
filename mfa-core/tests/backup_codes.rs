//! Backup codes, seen from outside: drawing, reading, hashing, using up, and what is kept.
#![allow(clippy::unwrap_used, reason = "helpers of tests; a failure is what they are for")]

use std::collections::{BTreeMap, BTreeSet};

use mfa_core::factor::backup::{
    self, BackupCodes, BackupSet, CODE_CHARACTERS, HashCost, HashedCode, MAX_CODES, Salt, Taken,
    read_backup_code,
};
use mfa_core::fault::{Fault, FaultKind};
use mfa_core::port::entropy::{Entropy, SystemEntropy};
use mfa_core::refusal::Refusal;
use mfa_core::secret::SecretBytes;
use mfa_core::time::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp::from_unix(1_795_425_000);
const CROCKFORD: &str = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct Bytes(Vec<u8>);
impl Entropy for Bytes {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), Fault> {
        bytes.copy_from_slice(&self.0);
        Ok(())
    }
}

struct Broken;
impl Entropy for Broken {
    fn fill(&self, _: &mut [u8]) -> Result<(), Fault> {
        Err(Fault::new(FaultKind::Entropy))
    }
}

fn shown(codes: &BackupCodes) -> Vec<String> {
    codes.iter().map(|code| code.expose().to_owned()).collect()
}

fn sealed(codes: &BackupCodes, salt: u8) -> BackupSet {
    let salt = Salt::from_bytes([salt; 16]);
    BackupSet::seal_up(codes, salt, HashCost::danger_for_tests(), None, NOW).unwrap()
}

fn ten() -> (Vec<String>, BackupSet) {
    let codes = backup::draw(&SystemEntropy, 10).unwrap();
    (shown(&codes), sealed(&codes, 1))
}

fn hashed(set: &BackupSet, typed: &str) -> HashedCode {
    backup::hash(&read_backup_code(typed).unwrap(), &set.salt(), &set.cost(), None).unwrap()
}

fn kept(set: &BackupSet) -> Value {
    serde_json::to_value(set).unwrap()
}

fn digests(set: &BackupSet) -> Vec<String> {
    serde_json::from_value(kept(set).get("d").cloned().unwrap()).unwrap()
}

// Drawing

#[test]
fn codes_are_sixteen_crockford_characters_in_fours() {
    for code in backup::draw(&SystemEntropy, MAX_CODES).unwrap().iter() {
        let code = code.expose();
        let groups: Vec<_> = code.split('-').collect();
        assert_eq!(groups.len(), 4, "{code}");
        assert!(groups.iter().all(|group| group.len() == 4), "{code}");
        assert!(code.chars().all(|c| c == '-' || CROCKFORD.contains(c)), "{code}");
    }
}

#[test]
fn every_bit_drawn_is_in_the_code() {
    let code = |bytes: [u8; 10]| shown(&backup::draw(&Bytes(bytes.to_vec()), 1).unwrap()).remove(0);
    assert_eq!(code([0; 10]), "0000-0000-0000-0000");
    assert_eq!(code([0xff; 10]), "ZZZZ-ZZZZ-ZZZZ-ZZZZ");
    // 00000 00001 00010 … 01111: the first sixteen symbols in order
    assert_eq!(code([0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf]), "0123-4567-89AB-CDEF");
    let mut seen = BTreeSet::new();
    for bit in 0..80 {
        let mut bytes = [0; 10];
        bytes[bit / 8] = 1 << (bit % 8);
        assert!(seen.insert(code(bytes)), "bit {bit}");
    }
}

/// Chi-square over 32 symbols, 31 degrees of freedom: 90 is passed by chance once in ten million runs.
#[test]
fn every_symbol_is_as_likely_as_any_other() {
    let mut counts = BTreeMap::new();
    let mut all = BTreeSet::new();
    for _ in 0..200 {
        for code in shown(&backup::draw(&SystemEntropy, MAX_CODES).unwrap()) {
            for symbol in code.chars().filter(|&c| c != '-') {
                *counts.entry(symbol).or_insert(0_u32) += 1;
            }
            assert!(all.insert(code), "drawn twice");
        }
    }
    assert_eq!(counts.len(), 32);
    let expected = 200.0 * f64::from(MAX_CODES) * f64::from(CODE_CHARACTERS) / 32.0;
    let chi: f64 = counts.values().map(|&n| (f64::from(n) - expected).powi(2) / expected).sum();
    assert!(chi < 90.0, "chi-square {chi}");
}

#[test]
fn a_source_that_fails_or_repeats_itself_gives_no_codes() {
    assert_eq!(backup::draw(&Broken, 10).unwrap_err().kind(), FaultKind::Entropy);
    assert_eq!(backup::draw(&Bytes(vec![7; 10]), 2).unwrap_err().kind(), FaultKind::Entropy);
    assert!(Salt::draw(&Broken).is_err());
}

#[test]
fn a_set_has_one_to_fifty_codes() {
    for count in [0, MAX_CODES + 1, u8::MAX] {
        assert_eq!(backup::draw(&SystemEntropy, count).unwrap_err().kind(), FaultKind::Internal);
    }
    for count in [1, 10, MAX_CODES] {
        assert_eq!(backup::draw(&SystemEntropy, count).unwrap().len(), usize::from(count));
    }
}

// Reading

#[test]
fn every_spelling_of_a_code_is_that_code() {
    let set = sealed(&backup::draw(&Bytes(vec![0; 10]), 1).unwrap(), 1);
    for zeros in [
        "0000-0000-0000-0000",
        "0000000000000000",
        "OOOO-oooo-0000-OoOo",
        " 0000 0000\t0000 0000\r\n",
        "0000\u{a0}0000\u{2003}0000\u{3000}0000",
        "0000–0000—0000−0000",
        "0000\u{2010}0000\u{2011}0000\u{2012}0000",
        "０００0－0000-0000-000Ｏ",
        "\u{feff}0000\u{200b}0000\u{ad}0000\u{2060}0000\u{200f}",
        "--0000--0000--0000--0000--",
    ] {
        assert!(matches!(set.clone().take(&hashed(&set, zeros)), Taken::Used(_)), "{zeros:?}");
    }

    let sequence = [0x08, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf];
    let codes = backup::draw(&Bytes(sequence.to_vec()), 1).unwrap();
    assert_eq!(shown(&codes), ["1123-4567-89AB-CDEF"]);
    let set = sealed(&codes, 1);
    for ones in [
        "1123456789abcdef",
        "1123.4567.89ab.cdef,",
        "il23456789ABcdEF",
        "Li23-4567-89ab-cdef",
        "LL23 4567 89ab cdef",
    ] {
        assert!(matches!(set.clone().take(&hashed(&set, ones)), Taken::Used(_)), "{ones:?}");
    }
}

#[test]
fn what_cannot_be_a_code_is_said_and_not_hashed() {
    let length = |typed| Refusal::CodeLength { expected: 16, typed };
    for (typed, refusal) in [
        ("", length(0)),
        (" - \u{200b}", length(0)),
        ("123456", length(6)),
        ("0000-0000-0000-000", length(15)),
        ("0000-0000-0000-0000-0", length(17)),
        (&"0".repeat(300), length(255)),
        (&"0".repeat(5_000_000), length(255)),
        (&format!("{}{}", " ".repeat(1024), "0".repeat(16)), length(255)),
        ("U000-0000-0000-0000", Refusal::CodeCharacters),
        ("0000+0000+0000+0000", Refusal::CodeCharacters),
        ("0000+0000+0000+0000", Refusal::CodeCharacters),
        ("0000-0000-0000-000é", Refusal::CodeCharacters),
        ("٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠٠", Refusal::CodeCharacters),
        ("0000-0000-0000-000\0", Refusal::CodeCharacters),
        ("' OR 1=1 --", Refusal::CodeCharacters),
    ] {
        assert_eq!(read_backup_code(typed).unwrap_err(), refusal, "{typed:.40?}");
    }
}

proptest! {
    #[test]
    fn reading_never_fails_otherwise(typed in any::<String>()) {
        match read_backup_code(&typed) {
            Ok(_) | Err(Refusal::CodeLength { expected: 16, .. } | Refusal::CodeCharacters) => {}
            Err(other) => prop_assert!(false, "{other:?}"),
        }
    }
}

// Using up

#[test]
fn each_code_is_accepted_once() {
    let (codes, mut set) = ten();
    for (used, code) in (1..).zip(&codes) {
        let code = hashed(&set, code);
        set = match set.take(&code) {
            Taken::Used(set) => set,
            other => panic!("{other:?}"),
        };
        assert_eq!(set.left(), 10 - used);
        // Through the store and back, as the next sign-in finds it.
        set = serde_json::from_value(kept(&set)).unwrap();
        set = match set.take(&code) {
            Taken::Wrong(set) => set,
            other => panic!("{other:?}"),
        };
        assert_eq!(set.left(), 10 - used);
    }
    assert!(matches!(set.clone().take(&hashed(&set, &codes[0])), Taken::Wrong(_)));
}

#[test]
fn using_one_code_leaves_exactly_the_others() {
    let (codes, set) = ten();
    for (place, code) in codes.iter().enumerate() {
        let Taken::Used(rest) = set.clone().take(&hashed(&set, code)) else {
            panic!("code {place} was refused");
        };
        let mut expected = digests(&set);
        expected.remove(place);
        assert_eq!(digests(&rest), expected);
        assert_eq!((rest.salt(), rest.cost(), rest.made()), (set.salt(), set.cost(), NOW));
    }
}

#[test]
fn a_wrong_code_changes_nothing() {
    let (codes, set) = ten();
    let mut near = codes[3].clone().into_bytes();
    near[18] = if near[18] == b'0' { b'1' } else { b'0' };
    let wrong = hashed(&set, std::str::from_utf8(&near).unwrap());
    match set.clone().take(&wrong) {
        Taken::Wrong(after) => assert_eq!(after, set),
        other => panic!("{other:?}"),
    }
}

/// One hash is enough for a set of any size, the last code of it too: there is nothing else to give `take`.
#[test]
fn an_attempt_costs_one_hash_whatever_the_set() {
    for count in [1, 10, MAX_CODES] {
        let codes = backup::draw(&SystemEntropy, count).unwrap();
        let set = sealed(&codes, 1);
        let only_hash = hashed(&set, shown(&codes).last().unwrap());
        assert!(matches!(set.take(&only_hash), Taken::Used(rest) if rest.left() == count - 1));
    }
}

#[test]
fn regenerating_ends_the_old_set() {
    let (codes, old) = ten();
    let hashed_before = hashed(&old, &codes[0]);
    let new = sealed(&backup::draw(&SystemEntropy, 10).unwrap(), 2);
    // Replaced while the hash was being worked out: not judged against the wrong salt …
    let Taken::OtherSet(new) = new.take(&hashed_before) else {
        panic!("a hash for another set was judged");
    };
    // … and hashed again, the old code is simply wrong.
    for code in &codes {
        assert!(matches!(new.clone().take(&hashed(&new, code)), Taken::Wrong(_)));
    }
    // The same salt at another cost is another set too.
    let mut dearer = kept(&old);
    dearer["c"] = json!([16, 1, 1]);
    let dearer: BackupSet = serde_json::from_value(dearer).unwrap();
    assert!(matches!(dearer.take(&hashed_before), Taken::OtherSet(_)));
}

// What is kept

#[test]
fn a_stored_hash_is_not_accepted_as_a_code() {
    let (_, set) = ten();
    let text = kept(&set).to_string();
    assert!(read_backup_code(&text).is_err());
    for digest in digests(&set) {
        let bytes = base64(&digest);
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // The bytes themselves spelt as a code, as the code drawn from them would be, and cut to length.
        let drawn = shown(&backup::draw(&Bytes(bytes[..10].to_vec()), 1).unwrap()).remove(0);
        for submitted in [digest.as_str(), &digest[..16], &hex, &hex[..16], &drawn] {
            if let Ok(code) = read_backup_code(submitted) {
                let again = backup::hash(&code, &set.salt(), &set.cost(), None).unwrap();
                assert!(matches!(set.clone().take(&again), Taken::Wrong(_)), "{submitted}");
            }
        }
    }
}

fn base64(text: &str) -> Vec<u8> {
    // Through the salt, which is written the same way.
    serde_json::from_value::<Salt>(json!(text)).unwrap().as_bytes().to_vec()
}

#[test]
fn two_users_with_one_code_have_different_digests() {
    let codes = backup::draw(&SystemEntropy, 1).unwrap();
    assert_ne!(digests(&sealed(&codes, 1)), digests(&sealed(&codes, 2)));
    assert_eq!(digests(&sealed(&codes, 1)), digests(&sealed(&codes, 1)));
}

#[test]
fn no_code_is_in_what_is_kept() {
    let (codes, set) = ten();
    let text = kept(&set).to_string();
    for code in codes {
        assert!(!text.contains(&code) && !text.contains(&code.replace('-', "")));
    }
    assert!(text.len() < 400, "{} bytes", text.len());
}

#[test]
fn without_the_pepper_no_code_is_right() {
    let pepper = SecretBytes::new(b"kept apart from the store".to_vec());
    let codes = backup::draw(&SystemEntropy, 3).unwrap();
    let salt = Salt::from_bytes([1; 16]);
    let cost = HashCost::danger_for_tests();
    let set = BackupSet::seal_up(&codes, salt, cost, Some(&pepper), NOW).unwrap();
    let code = read_backup_code(&shown(&codes)[1]).unwrap();
    let with = |pepper: Option<&SecretBytes>| backup::hash(&code, &salt, &cost, pepper);

    let other = SecretBytes::new(b"another".to_vec());
    assert!(matches!(set.clone().take(&with(None).unwrap()), Taken::Wrong(_)));
    assert!(matches!(set.clone().take(&with(Some(&other)).unwrap()), Taken::Wrong(_)));
    assert!(matches!(set.clone().take(&with(Some(&pepper)).unwrap()), Taken::Used(_)));

    let empty = SecretBytes::new(Vec::new());
    assert_eq!(with(Some(&empty)).unwrap_err().kind(), FaultKind::Internal);
    assert!(BackupSet::seal_up(&codes, salt, cost, Some(&empty), NOW).is_err());
}

/// Made with argon2-cffi 25.1 (the reference implementation in C): sets kept by this version must be read by
/// every later one.
#[test]
fn digests_are_those_of_the_reference_implementation() {
    let sequence = [0x00, 0x44, 0x32, 0x14, 0xc7, 0x42, 0x54, 0xb6, 0x35, 0xcf];
    let codes = backup::draw(&Bytes(sequence.to_vec()), 1).unwrap();
    assert_eq!(shown(&codes), ["0123-4567-89AB-CDEF"]);
    let salt = Salt::from_bytes(std::array::from_fn(|n| n as u8));
    let pepper = SecretBytes::new(b"pepper".to_vec());
    for (cost, pepper, digest) in [
        (HashCost::default(), None, "VA1oanO_0-ofxRo5rQmrfA"),
        (HashCost::default(), Some(&pepper), "Lgtd1fFPkL3-qCXzV7lYZw"),
        (HashCost::danger_for_tests(), Some(&pepper), "13l5RdSJ1A3XoWtCf7hnUA"),
    ] {
        let set = BackupSet::seal_up(&codes, salt, cost, pepper, NOW).unwrap();
        let (m, t, p) = cost.into();
        assert_eq!(
            kept(&set),
            json!({"s": "AAECAwQFBgcICQoLDA0ODw", "c": [m, t, p], "m": 1_795_425_000, "d": [digest]})
        );
    }
}

#[test]
fn what_is_kept_reads_back_the_same() {
    let (codes, set) = ten();
    let back: BackupSet = serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
    assert_eq!(back, set);
    assert_eq!((back.left(), back.made()), (10, NOW));
    assert!(matches!(back.take(&hashed(&set, &codes[9])), Taken::Used(_)));
    let mut none_left = kept(&set);
    none_left["d"] = json!([]);
    assert_eq!(serde_json::from_value::<BackupSet>(none_left).unwrap().left(), 0);
}

#[test]
fn a_hostile_record_is_refused() {
    let digest = |n: u8| serde_json::to_value(Salt::from_bytes([n; 16])).unwrap();
    let good = json!({"s": digest(0), "c": [8, 1, 1], "m": 1, "d": [digest(1), digest(2)]});
    assert!(serde_json::from_value::<BackupSet>(good.clone()).is_ok());

    let many = |count: u8| (0..count).map(digest).collect::<Vec<_>>();
    let mut full = good.clone();
    full["d"] = json!(many(MAX_CODES));
    assert!(serde_json::from_value::<BackupSet>(full).is_ok());

    for (field, hostile) in [
        // A tebibyte; out of bounds one by one; nothing at all; what Argon2 can't do
        ("c", json!([1_073_741_824_u32, 1, 1])),
        ("c", json!([256 * 1024 + 1, 1, 1])),
        ("c", json!([19_456, 17, 1])),
        ("c", json!([19_456, u32::MAX, 1])),
        ("c", json!([19_456, 2, 5])),
        ("c", json!([19_456, 0, 1])),
        ("c", json!([19_456, 2, 0])),
        ("c", json!([0, 0, 0])),
        ("c", json!([7, 1, 1])),
        ("c", json!([16, 1, 4])),
        ("c", json!([8, 1])),
        ("c", json!([-8, 1, 1])),
        ("s", json!("")),
        ("s", json!("AAAA")),
        ("s", json!("A".repeat(10_000))),
        ("s", json!("!!!!!!!!!!!!!!!!!!!!!!")),
        ("m", json!(-1)),
        ("d", json!(many(MAX_CODES + 1))),
        // One digest standing there twice would be one code that works twice
        ("d", json!([digest(1), digest(2), digest(1)])),
        // The same bytes in another spelling: trailing bits that mean nothing
        ("d", json!(["AAAAAAAAAAAAAAAAAAAAAA", "AAAAAAAAAAAAAAAAAAAAAB"])),
        ("d", json!([""])),
        ("d", Value::Null),
        ("unknown", json!(1)),
    ] {
        let mut record = good.clone();
        record[field] = hostile.clone();
        assert!(serde_json::from_value::<BackupSet>(record).is_err(), "{field}: {hostile:.60}");
    }
}

// Cost

#[test]
fn a_cost_is_neither_too_low_nor_too_high() {
    assert_eq!(HashCost::new(19_456, 2, 1).unwrap(), HashCost::default(), "the default passes its own check");
    for (memory, passes, lanes) in
        [(47_104, 1, 1), (12_288, 3, 1), (12_288, 16, 1), (65_536, 3, 4), (262_144, 16, 4)]
    {
        let cost = HashCost::new(memory, passes, lanes).unwrap();
        assert_eq!((cost.memory_kib(), cost.passes(), cost.lanes()), (memory, passes, lanes));
        let back: HashCost = serde_json::from_value(serde_json::to_value(cost).unwrap()).unwrap();
        assert_eq!(back, cost);
    }
    for (memory, passes, lanes) in [
        (47_103, 1, 1),
        (19_455, 2, 1),
        (12_287, 3, 1),
        (12_287, 16, 1),
        (8, 1, 1),
        (19_456, 0, 1),
        (262_144, 0, 1),
        (262_145, 2, 1),
        (19_456, 17, 1),
        (19_456, 2, 0),
        (19_456, 2, 5),
        (u32::MAX, u32::MAX, u32::MAX),
    ] {
        let error = HashCost::new(memory, passes, lanes).unwrap_err();
        assert_eq!(error.setting(), "backup code hash cost");
        assert!(error.fix().contains("the default"), "{error}");
    }
}

// Debug

#[test]
fn debug_shows_no_code_and_no_digest() {
    let codes = backup::draw(&Bytes(vec![0xff; 10]), 1).unwrap();
    let set = sealed(&codes, 1);
    let typed = read_backup_code("ZZZZ-ZZZZ-ZZZZ-ZZZZ").unwrap();
    assert_eq!(format!("{codes:?}"), "BackupCodes(1 [redacted])");
    assert_eq!(format!("{typed:?}"), "TypedBackupCode([redacted])");
    assert_eq!(format!("{:?}", hashed(&set, "ZZZZZZZZZZZZZZZZ")), "HashedCode([redacted])");
    let shown_set = "BackupSet { left: 1, made: Timestamp(1795425000), \
                     cost: HashCost { memory_kib: 8, passes: 1, lanes: 1 }, .. }";
    assert_eq!(format!("{set:?}"), shown_set);
    assert_eq!(
        format!("{:?}", set.clone().take(&hashed(&set, "ZZZZZZZZZZZZZZZZ"))),
        format!("Used({})", shown_set.replace("left: 1", "left: 0"))
    );
}

#[test]
fn sets_are_alike_only_with_the_same_codes() {
    let (one, other) = (backup::draw(&SystemEntropy, 10).unwrap(), backup::draw(&SystemEntropy, 10).unwrap());
    assert!(!one.is_empty() && one.len() == 10);
    assert_eq!(sealed(&one, 1), sealed(&one, 1));
    assert_ne!(sealed(&one, 1), sealed(&other, 1));
    assert_eq!(Salt::from_bytes([7; 16]).as_bytes(), &[7; 16]);
}

/// What is pasted may be long, but not endless: blanks around a code are forgiven up to a kibibyte.
#[test]
fn a_code_is_read_out_of_a_kibibyte_and_out_of_no_more() {
    let padded = |bytes: usize| format!("{:<bytes$}", "7KQ3-9WME-2T0P-XV41");
    assert!(read_backup_code(&padded(1_024)).is_ok());
    assert_eq!(
        read_backup_code(&padded(1_025)).unwrap_err(),
        Refusal::CodeLength { expected: CODE_CHARACTERS, typed: u8::MAX }
    );
}

//! Records that can't be read, opened or believed: spoilt, of another version, moved, or sealed with a key that was dropped.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests; a failure is what they are for"
)]

use crate::common::{KEY_A, KEY_B, World, secs, user};
use mfa_core::account::Account;
use mfa_core::event::EventKind;
use mfa_core::fault::FaultKind;
use mfa_core::proof::{Method, Standing};
use mfa_core::service::{Demand, Gate, SignIn};
use mfa_core::ticket::Authority;

#[tokio::test]
async fn closed_a_record_that_cannot_be_read_is_never_an_empty_account() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let good = world.record(&ann.key).await;
    let newer = good.replacen("\"v\":1", "\"v\":2", 1);
    assert_ne!(newer, good);
    let half = good[..good.len() / 2].to_owned();
    let more = good.replacen('{', "{\"x\":1,", 1);
    let twice = format!("{good}{good}");
    let without_epoch = good.replacen("\"e\":", "\"m\":", 1);
    let bad = [&newer, &half, &more, &twice, &without_epoch].map(String::as_str);
    for bad in bad.into_iter().chain(["", "{}", "null", "[]", "\u{0}", "{\"v\":1}"]) {
        world.plant(&ann.key, bad).await;
        let stage_ops = [
            world.mfa.sign_in(&ann.key).await.map(drop),
            world.mfa.check(&ann.standing, Demand::default()).await.map(drop),
            world.mfa.overview(&ann.standing).await.map(drop),
            world.mfa.password_changed(&ann.key).await,
            world.mfa.reset(&ann.key, &user("admin"), "x").await.map(drop),
        ];
        for (n, outcome) in stage_ops.into_iter().enumerate() {
            assert_eq!(outcome.unwrap_err().kind(), FaultKind::Record, "{n} on {bad:?}");
        }
        assert_eq!(world.record(&ann.key).await, bad, "nothing was written over it");
    }
    world.plant(&ann.key, &good).await;
    world.signs_in(&ann).await;
}

/// The key that sealed it was dropped: nothing of it can be opened, and sessions end all the same.
#[tokio::test]
async fn closed_what_can_not_be_opened_keeps_no_session_alive() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let later = world.twin(KEY_B, |builder| builder.email_codes(true));
    let standing = later.end_other_sessions(&ann.standing).await.unwrap().unwrap();
    assert_eq!(later.check(&ann.standing, Demand::default()).await.unwrap(), Gate::SignInAgain);
    assert_eq!(later.check(&standing, Demand::default()).await.unwrap(), Gate::Open);
    later.password_changed(&ann.key).await.unwrap();
    assert_eq!(later.check(&standing, Demand::default()).await.unwrap(), Gate::SignInAgain);
    assert_eq!(later.sign_in(&ann.key).await.unwrap_err().kind(), FaultKind::Seal);
    // What was left as it was can be opened where the key still is.
    world.signs_in(&ann).await;
}

/// The gate reads past what it doesn't ask (decision 0013): whoever is in stays in, and nobody comes in.
#[tokio::test]
async fn closed_a_factor_that_cannot_be_read_lets_nobody_in_but_ends_no_session() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let good = world.record(&ann.key).await;
    let bad = good.replacen("\"f\":[{", "\"f\":[{},{", 1);
    assert_ne!(bad, good);
    world.plant(&ann.key, &bad).await;
    let mfa = &world.mfa;
    assert_eq!(mfa.check(&ann.standing, Demand::default()).await.unwrap(), Gate::Open);
    let fresh = mfa.check(&ann.standing, Demand { fresh_within: Some(secs(900)) }).await;
    assert_eq!(fresh.unwrap_err().kind(), FaultKind::Record);
    assert_eq!(mfa.sign_in(&ann.key).await.unwrap_err().kind(), FaultKind::Record);
}

#[tokio::test]
async fn closed_a_sealed_value_that_was_moved() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let bob = world.with_everything("bob").await;
    let anns: serde_json::Value = serde_json::from_str(&world.record(&ann.key).await).unwrap();
    let mut bobs: serde_json::Value = serde_json::from_str(&world.record(&bob.key).await).unwrap();
    let factor = |record: &serde_json::Value| record["f"][0].clone();
    // Ann's whole factor, then only her key, then within Bob's account under another factor's id.
    let good = bobs.to_string();
    bobs["f"][0] = factor(&anns);
    let whole = bobs.to_string();
    let mut bobs: serde_json::Value = serde_json::from_str(&good).unwrap();
    bobs["f"][0]["k"]["totp"]["k"] = anns["f"][0]["k"]["totp"]["k"].clone();
    let only_key = bobs.to_string();
    let mut bobs: serde_json::Value = serde_json::from_str(&good).unwrap();
    bobs["f"][0]["i"] = serde_json::json!(mfa_core::id::FactorId::from_bytes([9; 16]));
    let other_id = bobs.to_string();
    for (n, bad) in [whole, only_key, other_id].into_iter().enumerate() {
        world.plant(&bob.key, &bad).await;
        let ticket = world.challenged(&bob.key).await;
        world.choose(&ticket, Method::App).await;
        for code in [&ann, &bob].map(|who| who.app.code_at(world.clock.time())) {
            let fault = world.mfa.answer(&ticket, &code).await.unwrap_err();
            assert_eq!(fault.kind(), FaultKind::Seal, "{n}");
        }
    }
    world.plant(&bob.key, &good).await;
    world.signs_in(&bob).await;
}

#[tokio::test]
async fn closed_a_key_dropped_from_the_ring_and_a_reset_all_the_same() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let other = world.twin(KEY_B, |builder| builder.email_codes(true));
    let SignIn::Challenged(ticket) = world.mfa.sign_in(&ann.key).await.unwrap() else {
        panic!("no challenge")
    };
    let right = ann.app.code_at(world.clock.time());
    assert_eq!(other.answer(&ticket, &right).await.unwrap_err().kind(), FaultKind::Seal);
    assert_eq!(other.sign_in(&ann.key).await.unwrap_err().kind(), FaultKind::Seal);
    // With the key back all works.
    world.passes(&ticket, &right).await;
    // Without it for good, an administrator can still mend the account, and the failed notice is on record.
    other.reset(&ann.key, &user("admin"), "key lost").await.unwrap().unwrap();
    assert!(!other.roster_entry(&ann.key).await.unwrap().is_enrolled());
    assert_eq!(world.count(|kind| *kind == EventKind::NoticeFailed { count: 1 }).await, 1);
}

#[tokio::test]
async fn sealed_a_new_key_in_front_seals_anew_at_the_next_write_and_the_old_one_can_go() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let authority = Authority::Session(ann.standing.clone());
    let _ = world.mfa.enrol_app(&authority, "Staged").await.unwrap().unwrap();
    let rotated = world.twin(&format!("{KEY_B}\n{KEY_A}"), |builder| builder.email_codes(true));
    assert!(matches!(rotated.sign_in(&ann.key).await.unwrap(), SignIn::Challenged(_)));
    let only_new = world.twin(KEY_B, |builder| builder.email_codes(true));
    let SignIn::Challenged(ticket) = only_new.sign_in(&ann.key).await.unwrap() else {
        panic!("no challenge")
    };
    let granted = only_new.answer(&ticket, &ann.app.code_at(world.clock.time())).await.unwrap().unwrap();
    let standing: Standing = granted.verified.into_standing();
    assert!(only_new.overview(&standing).await.unwrap().is_ok());
}

/// What a store gives back passes the same checks as what was written.
#[tokio::test]
async fn a_hostile_record_is_a_fault() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    world.challenged(&ann.key).await;
    let authority = Authority::Session(ann.standing.clone());
    let _ = world.mfa.enrol_app(&authority, "Staged").await.unwrap().unwrap();
    let good: serde_json::Value = serde_json::from_str(&world.record(&ann.key).await).unwrap();
    assert!(Account::decode(good.to_string().as_bytes()).is_ok());
    let change = |path: &str, value: serde_json::Value| {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap_or_else(|| panic!("{path} in {good}")) = value;
        (path.to_owned(), bad)
    };
    let twice = |path: &str, times: usize| {
        let mut bad = good.clone();
        let list = bad.pointer_mut(path).unwrap().as_array_mut().unwrap();
        let first = list[0].clone();
        list.extend(std::iter::repeat_n(first, times));
        (format!("{path} twice"), bad)
    };
    let add = |path: &str, name: &str, value: serde_json::Value| {
        let mut bad = good.clone();
        bad.pointer_mut(path).unwrap()[name] = value;
        (format!("{path}/{name}"), bad)
    };
    use serde_json::json;
    let cases = [
        change("/v", json!(0)),
        change("/v", json!("1")),
        change("/f/0/k/totp/p/period", json!(0)),
        change("/f/0/k/totp/p/period", json!(121)),
        change("/f/0/k/totp/p/digits", json!(0)),
        change("/f/0/k/totp/p/digits", json!(9)),
        change("/f/0/k/totp/p/algorithm", json!("MD5")),
        change("/f/0/k/totp/s/drift", json!(11)),
        change("/f/0/k/totp/s", json!({"drift": 0})),
        change("/f/0/k/totp/k", json!("***")),
        change("/f/0/n", json!("")),
        change("/f/0/n", json!("a\nb")),
        change("/f/0/i", json!("short")),
        change("/f", json!([])),
        change("/e", json!(0)),
        change("/b/s/c", json!([1, 0, 0])),
        change("/b/s/c", json!([4_000_000_000u32, 1, 1])),
        change("/c/0/l", json!(0)),
        change("/c/0/s", json!("unheard_of")),
        change("/c/0/p", json!("enrol")),
        change("/c/1/p", json!("sign_in")),
        change("/t", json!(-1)),
        twice("/f", 1),
        twice("/f", 20),
        twice("/c", 1),
        twice("/b/s/d", 1),
        add("", "unknown", json!(1)),
        add("/f/0", "unknown", json!(1)),
        add("/c/0", "unknown", json!(1)),
        add("/b", "unknown", json!(1)),
    ];
    for (what, bad) in cases {
        let fault = Account::decode(bad.to_string().as_bytes()).expect_err(&what);
        assert_eq!(fault.kind(), FaultKind::Record, "{what}");
    }
}

/// What a newer version adds is a field that this one doesn't know: the operator must read that, not where a parser stopped.
#[tokio::test]
async fn closed_a_record_of_a_newer_version_is_a_fault_that_says_which_version_it_is() {
    let world = World::new();
    let ann = world.with_app("ann").await;
    let good = world.record(&ann.key).await;
    let newer = good.replacen("\"v\":1", "\"v\":2", 1);
    for record in [newer.clone(), newer.replacen('{', "{\"new\":[1,{\"a\":\"b\"}],", 1)] {
        world.plant(&ann.key, &record).await;
        let fault = world.mfa.sign_in(&ann.key).await.unwrap_err();
        assert_eq!(fault.kind(), FaultKind::Record);
        let cause = std::error::Error::source(&fault).unwrap().to_string();
        assert!(cause.contains("format 2") && cause.contains("format 1"), "{cause}");
    }
    // The same field in a record of ours is a mistake in it.
    world.plant(&ann.key, &good.replacen('{', "{\"new\":1,", 1)).await;
    let fault = world.mfa.sign_in(&ann.key).await.unwrap_err();
    let cause = std::error::Error::source(&fault).unwrap().to_string();
    assert!(!cause.contains("format"), "{cause}");
}

#[tokio::test]
async fn a_record_that_keeps_codes_nobody_may_try_is_a_fault_and_so_is_half_a_binding() {
    let world = World::new();
    let ann = world.with_everything("ann").await;
    let ticket = world.challenged(&ann.key).await;
    world.choose(&ticket, Method::Email).await;
    let good: serde_json::Value = serde_json::from_str(&world.record(&ann.key).await).unwrap();
    assert!(Account::decode(good.to_string().as_bytes()).is_ok());
    for (path, value) in [("/c/0/d", serde_json::json!(0)), ("/c/0/b", serde_json::json!("AAAA"))] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;
        let fault = Account::decode(bad.to_string().as_bytes()).expect_err(path);
        assert_eq!(fault.kind(), FaultKind::Record, "{path}");
    }
}

#[test]
fn the_operator_learns_where_a_record_breaks_and_not_what_stands_in_it() {
    let fault = Account::decode(br#"{"v":1,"e":"a private word"}"#).unwrap_err();
    assert_eq!(fault.to_string(), "a second-factor record could not be read");
    let cause = std::error::Error::source(&fault).unwrap().to_string();
    assert!(cause.contains("at line 1 column"), "{cause}");
    let shown = format!("{fault:?}");
    assert!(shown.contains("Record") && shown.contains(&cause), "{shown}");
    assert!(!shown.contains("private"), "{shown}");
}

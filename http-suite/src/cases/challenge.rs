//! The challenge as people and programs meet it: right, wrong, used, late, locked, and by every method.

use mfa_core::event::EventKind;
use mfa_core::port::sender::Failure;
use serde_json::json;

use crate::adapter::{Adapter, guarded};
use crate::journey::{USE_APP, USE_BACKUP, USE_EMAIL};
use crate::world::{World, at};

/// Every spelling is the same code, and it is used up.
pub async fn a_code_is_accepted_once(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let code = world.code(&ann.app);
    let mut first = world.pending("ann", "").await;
    let mut second = world.pending("ann", "").await;
    assert_eq!(world.answer(&mut first, &code).await.location(), "/");
    assert_eq!(first.open("/").await.body, guarded("ann"));
    let spaced = format!(" {} {} ", &code[..3], &code[3..]);
    let hyphened = format!("{}-{}", &code[..3], &code[3..]);
    let wide: String = code.chars().map(|c| char::from_u32(c as u32 + 0xfee0).unwrap()).collect();
    for spelling in [&code, &spaced, &hyphened, &wide] {
        let again = world.answer(&mut second, spelling).await;
        assert_eq!(again.status, 422, "{spelling}");
        assert!(!second.is_in().await, "{spelling}");
    }
    let used = |kind: &EventKind| matches!(kind, EventKind::WrongCode { reused: true, .. });
    assert!(world.count(used).await >= 3);
    world.pass(30);
    assert_eq!(world.answer(&mut second, &world.code(&ann.app)).await.location(), "/");
}

/// Five tries, told down; then the right code comes too late.
pub async fn wrong_codes_use_a_challenge_up(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut browser = world.pending("ann", "").await;
    for left in [4, 3, 2, 1] {
        let page = world.answer(&mut browser, &world.wrong(&ann.app)).await;
        assert_eq!(page.status, 422);
        let tries = if left == 1 { "1 try left".to_owned() } else { format!("{left} tries left") };
        assert!(page.body.contains(&tries), "{tries}: {}", page.body);
        assert!(!page.body.contains(&world.wrong(&ann.app)), "the page repeats what was typed");
    }
    let over = world.answer(&mut browser, &world.wrong(&ann.app)).await;
    assert_eq!(over.status, 409, "{}", over.body);
    assert!(over.body.contains("href=\"/sign-in\""));
    assert_eq!(browser.open(&at("challenge")).await.location(), "/sign-in");
    let late = browser.form(&at("challenge"), &[("csrf", &browser.token()), ("code", &world.code(&ann.app))]);
    browser.send(late).await;
    assert!(!browser.is_in().await);
    // A new sign-in has new tries, on the same account.
    let mut again = world.pending("ann", "").await;
    assert_eq!(world.answer(&mut again, &world.code(&ann.app)).await.location(), "/");
}

/// A code that can't be one costs no try, and the page says what is the matter.
pub async fn a_code_of_the_wrong_length_costs_nothing(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut browser = world.pending("ann", "").await;
    let before = world.events().await.len();
    for typed in ["", "1", "12345", "1234567", "12345678901234567890", "12345a", "abcdef", "      ", "12_456"] {
        for _ in 0..3 {
            let page = world.answer(&mut browser, typed).await;
            assert_eq!(page.status, 422, "{typed:?}");
            assert!(page.body.contains("aria-invalid=\"true\""), "{typed:?}");
        }
    }
    assert_eq!(world.events().await.len(), before, "something was counted");
    let program = browser.post_json(&at("challenge"), &json!({ "code": "12345" })).await;
    assert_eq!(program.json()["code"], "code_length");
    assert_eq!((program.json()["expected"].as_u64(), program.json()["typed"].as_u64()), (Some(6), Some(5)));
    assert_eq!(world.answer(&mut browser, &world.code(&ann.app)).await.location(), "/");
}

/// The clock is turned: after 20 minutes the challenge is over, and the right code changes nothing.
pub async fn a_challenge_expires(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let (mut person, mut program) = (world.pending("ann", "").await, world.pending("ann", "").await);
    world.pass(1199);
    assert_eq!(person.open(&at("challenge")).await.status, 200);
    world.pass(1);
    let late = world.answer(&mut person, &world.code(&ann.app)).await;
    assert_eq!(late.status, 409);
    assert!(late.body.contains("You took too long") && late.body.contains("href=\"/sign-in\""));
    let late = program.post_json(&at("challenge"), &json!({ "code": world.code(&ann.app) })).await;
    assert_eq!((late.status, late.json()["code"].as_str()), (409, Some("challenge_expired")));
    assert!(!person.is_in().await && !program.is_in().await);
    assert_eq!(person.open(&at("challenge")).await.location(), "/sign-in");
}

/// Ten in a row over several sign-ins: a wait that is said, in words and as `Retry-After`.
pub async fn too_many_wrong_codes_make_the_account_wait(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    for _ in 0..5 {
        let mut browser = world.pending("ann", "").await;
        for _ in 0..2 {
            world.answer(&mut browser, &world.wrong(&ann.app)).await;
        }
    }
    let mut browser = world.pending("ann", "").await;
    let locked = world.answer(&mut browser, &world.code(&ann.app)).await;
    assert_eq!((locked.status, locked.header("retry-after")), (429, "30"));
    assert!(locked.body.contains("30 seconds"), "{}", locked.body);
    assert!(!browser.is_in().await);
    let program = browser.post_json(&at("challenge"), &json!({ "code": world.code(&ann.app) })).await;
    assert_eq!((program.status, program.header("retry-after")), (429, "30"));
    assert_eq!((program.json()["code"].as_str(), program.json()["seconds"].as_u64()), (Some("throttled"), Some(30)));
    world.pass(29);
    assert_eq!(world.answer(&mut browser, &world.code(&ann.app)).await.header("retry-after"), "1");
    world.pass(1);
    // The next wrong one doubles the wait.
    world.answer(&mut browser, &world.wrong(&ann.app)).await;
    assert_eq!(world.answer(&mut browser, &world.code(&ann.app)).await.header("retry-after"), "60");
    world.pass(60);
    assert_eq!(world.answer(&mut browser, &world.code(&ann.app)).await.location(), "/");
    let told = world.sender.notices();
    assert!(told.iter().any(|(_, notice)| *notice == mfa_core::port::sender::Notice::ManyWrongCodes), "{told:?}");
}

/// Each once, however it is spelt; few left is said.
pub async fn backup_codes_work_once_each(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    for (used, code) in ann.codes.iter().enumerate() {
        let mut browser = world.pending("ann", "/deep/page").await;
        world.choose(&mut browser, USE_BACKUP).await;
        if used > 0 {
            let again = world.answer(&mut browser, &ann.codes[used - 1]).await;
            assert_eq!(again.status, 422, "used twice");
        }
        let typed = if used % 2 == 0 { code.to_lowercase().replace('-', " ") } else { code.replace('-', "") };
        let passed = world.answer(&mut browser, &typed).await;
        let left = ann.codes.len() - used - 1;
        if left > 3 {
            assert_eq!(passed.location(), "/deep/page", "{left} left");
        } else {
            assert_eq!(passed.location(), at("backup-codes/low"), "{left} left");
            let low = browser.follow(&passed).await;
            assert!(low.body.contains("href=\"/deep/page\""), "{}", low.body);
        }
        assert!(browser.is_in().await);
    }
    let mut browser = world.pending("ann", "").await;
    let page = browser.open(&at("challenge/choose")).await;
    assert!(!page.body.contains(USE_BACKUP), "none is left, yet they are offered");
}

/// By e-mail: sent when chosen, not sooner; a wait between two; the newest and the one before work.
pub async fn a_code_by_email_signs_in(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_both("ann").await;
    world.sender.clear();
    let mut browser = world.pending("ann", "/deep/page").await;
    assert!(world.sender.messages().is_empty(), "a message that nobody asked for");
    let page = world.choose(&mut browser, USE_EMAIL).await;
    assert_eq!(page.status, 200);
    assert_eq!(world.sender.messages().len(), 1);
    assert_eq!(world.sender.messages()[0].to.expose(), "ann@codes.example");
    let early = browser.submit(&at("challenge/resend"), &[]).await;
    assert_eq!((early.status, early.header("retry-after")), (429, "60"));
    assert_eq!(world.sender.messages().len(), 1);
    world.pass(60);
    browser.open(&at("challenge")).await;
    let sent = browser.submit(&at("challenge/resend"), &[]).await;
    browser.follow(&sent).await;
    assert_eq!(world.sender.messages().len(), 2);
    let code = world.sender.last_code().unwrap();
    // A new message buys no new tries.
    for left in [2, 1] {
        let page = world.answer(&mut browser, if code == "000000" { "111111" } else { "000000" }).await;
        assert!(page.body.contains(&format!("{left} tr")), "{}", page.body);
    }
    assert_eq!(world.answer(&mut browser, &code).await.location(), "/deep/page");
    let mut again = world.pending("ann", "").await;
    world.pass(60);
    world.choose(&mut again, USE_EMAIL).await;
    assert_eq!(world.answer(&mut again, &code).await.status, 422, "used twice");
}

/// Whoever has e-mail only is sent a code at once, and it ends after ten minutes.
pub async fn the_only_method_needs_no_choice_and_its_code_ends(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.browser();
    ann.password("ann", "").await;
    world.add_email(&mut ann, "ann@codes.example").await;
    world.pass(60);
    let mut browser = world.pending("ann", "").await;
    let old = world.sender.last_code().unwrap();
    assert!(browser.page().body.contains("We have sent a security code"), "{}", browser.page().body);
    world.pass(601);
    let late = world.answer(&mut browser, &old).await;
    assert_eq!(late.status, 422);
    assert!(!browser.is_in().await);
    let sent = browser.submit(&at("challenge/resend"), &[]).await;
    browser.follow(&sent).await;
    assert_eq!(world.answer(&mut browser, &world.sender.last_code().unwrap()).await.location(), "/");
}

/// "Sent" is shown only when it was; the next way is offered and the wait doesn't begin.
pub async fn a_failed_delivery_says_so_and_offers_another_way(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    for failure in [Failure::Transient, Failure::Permanent] {
        let mut browser = world.pending("ann", "").await;
        let page = browser.open(&at("challenge/choose")).await;
        let email = crate::page::choice(&page.body, USE_EMAIL).unwrap();
        world.sender.clear();
        world.sender.fail_next(failure);
        let failed = browser.submit(&at("challenge/choose"), &[("method", &email)]).await;
        assert_eq!(failed.status, 422, "{failure:?}");
        assert!(failed.body.contains(USE_APP) && failed.body.contains(USE_BACKUP), "{}", failed.body);
        assert!(!failed.body.contains("We have sent"), "{}", failed.body);
        let mut program = browser.clone();
        world.sender.fail_next(failure);
        let failed = program.post_json(&at("challenge/choose"), &json!({ "method": email })).await;
        assert_eq!(failed.json()["code"], "not_delivered");
        // At once again: no wait has begun.
        let sent = browser.submit(&at("challenge/resend"), &[]).await;
        assert_eq!(sent.location(), at("challenge"), "{failure:?}");
        assert_eq!(world.sender.messages().len(), 1);
        browser.follow(&sent).await;
        world.choose(&mut browser, USE_APP).await;
        assert_eq!(world.answer(&mut browser, &world.code(&ann.app)).await.location(), "/");
        world.pass(60);
    }
}

/// The same in JSON, from the password to the home page.
pub async fn a_program_signs_in_with_json(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    let mut program = world.browser();
    program.password("ann", "/deep/page").await;
    let view = program.get_json(&at("challenge")).await;
    assert_eq!((view.status, view.header("content-type")), (200, "application/json"));
    let view = view.json();
    assert_eq!(view["purpose"], "sign_in");
    assert_eq!(view["chosen"]["method"], "app");
    let email = view["methods"].as_array().unwrap().iter().find(|method| method["method"] == "email").unwrap();
    let chosen = program.post_json(&at("challenge/choose"), &json!({ "method": email["choice"] })).await;
    assert_eq!((chosen.status, chosen.json()["next"].as_str()), (200, Some(at("challenge").as_str())));
    let wrong = program.post_json(&at("challenge"), &json!({ "code": "000000" })).await;
    assert_eq!((wrong.status, wrong.header("content-type")), (422, "application/problem+json"));
    assert_eq!((wrong.json()["code"].as_str(), wrong.json()["tries_left"].as_u64()), (Some("wrong_code"), Some(2)));
    let back = program.post_json(&at("challenge/choose"), &json!({ "method": view["chosen"]["choice"] })).await;
    assert_eq!(back.status, 200);
    // A number loses its leading zero: only text is a code.
    let number = program.post_json(&at("challenge"), &json!({ "code": 123_456 })).await;
    assert!(number.status >= 400 && number.status < 500);
    let passed = program.post_json(&at("challenge"), &json!({ "code": world.code(&ann.app) })).await;
    assert_eq!((passed.status, passed.json()["next"].as_str()), (200, Some("/deep/page")));
    assert!(program.is_in().await);
}

/// Giving up signs out; giving a step-up up does not.
pub async fn a_challenge_can_be_given_up(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    let mut browser = world.pending("ann", "").await;
    let gone = browser.submit(&at("challenge/cancel"), &[]).await;
    assert_eq!(gone.location(), "/sign-in");
    assert_eq!(browser.open(&at("challenge")).await.location(), "/sign-in");
    world.pass(3600);
    let sent = ann.browser.open("/fresh").await;
    ann.browser.follow(&sent).await;
    let gone = ann.browser.submit(&at("challenge/cancel"), &[]).await;
    assert_eq!(gone.location(), "/");
    assert!(ann.browser.is_in().await);
    assert_eq!(ann.browser.open("/fresh").await.location(), at("challenge"));
}

/// What is no method of this challenge is told so, and nothing is sent.
pub async fn only_offered_methods_can_be_chosen(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    world.sender.clear();
    let mut browser = world.pending("ann", "").await;
    for method in ["", "email", "app", "backup", "../x", "0", "ffffffffffffffffffffffffffffffff"] {
        let request = browser.form(&at("challenge/choose"), &[("csrf", &browser.token()), ("method", method)]);
        let answer = browser.send(request).await;
        assert_eq!(answer.status, 422, "{method:?}");
    }
    assert!(world.sender.messages().is_empty());
    browser.open(&at("challenge")).await;
    assert_eq!(world.answer(&mut browser, &world.code(&ann.app)).await.location(), "/");
}

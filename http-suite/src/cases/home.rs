//! Home: wherever a return address came from, it leads only into this site.
//!
//! The class: "open redirect, lost destination" (django-two-factor-auth#621, nextcloud#44745).

use mfa_core::policy::Policy;
use reqwest::Url;

use crate::adapter::{Adapter, guarded};
use crate::browser::Answer;
use crate::journey::scan;
use crate::world::{World, at};

fn bad() -> Vec<String> {
    let listed = [
        "",
        "//evil.example",
        "///evil.example",
        "//evil.example/deep/page",
        "/\\evil.example",
        "\\/evil.example",
        "\\\\evil.example",
        "https:evil.example",
        "https://evil.example",
        "https:/evil.example",
        "HTTPS://evil.example",
        "//user@evil.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        "/deep\r\nSet-Cookie: a=b",
        "\t//evil.example",
        " //evil.example",
        "\u{1}//evil.example",
        "/%2fevil.example",
        "/%2F%2Fevil.example",
        "/%5cevil.example",
        "/%5C%5Cevil.example",
        "/%09/evil.example",
        "/%0a/evil.example",
        "/%0d%0aSet-Cookie:%20a=b",
        "/%00/evil.example",
        "/%252fevil.example",
        "/deep\\page",
        "/é",
        "/deep page",
        "/\u{2028}/evil.example",
        "\u{ff0f}\u{ff0f}evil.example",
        "/\u{0}",
        "evil.example",
        ".//evil.example",
        "?next=/",
        "#x",
        "*",
    ];
    let long = format!("/deep/{}", "x".repeat(4_000));
    listed.iter().map(|next| (*next).to_owned()).chain([long]).collect()
}

const GOOD: [&str; 7] = [
    "/deep/page",
    "/deep/page?term=2&child=Ff%C3%B4n",
    "/deep/page?next=https://elsewhere.example/&x=%2F%2Fy",
    "/deep/a//b",
    "/deep/page#part",
    "/deep/..//evil.example",
    "/..//evil.example",
];

fn assert_here(world: &World, answer: &Answer) {
    let base = Url::parse(&world.base).unwrap();
    let to = base.join(answer.location()).unwrap();
    assert_eq!(to.origin(), base.origin(), "{}", answer.location());
    assert_eq!(answer.headers.get_all("location").iter().count(), 1);
    assert!(!answer.header("set-cookie").contains("a=b"));
}

/// At once, where nothing is asked for.
pub async fn after_the_password(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    for next in bad() {
        let sent = world.browser().password("ann", &next).await;
        assert_here(&world, &sent);
        assert_eq!(sent.location(), "/", "{next:?}");
    }
    for next in GOOD {
        let sent = world.browser().password("ann", next).await;
        assert_here(&world, &sent);
        assert_eq!(sent.location(), next);
    }
}

/// Behind the challenge.
pub async fn after_the_challenge(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    for next in bad() {
        let mut browser = world.pending("ann", &next).await;
        let passed = world.answer(&mut browser, &world.code(&ann.app)).await;
        assert_here(&world, &passed);
        assert_eq!(passed.location(), "/", "{next:?}");
        world.pass(30);
    }
    for next in GOOD {
        let mut browser = world.pending("ann", next).await;
        let passed = world.answer(&mut browser, &world.code(&ann.app)).await;
        assert_here(&world, &passed);
        assert_eq!(passed.location(), next);
        world.pass(30);
        let mut program = world.pending("ann", next).await;
        let code = serde_json::json!({ "code": world.code(&ann.app) });
        assert_eq!(program.post_json(&at("challenge"), &code).await.json()["next"], next);
        world.pass(30);
    }
}

/// Behind the reminder and behind a forced set-up.
pub async fn after_the_reminder_and_the_forced_set_up(adapter: &dyn Adapter) {
    let world = World::with(adapter, |builder| builder.policy(Policy::Encouraged)).await;
    for next in bad() {
        let mut browser = world.browser();
        let sent = browser.password(&format!("u{}", next.len()), &next).await;
        if sent.location() == at("reminder") {
            browser.follow(&sent).await;
            let on = browser.submit(&at("reminder/skip"), &[]).await;
            assert_here(&world, &on);
            assert_eq!(on.location(), "/", "{next:?}");
        }
    }
    let world = World::with(adapter, |builder| builder.policy(Policy::Required)).await;
    for (n, next) in bad().iter().enumerate() {
        let mut browser = world.browser();
        browser.password(&format!("u{n}"), next).await;
        let app = scan(&mut browser).await;
        browser.submit(&at("enrol/confirm"), &[("code", &world.code(&app))]).await;
        let on = browser.submit(&at("backup-codes/saved"), &[]).await;
        assert_here(&world, &on);
        assert_eq!(on.location(), at("settings"), "{next:?}");
    }
}

/// The addresses that were asked for themselves, by strangers and by people half way.
pub async fn as_a_deep_link(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let hidden = ["//evil.example", "///evil.example/x", "/%2fevil.example", "/%5Cevil.example", "/%09/evil.example"];
    let long = format!("/deep/{}", "x".repeat(4_000));
    for path in hidden.iter().copied().chain([long.as_str()]) {
        let sent = world.browser().open(path).await;
        assert_here(&world, &sent);
        assert_eq!(sent.location(), "/sign-in", "{path}");
        let mut pending = world.pending("ann", "/deep/page").await;
        let sent = pending.open(path).await;
        assert_eq!(sent.location(), at("challenge"));
        pending.follow(&sent).await;
        let passed = world.answer(&mut pending, &world.code(&ann.app)).await;
        assert_eq!(passed.location(), "/deep/page", "{path}");
        world.pass(30);
    }
    let deep = "/deep/page?term=2&child=Ff%C3%B4n";
    let sent = world.browser().open(deep).await;
    let url = Url::parse(&world.base).unwrap().join(sent.location()).unwrap();
    let next: Vec<_> = url.query_pairs().into_owned().collect();
    assert_eq!((url.path(), next), ("/sign-in", vec![("next".to_owned(), deep.to_owned())]));
    // The page asked for last counts, unless it is the home page; a form that was sent can't be come back to.
    let mut pending = world.pending("ann", "/deep/first").await;
    for path in [deep, "/"] {
        pending.open(path).await;
    }
    let post = pending.ask("POST", "/deep/posted");
    assert_eq!(pending.send(post).await.location(), at("challenge"));
    pending.open(&at("challenge")).await;
    let passed = world.answer(&mut pending, &world.code(&ann.app)).await;
    assert_eq!(passed.location(), deep);
    assert_eq!(pending.open(deep).await.body, guarded("ann"));
}

/// An address among the pages themselves ends on a page, not in a circle, and does nothing.
pub async fn into_the_pages_themselves(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let into = ["", "/", "/challenge", "/challenge/cancel", "/enrol/confirm", "/settings", "/settings/sign-out-others", "/nope"];
    for path in into {
        let next = format!("{}{path}", crate::world::MOUNT);
        let mut browser = world.pending("ann", &next).await;
        let passed = world.answer(&mut browser, &world.code(&ann.app)).await;
        assert_here(&world, &passed);
        let end = browser.follow(&passed).await;
        assert!([200, 404].contains(&end.status), "{next}: {}", end.status);
        assert!(browser.is_in().await && ann.browser.is_in().await, "{next}");
        world.pass(30);
    }
}

/// The phone was looked for too long: the way goes on to where it was going.
pub async fn after_a_challenge_that_ended(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut browser = world.pending("ann", "/deep/page").await;
    world.pass(1_300);
    let ended = browser.open(&at("challenge")).await;
    assert!(ended.body.contains("href=\"/sign-in?next=%2Fdeep%2Fpage\""), "{}", ended.body);

    // A session that is signed in is led back to what asked for the step-up.
    world.pass(3_600);
    let mut browser = ann.browser;
    let sent = browser.open("/fresh").await;
    browser.follow(&sent).await;
    world.pass(1_300);
    let ended = browser.open(&at("challenge")).await;
    assert!(ended.body.contains("href=\"/fresh\""), "{}", ended.body);
}

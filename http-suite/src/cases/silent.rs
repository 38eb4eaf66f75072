//! Silent: what is told before the second factor, and to whom.
//!
//! The classes: "enumeration" (ASVS 6.3.8) and "secret shown where it shouldn't be". Whether an account exists is
//! asked at the host's own sign-in page; here it is about the pages that follow.

use serde_json::json;

use crate::adapter::Adapter;
use crate::journey::{USE_BACKUP, USE_EMAIL};
use crate::world::{World, address, at};

/// Nothing of the address, the app's name or what happened lately, on pages or in JSON.
pub async fn before_the_second_factor_no_address_is_told(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_both("ann").await;
    let settings = ann.browser.get_json(&at("settings")).await.json();
    let app = settings["overview"]["factors"][0]["id"].as_str().unwrap().to_owned();
    let rename = json!({ "factor": app, "name": "Galaxy of Ann Evans" });
    assert_eq!(ann.browser.post_json(&at("settings/rename"), &rename).await.status, 200);

    let mut pending = world.pending("ann", "").await;
    let mut seen = vec![pending.page().body.clone()];
    for words in [USE_BACKUP, USE_EMAIL] {
        seen.push(world.choose(&mut pending, words).await.body);
        seen.push(world.answer(&mut pending, "000000").await.body);
    }
    for path in ["challenge", "challenge/choose", "settings", "enrol", "backup-codes/new", "reminder"] {
        let page = pending.clone().open(&at(path)).await;
        seen.push(format!("{:?} {}", page.headers, page.body));
        let json = pending.clone().get_json(&at(path)).await;
        seen.push(format!("{:?} {}", json.headers, json.body));
    }
    let problem = pending.post_json(&at("challenge"), &json!({ "code": "000000" })).await;
    seen.push(problem.body);
    for text in &seen {
        for told in ["codes.example", &address("ann"), "home.example", "Incorrect code entered"] {
            assert!(!text.contains(told), "{told}: {text}");
        }
    }
    for page in seen.iter().filter(|text| text.contains("<html")) {
        assert!(!page.contains("Galaxy of Ann Evans"), "{page}");
    }
    assert!(seen.iter().any(|text| text.contains(USE_EMAIL)), "the pages were not the challenge's");
}

/// Strangers get the same whether they have been here or not, whoever has an account.
pub async fn strangers_learn_nothing(adapter: &dyn Adapter) {
    let empty = World::new(adapter).await;
    let world = World::new(adapter).await;
    world.with_both("ann").await;
    world.pending("ann", "").await;
    for path in ["challenge", "enrol", "settings", "settings?user=ann", "backup-codes/new", "reminder", ""] {
        let (mut there, mut here) = (empty.browser(), world.browser());
        let (a, b) = (there.open(&at(path)).await, here.open(&at(path)).await);
        assert_eq!((a.status, a.body), (b.status, b.body), "{path}");
        let (a, b) = (there.get_json(&at(path)).await, here.get_json(&at(path)).await);
        assert_eq!((a.status, a.body), (b.status, b.body), "{path}");
    }
    for path in ["/", "/deep/page", "/nope"] {
        let (a, b) = (empty.browser().open(path).await, world.browser().open(path).await);
        assert_eq!((a.status, a.headers["location"].clone()), (b.status, b.headers["location"].clone()));
    }
    assert!(world.browser().open(&at("settings")).await.header("set-cookie").is_empty(), "a session for nobody");
}

/// Nothing a stranger can send has the store asked about anybody: what isn't looked up can't take longer for those
/// who are there. So times are told apart neither by the core nor by a store, which finds a record and misses one
/// in its own time.
pub async fn a_strangers_request_looks_nobody_up(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_both("ann").await;
    world.pending("ann", "").await;
    world.store.heal();
    let fields = json!({
        "code": "000000", "method": "backup_code", "name": "x", "email": "ann@codes.example", "user": "ann",
        "factor": "AAAAAAAAAAAAAAAAAAAAAA",
    });
    let pages = [
        ["challenge", "challenge/choose", "challenge/resend", "challenge/cancel"],
        ["enrol", "enrol/app", "enrol/email", "enrol/confirm"],
        ["enrol/resend", "enrol/cancel", "backup-codes/new", "backup-codes/low"],
        ["backup-codes/saved", "settings", "settings?user=ann", "settings/rename"],
        ["settings/remove", "settings/resync", "settings/sign-out-others", ""],
        ["reminder", "reminder/skip", "assets/style.css", "nothing/here"],
    ];
    for path in pages.as_flattened() {
        world.browser().open(&at(path)).await;
        world.browser().get_json(&at(path)).await;
        world.browser().post_json(&at(path), &fields).await;
    }
    for path in ["/", "/deep/page", "/nope", "/fresh", "/open", "/bare"] {
        world.browser().open(path).await;
        world.browser().get_json(path).await;
    }
    assert_eq!(world.store.calls(), [], "a stranger had somebody looked up");
    // The store does count.
    world.pending("ann", "").await;
    assert!(!world.store.calls().is_empty());
}

/// Unknown, wrong, used and somebody else's code read alike in status and shape; only "used" says more, to
/// somebody who had the code.
pub async fn a_wrong_code_says_nothing_of_how_wrong_it_was(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let ben = world.with_app("ben").await;
    let near = ann.app.clone().with_drift(90).code_at(world.clock.time());
    let mut seen = Vec::new();
    for typed in [near, world.wrong(&ann.app), world.code(&ben.app)] {
        let mut browser = world.pending("ann", "").await;
        let answer = browser.post_json(&at("challenge"), &json!({ "code": typed })).await;
        seen.push((answer.status, answer.body));
    }
    assert_eq!(seen[0].0, 422);
    assert!(seen.iter().all(|answer| *answer == seen[0]), "{seen:?}");
}

/// In the settings an address is not shown whole either: who looks over a shoulder reads a name.
pub async fn settings_show_names_and_not_addresses(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_both("ann").await;
    for path in ["settings", "enrol", "backup-codes/new", "challenge"] {
        let page = ann.browser.open(&at(path)).await;
        assert!(!page.body.contains("ann@codes.example"), "{path}");
        let json = ann.browser.get_json(&at(path)).await;
        assert!(!json.body.contains("ann@codes.example") && !json.body.contains(&address("ann")), "{path}");
    }
}

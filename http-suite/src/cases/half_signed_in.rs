//! Half signed-in is never taken for signed-in, whichever door is tried.
//!
//! The classes: "half signed-in taken for signed-in" (GHSA-xg6x-h9c9-2m83, CVE-2026-32246) and "another door
//! without the check" (CVE-2026-34727, CVE-2020-26136, CVE-2022-24857).

use mfa_core::policy::Policy;
use mfa_core::port::directory::Person;
use reqwest::RequestBuilder;

use crate::adapter::{Adapter, FRESH_SECONDS, GUARDED, guarded, open};
use crate::browser::{Answer, Browser};
use crate::journey::scan;
use crate::world::{World, at, key};

/// Doors that lead to guarded content, with the method to knock with.
const DOORS: [(&str, &str); 16] = [
    ("GET", "/"),
    ("HEAD", "/"),
    ("POST", "/"),
    ("PUT", "/"),
    ("OPTIONS", "/"),
    ("GET", "/deep/reports?term=2"),
    ("GET", "/nested/inner"),
    ("POST", "/nested/inner"),
    ("GET", "/merged"),
    ("OPTIONS", "/merged"),
    ("GET", "/no-route-has-this"),
    ("POST", "/no-route-has-this"),
    ("GET", "/nested/no-route-has-this"),
    ("GET", "/fresh"),
    ("POST", "/fresh"),
    ("GET", "//nested/inner"),
];

fn handshake(request: RequestBuilder) -> RequestBuilder {
    request
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
}

fn assert_shut(answer: &Answer, door: &str) {
    assert!(!answer.body.contains(GUARDED), "{door}: {}", answer.body);
    let headers = format!("{:?}", answer.headers);
    assert!(!headers.contains(GUARDED) && !headers.contains("websocket"), "{door}: {headers}");
    assert_eq!(answer.header("cache-control"), "no-store", "{door}");
}

/// Tries every door, as a person and as a program. `person_to` is the page a person is sent to.
async fn assert_locked_out(world: &World, browser: &Browser, person_to: &str, code: &str) {
    for (method, path) in DOORS {
        let door = format!("{method} {path}");
        let mut person = browser.clone();
        let request = person.ask(method, path).header("accept", "text/html,*/*;q=0.8");
        let answer = person.send(request).await;
        assert_shut(&answer, &door);
        let page = answer.location().split('?').next().unwrap();
        assert_eq!(page, person_to, "{door}");

        let mut program = browser.clone();
        let request = program.ask(method, path).header("accept", "application/json");
        let answer = program.send(request).await;
        assert_shut(&answer, &door);
        assert_eq!(answer.status, 401, "{door}");
        assert_eq!(answer.header("content-type"), "application/problem+json", "{door}");
        // RFC 9110 §15.5.2: a 401 always says how to do better.
        assert!(answer.header("www-authenticate").starts_with("Bearer"), "{door}: {:?}", answer.headers);
        if method != "HEAD" {
            assert_eq!(answer.json()["code"], code, "{door}");
            assert_eq!(answer.json()["status"], 401, "{door}");
        }
        if code == "step_up_required" {
            let challenge = answer.header("www-authenticate");
            assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
            assert_eq!(challenge.contains("max_age=\"300\""), path == "/fresh", "{challenge}");
        }
    }
    let mut socket = browser.clone();
    let request = handshake(socket.ask("GET", "/upgrade"));
    let answer = socket.send(request).await;
    assert_shut(&answer, "the upgrade");
    assert_eq!(answer.location().split('?').next().unwrap(), person_to);
    let mut look = browser.clone();
    assert_eq!(look.open("/open").await.body, open(None));
    for page in ["settings", "backup-codes/new", "settings/rename", "backup-codes/low", "reminder"] {
        let answer = look.open(&at(page)).await;
        assert_eq!(answer.status, 303, "{page}: {}", answer.body);
    }
    assert!(!look.is_in().await);
    // It was the doors that were shut, not the whole house.
    let mut neighbour = world.browser();
    neighbour.password("zoe", "").await;
    assert!(neighbour.is_in().await);
}

/// Nobody.
pub async fn nothing_guarded_is_shown_to_strangers(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    assert_locked_out(&world, &world.browser(), "/sign-in", "sign_in_again").await;
    let mut forged = world.browser();
    let planted = forged.ask("GET", "/").header("cookie", "id=AAAAAAAAAAAAAAAAAAAAAA; mfa=1");
    assert_shut(&forged.send(planted).await, "a cookie of one's own");
    // Somebody of whom the host keeps something is nobody still.
    let mut visitor = world.browser();
    let request = visitor.ask("POST", "/visit");
    assert_eq!(visitor.send(request).await.status, 204);
    assert_ne!(visitor.cookies(), "");
    assert_locked_out(&world, &visitor, "/sign-in", "sign_in_again").await;
}

/// The password was right, the code is still to come.
pub async fn nothing_guarded_is_shown_after_the_password_alone(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let pending = world.pending(&ann.user, "").await;
    assert_locked_out(&world, &pending, &at("challenge"), "step_up_required").await;
    let mut wrong = pending.clone();
    assert_eq!(world.answer(&mut wrong, &world.wrong(&ann.app)).await.status, 422);
    assert_locked_out(&world, &wrong, &at("challenge"), "step_up_required").await;
}

/// Policy asks for a second factor that is not there yet.
pub async fn nothing_guarded_is_shown_before_the_forced_enrolment(adapter: &dyn Adapter) {
    let world = World::with(adapter, |builder| builder.policy(Policy::Required)).await;
    let mut enrolling = world.browser();
    let sent = enrolling.password("ann", "").await;
    assert_eq!(sent.location(), at("enrol"));
    let shut = |browser: Browser| async move {
        for (method, path) in DOORS {
            let mut person = browser.clone();
            let answer = person.send(person.ask(method, path)).await;
            assert_shut(&answer, path);
            assert_eq!(answer.location(), at("enrol"), "{method} {path}");
        }
        assert_eq!(browser.clone().open("/open").await.body, open(None));
    };
    shut(enrolling.clone()).await;
    scan(&mut enrolling).await;
    shut(enrolling).await;
}

/// The old cookie is worth nothing, and neither is the new one.
pub async fn nothing_guarded_is_shown_after_signing_out(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let (mut browser, thief) = (ann.browser.clone(), ann.browser.clone());
    assert!(thief.is_in().await);
    let request = browser.ask("POST", "/sign-out");
    assert_eq!(browser.send(request).await.status, 204);
    assert_locked_out(&world, &thief, "/sign-in", "sign_in_again").await;
    assert_locked_out(&world, &browser, "/sign-in", "sign_in_again").await;
}

/// Reset means reset: also for sessions that were in, and for those half way.
pub async fn nothing_guarded_is_shown_after_a_reset(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut pending = world.pending("ann", "").await;
    world.reset("ann").await;
    assert_locked_out(&world, &ann.browser, "/sign-in", "sign_in_again").await;
    assert!(!pending.is_in().await);
    let answer = world.answer(&mut pending, &world.code(&ann.app)).await;
    assert_eq!(answer.status, 409, "{}", answer.body);
    assert!(!pending.is_in().await);
}

/// "Sign out everywhere else", seen from everywhere else.
pub async fn nothing_guarded_is_shown_after_sessions_were_ended_elsewhere(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut here = world.signs_in(&ann).await;
    here.open(&at("settings")).await;
    let done = here.submit(&at("settings/sign-out-others"), &[]).await;
    assert_eq!(done.location(), at("settings"));
    assert!(here.is_in().await);
    assert_locked_out(&world, &ann.browser, "/sign-in", "sign_in_again").await;
    assert!(here.is_in().await);
}

/// The host says that the password was changed.
pub async fn nothing_guarded_is_shown_after_a_change_of_password(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut pending = world.pending("ann", "").await;
    world.mfa.password_changed(&key("ann")).await.unwrap();
    assert_locked_out(&world, &ann.browser, "/sign-in", "sign_in_again").await;
    world.answer(&mut pending, &world.code(&ann.app)).await;
    assert!(!pending.is_in().await);
}

/// A session that was let in without a second factor, and then policy or another browser asked for one.
pub async fn nothing_guarded_is_shown_when_policy_became_stricter(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.browser();
    ann.password("ann", "").await;
    assert!(ann.is_in().await);
    world.directory.put(key("ann"), Person { policy: Some(Policy::Required), ..Person::default() });
    for (method, path) in DOORS {
        let answer = ann.clone().send(ann.ask(method, path)).await;
        assert_shut(&answer, path);
        assert_eq!(answer.location(), at("enrol"), "{method} {path}");
    }
    assert_eq!(ann.open("/deep/page").await.location(), at("enrol"));

    // A second factor that was set up elsewhere is asked for here.
    let mut ben = world.browser();
    ben.password("ben", "").await;
    assert!(ben.is_in().await);
    world.with_app("ben").await;
    for (method, path) in DOORS {
        let answer = ben.clone().send(ben.ask(method, path)).await;
        assert_shut(&answer, path);
        assert!(!answer.location().starts_with("/nested"), "{method} {path}");
    }
    assert!(!ben.is_in().await);
}

/// All methods are disabled: the password alone is no way in, and neither are the pages.
pub async fn a_refused_person_stays_outside(adapter: &dyn Adapter) {
    let limits = mfa_core::throttle::Limits { disable_at: 3, ..Default::default() };
    let world = World::with(adapter, |builder| builder.limits(limits)).await;
    let mut ann = world.browser();
    ann.password("ann", "").await;
    world.add_email(&mut ann, "ann@codes.example").await;
    world.pass(60);
    let mut pending = world.pending("ann", "").await;
    // Backup codes were made with the first method: both are worn out.
    for words in [crate::journey::USE_EMAIL, crate::journey::USE_BACKUP] {
        world.choose(&mut pending, words).await;
        for _ in 0..3 {
            let code = if words == crate::journey::USE_BACKUP { "0000-0000-0000-0000" } else { "000000" };
            pending.open(&at("challenge")).await;
            if pending.page().status == 200 && pending.page().body.contains("name=\"code\"") {
                world.answer(&mut pending, code).await;
            }
        }
        world.pass(3600);
        pending = world.browser();
        let sent = pending.password("ann", "").await;
        assert_eq!(sent.location(), at("challenge"));
        pending.follow(&sent).await;
    }
    assert_eq!(pending.page().status, 403, "{}", pending.page().body);
    for (method, path) in DOORS {
        let answer = pending.clone().send(pending.ask(method, path)).await;
        assert_shut(&answer, path);
    }
    for page in ["settings", "enrol", "enrol/email", "enrol/confirm", "challenge/choose"] {
        assert_eq!(pending.open(&at(page)).await.status, 403, "{page}");
    }
    assert!(!pending.is_in().await);
}

/// Signed in, but the proof is older than a route allows.
pub async fn a_stale_proof_opens_no_fresh_route(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let mut browser = world.signs_in(&ann).await;
    assert_eq!(browser.open("/fresh").await.body, guarded("ann"));
    world.pass(FRESH_SECONDS);
    for method in ["GET", "HEAD", "POST", "OPTIONS"] {
        let answer = browser.clone().send(browser.ask(method, "/fresh")).await;
        assert_shut(&answer, method);
        assert_eq!(answer.location(), at("challenge"));
    }
    assert!(browser.is_in().await, "other routes stay open");
    let program = browser.ask("POST", "/fresh").header("accept", "application/json");
    let answer = browser.clone().send(program).await;
    assert_eq!((answer.status, answer.json()["code"].as_str()), (401, Some("step_up_required")));
    // Beginning to step up is not stepping up.
    let deep = "/fresh?form=bank";
    let sent = browser.open(deep).await;
    browser.follow(&sent).await;
    assert_shut(&browser.clone().open(deep).await, "after the challenge was looked at");
    world.answer(&mut browser, &world.wrong(&ann.app)).await;
    assert_shut(&browser.clone().open(deep).await, "after a wrong code");
    let passed = world.answer(&mut browser, &world.code(&ann.app)).await;
    assert_eq!(passed.location(), deep);
    assert_eq!(browser.open(deep).await.body, guarded("ann"));
    // Somebody without a second factor has nothing to be fresh with.
    let mut ben = world.browser();
    ben.password("ben", "").await;
    let sent = ben.open("/fresh").await;
    assert_shut(&sent, "no factor");
    assert_eq!(sent.location(), at("enrol"));
}

/// The other side of the matrix: these doors do open.
pub async fn a_signed_in_person_gets_through_every_door(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    for (method, path) in DOORS {
        let answer = ann.browser.clone().send(ann.browser.ask(method, path)).await;
        assert_eq!(answer.status, 200, "{method} {path}");
        assert_eq!(answer.body, if method == "HEAD" { String::new() } else { guarded("ann") }, "{path}");
    }
    let answer = ann.browser.clone().send(handshake(ann.browser.ask("GET", "/upgrade"))).await;
    assert_eq!(answer.status, 101);
    assert_eq!(ann.browser.clone().open("/open").await.body, open(Some("ann")));
}

/// The session's token, its cookie under other names and the ids on the page are not credentials.
pub async fn nothing_that_a_pending_answer_holds_is_a_key(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    world.with_both("ann").await;
    let mut pending = world.pending("ann", "").await;
    let view = pending.get_json(&at("challenge")).await;
    let mut words: Vec<String> = vec![pending.token(), pending.cookies()];
    words.push(pending.cookies().split_once('=').unwrap().1.to_owned());
    let methods = view.json()["methods"].as_array().unwrap().clone();
    assert_eq!(methods.len(), 3, "{}", view.body);
    words.extend(methods.iter().map(|method| method["choice"].as_str().unwrap().to_owned()));
    for word in words {
        let tries = [
            world.browser().ask("GET", "/").bearer_auth(&word),
            pending.ask("GET", "/").bearer_auth(&word),
            pending.ask("GET", "/").header("x-csrf-token", &word),
            world.browser().ask("GET", "/").header("cookie", format!("id={word}")),
            world.browser().ask("GET", "/").header("cookie", format!("mfa={word}; session={word}")),
            pending.ask("GET", &format!("/?csrf={}", word.replace(['=', '&', ';', ' '], "."))),
            pending.ask("GET", "/").header("x-original-url", "/open").header("x-forwarded-user", "ann"),
        ];
        for request in tries {
            assert_shut(&world.browser().send(request).await, &word);
        }
    }
}

/// `SignedIn` without its layer is nobody and an opaque 500; the optional form is `None` half way.
pub async fn extractors_hand_out_nobody_half_way(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_app("ann").await;
    let pending = world.pending("ann", "").await;
    for browser in [&world.browser(), &pending, &ann.browser] {
        for path in ["/bare", "/bare-option"] {
            let answer = browser.clone().open(path).await;
            assert_eq!((answer.status, answer.body.as_str()), (500, ""), "{path}");
        }
    }
    assert_eq!(world.browser().open("/open").await.body, open(None));
    assert_eq!(pending.clone().open("/open").await.body, open(None));
    assert_eq!(ann.browser.clone().open("/open").await.body, open(Some("ann")));
    world.reset("ann").await;
    assert_eq!(ann.browser.clone().open("/open").await.body, open(None));
}

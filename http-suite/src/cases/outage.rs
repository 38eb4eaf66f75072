//! Outages in the rarer states: while a method is forced, a code is awaited or a proof is stale; and outages that are
//! not the store's. Nobody is let in, nothing is said about it, and afterwards all works.
//!
//! The class: "entry granted though the spent mark was not saved" (CUDly#1916, filament#19891).

use std::time::Duration;

use mfa_core::policy::Policy;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::store::faulty::Moment;

use crate::adapter::{Adapter, GUARDED, SessionCall};
use crate::browser::{Answer, Browser};
use crate::journey::{USE_APP, USE_EMAIL, scan};
use crate::world::{World, at};

/// Which session makes the request.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Who {
    /// Nobody yet: the password is what is posted.
    Stranger,
    Pending,
    /// Pending, with a code sent by e-mail.
    Waiting,
    SignedIn,
    /// Signed in, but too long ago.
    Stale,
    /// Made to set a method up.
    Enrolling,
}

/// Every request that reaches the store.
const REQUESTS: [(Who, &str, &str); 31] = [
    (Who::Stranger, "POST", "/password"),
    (Who::Pending, "GET", "challenge"),
    (Who::Pending, "GET", "challenge/choose"),
    (Who::Pending, "POST", "challenge"),
    (Who::Pending, "POST", "challenge/choose"),
    (Who::Waiting, "POST", "challenge"),
    (Who::Waiting, "POST", "challenge/resend"),
    (Who::Pending, "POST", "challenge/cancel"),
    (Who::Pending, "POST", "/sign-out"),
    (Who::Enrolling, "POST", "enrol/app"),
    (Who::Enrolling, "GET", "enrol/confirm"),
    (Who::Enrolling, "POST", "enrol/confirm"),
    (Who::Enrolling, "POST", "enrol/email"),
    (Who::Enrolling, "POST", "enrol/cancel"),
    (Who::SignedIn, "GET", "/"),
    (Who::SignedIn, "GET", "/open"),
    (Who::SignedIn, "GET", "/fresh"),
    (Who::SignedIn, "GET", "settings"),
    (Who::SignedIn, "GET", "settings/rename"),
    (Who::SignedIn, "POST", "settings/rename"),
    (Who::SignedIn, "POST", "settings/remove"),
    (Who::SignedIn, "POST", "settings/resync"),
    (Who::SignedIn, "POST", "settings/sign-out-others"),
    (Who::SignedIn, "POST", "backup-codes/new"),
    (Who::SignedIn, "POST", "enrol/app"),
    (Who::SignedIn, "POST", "enrol/email"),
    (Who::SignedIn, "GET", "enrol"),
    (Who::Stale, "GET", "/fresh"),
    (Who::Stale, "GET", "settings"),
    (Who::Stale, "POST", "settings/remove"),
    (Who::Stale, "GET", "enrol"),
];

/// One session that is about to make one request.
struct Scene {
    world: World,
    app: AuthenticatorApp,
    browser: Browser,
    who: Who,
    fields: Vec<(String, String)>,
}

impl Scene {
    async fn new(adapter: &dyn Adapter, who: Who) -> Self {
        let enrolling = who == Who::Enrolling;
        let world = World::with(adapter, |builder| {
            builder.policy(if enrolling { Policy::Required } else { Policy::Off })
        })
        .await;
        let (app, mut browser);
        let mut factor = String::new();
        if enrolling {
            browser = world.browser();
            browser.password("ann", "").await;
            app = scan(&mut browser).await;
        } else {
            let mut ann = world.with_both("ann").await;
            let settings = ann.browser.get_json(&at("settings")).await.json();
            factor = settings["overview"]["factors"][1]["id"].as_str().unwrap().to_owned();
            app = ann.app;
            browser = match who {
                Who::Stranger => world.browser(),
                Who::SignedIn | Who::Stale => ann.browser,
                _ => world.pending("ann", "").await,
            };
        }
        if who == Who::Stale {
            world.pass(3600);
        }
        if who == Who::Pending {
            world.choose(&mut browser, USE_APP).await;
        }
        let mut code = world.code(&app);
        if who == Who::Waiting {
            world.choose(&mut browser, USE_EMAIL).await;
            code = world.sender.last_code().unwrap();
            world.pass(60);
        }
        let second = app.clone().with_drift(30).code_at(world.clock.time());
        let fields = [
            ("csrf", browser.token()),
            ("code", code),
            ("code_2", second),
            ("method", "backup_code".to_owned()),
            ("factor", factor),
            ("name", "Mine".to_owned()),
            ("email", "new@codes.example".to_owned()),
            ("user", "ann".to_owned()),
        ];
        let fields = fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { world, app, browser, who, fields }
    }

    async fn request(&mut self, method: &str, path: &str) -> Answer {
        let full = if path.starts_with('/') { path.to_owned() } else { at(path) };
        let fields: Vec<_> = self.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let request = if method == "POST" {
            self.browser.form(&full, &fields)
        } else {
            let factor = self.fields.iter().find(|(name, _)| name == "factor").unwrap();
            self.browser.ask(method, &format!("{full}?factor={}", factor.1)).header("accept", "text/html")
        };
        self.browser.send(request).await
    }

    fn may_be_in(&self) -> bool {
        matches!(self.who, Who::SignedIn | Who::Stale)
    }

    /// Nobody got in by what failed, with the old cookie or with the new one.
    async fn assert_nobody_got_in(&self, before: &Browser, what: &str) {
        if !self.may_be_in() {
            assert!(!self.browser.is_in().await, "{what}: in with the new cookie");
            assert!(!before.is_in().await, "{what}: in with the old cookie");
        }
    }

    /// A whole sign-in from the beginning, whatever the failure has left behind.
    async fn assert_all_works(&self, what: &str) {
        self.world.pass(3600);
        let mut browser = self.world.browser();
        let sent = browser.password("ann", "").await;
        let page = browser.follow(&sent).await;
        assert_eq!(page.status, 200, "{what}: {}", page.body);
        if sent.location() == at("enrol") {
            let app = scan(&mut browser).await;
            browser.submit(&at("enrol/confirm"), &[("code", &self.world.code(&app))]).await;
        } else {
            assert_eq!(sent.location(), at("challenge"), "{what}");
            self.world.choose(&mut browser, USE_APP).await;
            let passed = self.world.answer(&mut browser, &self.world.code(&self.app)).await;
            assert_eq!(passed.location(), "/", "{what}: {}", passed.body);
        }
        assert!(browser.is_in().await, "{what}");
        assert_eq!(browser.open(&at("settings")).await.status, 200, "{what}");
    }
}

/// An opaque fault: the right status, no detail, nothing guarded.
fn assert_opaque(answer: &Answer, what: &str) {
    assert!([500, 503].contains(&answer.status), "{what}: {} {}", answer.status, answer.body);
    for detail in ["on purpose", "the test", "Store", "Commit", "Load", "commit", "backend", "Backend", "panicked", "Fault", GUARDED] {
        assert!(!answer.body.contains(detail), "{what} tells {detail}: {}", answer.body);
    }
}

/// Whether the answer needn't be a fault: who leaves has left, and a method that was set up is there, though the backup
/// codes that were to be shown with it are not. 
fn is_done_anyway(path: &str, answer: &Answer) -> bool {
    let leads = || answer.header("location");
    answer.status == 303
        && match path {
            "challenge/cancel" | "enrol/cancel" => leads() == "/sign-in",
            "enrol/confirm" => leads() == at("settings"),
            _ => false,
        }
}

/// The states that `closed` doesn't go through.
fn rarer() -> impl Iterator<Item = (Who, &'static str, &'static str)> {
    REQUESTS.into_iter().filter(|(who, _, _)| matches!(who, Who::Waiting | Who::Stale | Who::Enrolling))
}

/// Each call of the store in turn: with nothing done, and with the work done and the answer lost.
pub async fn a_store_that_fails_in_the_rarer_states(adapter: &dyn Adapter) {
    for (who, method, path) in rarer() {
        for moment in [Moment::Before, Moment::After] {
            for n in 0.. {
                let what = format!("{who:?} {method} {path}, call {n} {moment:?}");
                let mut scene = Scene::new(adapter, who).await;
                let before = scene.browser.clone();
                scene.world.store.fail_nth(n, moment);
                let answer = scene.request(method, path).await;
                let failed = scene.world.store.failed();
                scene.world.store.heal();
                if failed == 0 {
                    // At least one call was made, or the request is on the list in vain.
                    assert!(n > 0, "{what}: {} {}", answer.status, answer.body);
                    assert!(answer.status < 500, "{what}: {}", answer.body);
                    break;
                }
                if is_done_anyway(path, &answer) {
                    // Before the codes, and after the commit that set the method up.
                    assert!(path != "enrol/confirm" || n > 0 , "{what}");
                } else {
                    assert_opaque(&answer, &what);
                    scene.assert_nobody_got_in(&before, &what).await;
                }
                scene.assert_all_works(&what).await;
            }
        }
    }
}

/// Loading, saving and deleting sessions.
pub async fn a_session_store_that_fails_in_the_rarer_states(adapter: &dyn Adapter) {
    for call in [SessionCall::Load, SessionCall::Save, SessionCall::Delete] {
        for (who, method, path) in rarer() {
            let what = format!("{who:?} {method} {path}, {call:?}");
            let mut scene = Scene::new(adapter, who).await;
            let before = scene.browser.clone();
            scene.world.sessions.fail(call);
            let answer = scene.request(method, path).await;
            if scene.world.sessions.heal() > 0 {
                assert_opaque(&answer, &what);
            }
            scene.assert_nobody_got_in(&before, &what).await;
            scene.assert_all_works(&what).await;
        }
    }
}

/// A clock that says it is two hours earlier: old codes would count again and waits be over.
pub async fn a_clock_that_runs_back_lets_nobody_in(adapter: &dyn Adapter) {
    for (who, method, path) in REQUESTS {
        if path == "/sign-out" {
            continue;
        }
        let what = format!("{who:?} {method} {path}");
        let mut scene = Scene::new(adapter, who).await;
        let before = scene.browser.clone();
        scene.world.clock.step_back(Duration::from_secs(7200));
        let answer = scene.request(method, path).await;
        if !is_done_anyway(path, &answer) {
            assert_opaque(&answer, &what);
        }
        scene.world.clock.advance(Duration::from_secs(7200));
        scene.assert_nobody_got_in(&before, &what).await;
        scene.assert_all_works(&what).await;
    }
}

/// Where it can't be known what policy asks of somebody, nobody is let in as if it asked for nothing.
pub async fn a_directory_that_is_away_lets_nobody_in(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let mut ann = world.with_app("ann").await;
    let mut ben = world.browser();
    ben.password("ben", "").await;
    world.directory.set_broken(true);
    for user in ["ann", "ben"] {
        let mut stranger = world.browser();
        assert_opaque(&stranger.password(user, "").await, user);
        assert!(stranger.cookies().is_empty());
    }
    for path in ["/", "/deep/page", "/nested/inner"] {
        assert_opaque(&ben.clone().open(path).await, path);
    }
    // Her second factor is proved, whatever policy says.
    assert!(ann.browser.is_in().await);
    assert_eq!(ann.browser.open("/fresh").await.status, 200);
    world.directory.set_broken(false);
    assert!(ben.is_in().await);
    world.signs_in(&ann).await;
}

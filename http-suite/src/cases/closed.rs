//! A fault of the store, of the sessions, of the clock or of the randomness lets nobody in, tells nothing, and passes.
//!
//! The classes: "entry granted though the spent mark was not saved" (CUDly#1916) and "counter lost on rollback"
//! (CVE-2026-35597).

use mfa_testing::store::faulty::Moment;

use crate::adapter::{Adapter, GUARDED, SessionCall};
use crate::browser::{Answer, Browser};
use crate::journey::{Person, USE_BACKUP, USE_EMAIL};
use crate::page;
use crate::world::{World, at};

/// One request, after whatever must come before it.
#[derive(Clone, Copy, Debug)]
enum Step {
    Home,
    Fresh,
    Open,
    Password,
    ShowChallenge,
    Answer,
    AnswerBackup,
    SendMail,
    Cancel,
    Settings,
    EnrolApp,
    EnrolEmail,
    Confirm,
    NewCodes,
    Rename,
    Remove,
    EndOthers,
    SignOut,
}

const STEPS: [Step; 18] = [
    Step::Home,
    Step::Fresh,
    Step::Open,
    Step::Password,
    Step::ShowChallenge,
    Step::Answer,
    Step::AnswerBackup,
    Step::SendMail,
    Step::Cancel,
    Step::Settings,
    Step::EnrolApp,
    Step::EnrolEmail,
    Step::Confirm,
    Step::NewCodes,
    Step::Rename,
    Step::Remove,
    Step::EndOthers,
    Step::SignOut,
];

/// A world just before the step: the person, the browser that takes it, and what is typed.
struct Stage {
    world: World,
    ann: Person,
    browser: Browser,
    typed: String,
}

async fn stage(adapter: &dyn Adapter, step: Step) -> Stage {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    let mut browser = ann.browser.clone();
    let mut typed = String::new();
    match step {
        Step::Home | Step::Fresh | Step::Open | Step::SignOut => {}
        Step::Password => browser = world.browser(),
        Step::ShowChallenge | Step::Answer | Step::Cancel => {
            browser = world.pending("ann", "").await;
            world.choose(&mut browser, crate::journey::USE_APP).await;
            typed = world.code(&ann.app);
        }
        Step::AnswerBackup => {
            browser = world.pending("ann", "").await;
            world.choose(&mut browser, USE_BACKUP).await;
            typed.clone_from(&ann.codes[0]);
        }
        Step::SendMail => {
            browser = world.pending("ann", "").await;
            let shown = browser.open(&at("challenge/choose")).await;
            typed = page::choice(&shown.body, USE_EMAIL).unwrap();
        }
        Step::EnrolApp => drop(browser.open(&at("enrol")).await),
        Step::EnrolEmail => drop(browser.open(&at("enrol/email")).await),
        Step::Confirm => {
            let app = crate::journey::scan(&mut browser).await;
            typed = world.code(&app);
        }
        Step::NewCodes => drop(browser.open(&at("backup-codes/new")).await),
        Step::Settings | Step::EndOthers => drop(browser.open(&at("settings")).await),
        Step::Rename | Step::Remove => {
            let what = if matches!(step, Step::Rename) { "rename" } else { "remove" };
            let settings = browser.open(&at("settings")).await;
            let link = page::between(&settings.body, &format!("href=\"{}?", at(&format!("settings/{what}"))), "\"");
            let link = format!("{}?{}", at(&format!("settings/{what}")), link.unwrap());
            browser.open(&link).await;
        }
    }
    Stage { world, ann, browser, typed }
}

async fn perform(stage: &mut Stage, step: Step) -> Answer {
    let Stage { browser, typed, .. } = stage;
    match step {
        Step::Home => browser.open("/").await,
        Step::Fresh => browser.open("/fresh").await,
        Step::Open => browser.open("/open").await,
        Step::Password => browser.password("ann", "").await,
        Step::ShowChallenge => browser.open(&at("challenge")).await,
        Step::Answer | Step::AnswerBackup => browser.submit(&at("challenge"), &[("code", typed)]).await,
        Step::SendMail => browser.submit(&at("challenge/choose"), &[("method", typed)]).await,
        Step::Cancel => browser.submit(&at("challenge/cancel"), &[]).await,
        Step::Settings => browser.open(&at("settings")).await,
        Step::EnrolApp => browser.submit(&at("enrol/app"), &[]).await,
        Step::EnrolEmail => browser.submit(&at("enrol/email"), &[("email", "ann@new.example")]).await,
        Step::Confirm => browser.submit(&at("enrol/confirm"), &[("code", typed)]).await,
        Step::NewCodes => browser.submit(&at("backup-codes/new"), &[]).await,
        Step::Rename => browser.submit(&at("settings/rename"), &[("name", "Mine")]).await,
        Step::Remove => browser.submit(&at("settings/remove"), &[]).await,
        Step::EndOthers => browser.submit(&at("settings/sign-out-others"), &[]).await,
        Step::SignOut => {
            let request = browser.ask("POST", "/sign-out");
            browser.send(request).await
        }
    }
}

/// Refused, or, where somebody leaves, done as far as the session goes.
async fn assert_refused_or_left(stage: &Stage, step: Step, answer: &Answer, note: &str) {
    if matches!(step, Step::Cancel | Step::SignOut) && answer.status < 500 {
        assert!([204, 303].contains(&answer.status), "{note}: {} {}", answer.status, answer.body);
        assert!(!stage.browser.is_in().await, "{note}");
    } else {
        assert_refused(answer, note);
    }
}

fn assert_refused(answer: &Answer, note: &str) {
    assert!(answer.status >= 500, "{note}: {} {}", answer.status, answer.body);
    for word in [GUARDED, "the test broke", "store", "panicked", "open to ann"] {
        assert!(!answer.body.contains(word), "{note}: {}", answer.body);
    }
}

/// When all is mended, the person signs in with the method they have, or without one if it was removed.
async fn assert_works(stage: &Stage, note: &str) {
    let Stage { world, ann, .. } = stage;
    world.pass(90);
    let mut browser = world.browser();
    let sent = browser.password("ann", "").await;
    if sent.location() == at("challenge") {
        browser.follow(&sent).await;
        let page = browser.open(&at("challenge/choose")).await;
        if page.body.contains(crate::journey::USE_APP) {
            world.choose(&mut browser, crate::journey::USE_APP).await;
            let passed = world.answer(&mut browser, &world.code(&ann.app)).await;
            assert_eq!(passed.location(), "/", "{note}");
        } else {
            world.choose(&mut browser, USE_EMAIL).await;
            let code = world.sender.last_code().unwrap();
            assert_eq!(world.answer(&mut browser, &code).await.location(), "/", "{note}");
        }
    }
    assert!(browser.is_in().await, "{note}");
}

/// Every call of the store in turn, before it does anything and after it has.
pub async fn a_store_that_fails_at_any_call_lets_nobody_in(adapter: &dyn Adapter) {
    for step in STEPS {
        for moment in [Moment::Before, Moment::After] {
            for n in 0.. {
                let note = format!("{step:?}, call {n}, {moment:?}");
                let mut stage = stage(adapter, step).await;
                stage.world.store.fail_nth(n, moment);
                let answer = perform(&mut stage, step).await;
                let reached = stage.world.store.failed() > 0;
                stage.world.store.heal();
                if !reached {
                    assert!(answer.status < 500, "{note}: {}", answer.body);
                    assert!(n > 0 || matches!(step, Step::SignOut), "{note}: the store is not asked");
                    break;
                }
                assert_refused_or_left(&stage, step, &answer, &note).await;
                if matches!(step, Step::Answer | Step::AnswerBackup | Step::Password | Step::Confirm) {
                    let was_in = matches!(step, Step::Confirm);
                    assert!(was_in || !stage.browser.is_in().await, "{note}");
                }
                assert_works(&stage, &note).await;
            }
        }
    }
}

/// Sessions that can't be read, written or deleted.
pub async fn a_session_store_that_fails_lets_nobody_in(adapter: &dyn Adapter) {
    for step in STEPS {
        for call in [SessionCall::Load, SessionCall::Save, SessionCall::Delete] {
            let note = format!("{step:?}, {call:?}");
            let mut stage = stage(adapter, step).await;
            stage.world.sessions.fail(call);
            let answer = perform(&mut stage, step).await;
            if stage.world.sessions.heal() > 0 {
                assert_refused(&answer, &note);
            }
            if matches!(step, Step::Answer | Step::AnswerBackup | Step::Password) && answer.status >= 500 {
                assert!(!stage.browser.is_in().await, "{note}");
            }
            assert_works(&stage, &note).await;
        }
    }
}

/// A clock that can't be read, and randomness that can't be had.
pub async fn a_clock_or_randomness_that_fails_lets_nobody_in(adapter: &dyn Adapter) {
    for step in STEPS {
        let mut stage = stage(adapter, step).await;
        stage.world.clock.set_broken(true);
        let answer = perform(&mut stage, step).await;
        stage.world.clock.set_broken(false);
        assert_refused_or_left(&stage, step, &answer, &format!("{step:?} without a clock")).await;
        assert_works(&stage, &format!("{step:?} after the clock")).await;

        let mut stage = self::stage(adapter, step).await;
        stage.world.entropy.set_broken(true);
        let answer = perform(&mut stage, step).await;
        stage.world.entropy.set_broken(false);
        if answer.status >= 500 {
            assert_refused(&answer, &format!("{step:?} without randomness"));
        }
        if matches!(step, Step::Answer | Step::AnswerBackup | Step::Password) {
            assert!(answer.status >= 500, "{step:?} without randomness");
            assert!(!stage.browser.is_in().await, "{step:?} without randomness");
        }
        assert_works(&stage, &format!("{step:?} after the randomness")).await;
    }
}

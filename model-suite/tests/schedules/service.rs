//! The service: whatever happens at once on two handles ends as it would one after the other, in some order.

use std::time::Duration;

use mfa_core::challenge::Choice;
use mfa_core::id::{FactorId, UserId};
use mfa_core::port::sender::Locale;
use mfa_core::proof::{Method, Standing};
use mfa_core::service::{Mfa, SignIn};
use mfa_core::throttle::Limits;
use mfa_core::ticket::{Authority, Ticket};
use mfa_testing::app::AuthenticatorApp;

use crate::scene::{Deed, Ending, Portal, Scene, ann, finish};

/// Ann, with an app, an address and backup codes, some time after she set them up.
struct Ann {
    portal: Portal,
    mfa: Mfa,
    phone: AuthenticatorApp,
    app: FactorId,
    post: FactorId,
    codes: Vec<String>,
    standing: Standing,
}

impl Ann {
    fn new() -> Self {
        Self::with(Limits::default())
    }

    fn with(limits: Limits) -> Self {
        let portal = Portal::new(limits);
        let mfa = portal.handle();
        finish(async {
            let SignIn::Admitted { verified, .. } = mfa.sign_in(&ann()).await.unwrap() else {
                panic!("not admitted")
            };
            let authority = Authority::Session(verified.into_standing());
            let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.unwrap().unwrap();
            let phone = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
            let code = phone.code_at(portal.clock.time());
            let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
            let app = confirmed.factor;
            let authority = Authority::Session(confirmed.verified.into_standing());
            let enrolled = mfa.enrol_email(&authority, "Post", "ann@codes.example", Locale::English).await;
            let (ticket, code) = (enrolled.unwrap().unwrap(), portal.sender.last_code().unwrap());
            let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.unwrap().unwrap();
            let standing = confirmed.verified.into_standing();
            let codes = mfa.make_backup_codes(&standing).await.unwrap().unwrap();
            let codes = codes.iter().map(|code| code.expose().to_owned()).collect();
            portal.clock.advance(Duration::from_secs(90));
            Self { mfa, phone, app, post: confirmed.factor, codes, standing, portal }
        })
    }

    /// A challenge that waits for an answer of this kind.
    fn challenged(&self, method: Method) -> Ticket {
        finish(async {
            let SignIn::Challenged(ticket) = self.mfa.sign_in(&ann()).await.unwrap() else {
                panic!("not challenged")
            };
            let choice = match method {
                Method::App => Choice::Factor(self.app),
                Method::Email => Choice::Factor(self.post),
                _ => Choice::BackupCode,
            };
            self.mfa.choose(&ticket, choice, Locale::English).await.unwrap().unwrap();
            ticket
        })
    }

    fn shown(&self) -> String {
        self.phone.code_at(self.portal.clock.time())
    }

    /// A code that no app shows around now.
    fn wrong(&self) -> String {
        let now = self.portal.clock.time();
        let near: Vec<_> =
            (-12..=12).map(|step| self.phone.clone().with_drift(30 * step).code_at(now)).collect();
        (0..).map(|number| format!("{number:06}")).find(|code| !near.contains(code)).unwrap()
    }
}

fn answering(ticket: &Ticket, typed: &str) -> Deed {
    let (ticket, typed) = (ticket.clone(), typed.to_owned());
    Deed::new(move |mfa| {
        let (ticket, typed) = (ticket.clone(), typed.clone());
        async move {
            match mfa.answer(&ticket, &typed).await {
                Ok(Ok(granted)) => {
                    let told =
                        format!("passed by {:?} {:?}", granted.verified.methods(), granted.backup_codes_left);
                    (told, Some(granted.verified.into_standing()))
                }
                Ok(Err(refusal)) => (format!("{refusal:?}"), None),
                Err(fault) => (format!("fault: {fault:?}"), None),
            }
        }
    })
}

/// A deed of a session that may go on in a new epoch.
macro_rules! deed {
    ($standing:expr, |$mfa:ident, $held:ident| $act:expr) => {{
        let standing: Standing = $standing.clone();
        Deed::new(move |$mfa| {
            let $held = standing.clone();
            async move {
                match $act {
                    Ok(Ok(after)) => ("done".to_owned(), after),
                    Ok(Err(refusal)) => (format!("{refusal:?}"), Some($held)),
                    Err(fault) => (format!("fault: {fault:?}"), Some($held)),
                }
            }
        })
    }};
}

fn resetting(ann_has: &Ann) -> Deed {
    deed!(ann_has.standing, |mfa, held| {
        let administrator = UserId::new("administrator").unwrap();
        mfa.reset(&ann(), &administrator, "lost phone").await.map(|done| done.map(|()| Some(held.clone())))
    })
}

fn removing(ann_has: &Ann, factor: FactorId) -> Deed {
    deed!(ann_has.standing, |mfa, held| mfa.remove(&held, factor).await.map(|done| done.map(Some)))
}

fn ending_others(ann_has: &Ann) -> Deed {
    deed!(ann_has.standing, |mfa, held| mfa.end_other_sessions(&held).await.map(|done| done.map(Some)))
}

fn changing_the_password(ann_has: &Ann) -> Deed {
    deed!(ann_has.standing, |mfa, held| {
        mfa.password_changed(&ann()).await.map(|()| Ok::<_, mfa_core::refusal::Refusal>(Some(held.clone())))
    })
}

fn making_backup_codes(ann_has: &Ann) -> Deed {
    deed!(ann_has.standing, |mfa, held| {
        mfa.make_backup_codes(&held).await.map(|done| done.map(|_| Some(held.clone())))
    })
}

fn choosing(ticket: &Ticket, choice: Choice) -> Deed {
    let ticket = ticket.clone();
    Deed::new(move |mfa| {
        let ticket = ticket.clone();
        async move { (format!("{:?}", mfa.choose(&ticket, choice, Locale::English).await), None) }
    })
}

fn confirming(authority: &Authority, ticket: &Ticket, code: &str) -> Deed {
    let (authority, ticket, code) = (authority.clone(), ticket.clone(), code.to_owned());
    Deed::new(move |mfa| {
        let (authority, ticket, code) = (authority.clone(), ticket.clone(), code.clone());
        async move {
            match mfa.confirm(&authority, &ticket, &code, None).await {
                Ok(Ok(confirmed)) => ("confirmed".to_owned(), Some(confirmed.verified.into_standing())),
                Ok(Err(refusal)) => (format!("{refusal:?}"), None),
                Err(fault) => (format!("fault: {fault:?}"), None),
            }
        }
    })
}

fn signing_in() -> Deed {
    Deed::new(|mfa| async move {
        match mfa.sign_in(&ann()).await {
            Ok(SignIn::Admitted { verified, .. }) => ("admitted".to_owned(), Some(verified.into_standing())),
            Ok(SignIn::Challenged(_)) => ("challenged".to_owned(), None),
            other => (format!("{other:?}"), None),
        }
    })
}

#[test]
fn once_the_same_app_code_lets_one_in() {
    let ann = Ann::new();
    let (one, other) = (ann.challenged(Method::App), ann.challenged(Method::App));
    let code = ann.shown();
    let once = |ending: &Ending| ending.told("passed") == 1 && ending.events("ChallengePassed") == 1;
    let deeds = vec![answering(&one, &code), answering(&other, &code)];
    let scene = Scene::new("one app code in two challenges", &ann.portal, deeds, once);
    scene.in_every_schedule(1_000);
    assert!(scene.finds_a_careless_store());
    let deeds = vec![answering(&one, &code), answering(&one, &code), answering(&other, &code)];
    Scene::new("one app code three times", &ann.portal, deeds, once).in_many_schedules();
}

#[test]
fn once_the_same_backup_code_lets_one_in() {
    let ann = Ann::new();
    let (one, other) = (ann.challenged(Method::BackupCode), ann.challenged(Method::BackupCode));
    let once =
        |ending: &Ending| ending.told("passed") == 1 && ending.account_has("backup_codes_left: Some(9)");
    let deeds = vec![answering(&one, &ann.codes[0]), answering(&other, &ann.codes[0])];
    let scene = Scene::new("one backup code in two challenges", &ann.portal, deeds, once);
    scene.in_every_schedule(3_000).in_many_schedules();
    assert!(scene.finds_a_careless_store());
    let both =
        |ending: &Ending| ending.told("passed") == 2 && ending.account_has("backup_codes_left: Some(8)");
    let deeds = vec![answering(&one, &ann.codes[0]), answering(&other, &ann.codes[1])];
    let scene = Scene::new("two backup codes in two challenges", &ann.portal, deeds, both);
    scene.in_every_schedule(3_000);
    assert!(scene.finds_a_careless_store());
}

#[test]
fn once_the_same_delivered_code_lets_one_in() {
    let ann = Ann::new();
    let ticket = ann.challenged(Method::Email);
    let code = ann.portal.sender.last_code().unwrap();
    let once = |ending: &Ending| ending.told("passed") == 1 && ending.events("ChallengePassed") == 1;
    let deeds = vec![answering(&ticket, &code), answering(&ticket, &code)];
    let scene = Scene::new("one delivered code twice", &ann.portal, deeds.clone(), once);
    scene.in_every_schedule(1_000);
    assert!(scene.finds_a_careless_store());
    let deeds = [deeds, vec![answering(&ticket, "000000")]].concat();
    let at_most_once = |ending: &Ending| ending.told("passed") == 1;
    Scene::new("one delivered code twice, and a guess", &ann.portal, deeds, at_most_once).in_many_schedules();
}

#[test]
fn counted_parallel_guesses_buy_nothing() {
    let ann = Ann::with(Limits { per_challenge: 1, ..Limits::default() });
    let (ticket, wrong) = (ann.challenged(Method::App), ann.wrong());
    let one = |ending: &Ending| ending.told("WrongCode") == 1 && ending.told("ChallengeFailed") == 1;
    let deeds = vec![answering(&ticket, &wrong); 2];
    let scene = Scene::new("two guesses where one is borne", &ann.portal, deeds, one);
    scene.in_every_schedule(1_000);
    assert!(scene.finds_a_careless_store());

    let ann = Ann::with(Limits { per_challenge: 2, ..Limits::default() });
    let (ticket, wrong) = (ann.challenged(Method::App), ann.wrong());
    let two = |ending: &Ending| ending.told("WrongCode") == 2 && ending.told("ChallengeFailed") == 1;
    let deeds = vec![answering(&ticket, &wrong); 3];
    Scene::new("three guesses where two are borne", &ann.portal, deeds, two).in_many_schedules();

    let ann = Ann::with(Limits { free: 2, ..Limits::default() });
    let (one, other, wrong) = (ann.challenged(Method::App), ann.challenged(Method::App), ann.wrong());
    let two = |ending: &Ending| ending.told("WrongCode") == 2 && ending.told("Throttled") == 1;
    let deeds = [&one, &other, &one].map(|ticket| answering(ticket, &wrong)).to_vec();
    Scene::new("three guesses where the account bears two", &ann.portal, deeds, two).in_many_schedules();
    // The right code is let in or comes too late, and then it was not looked at.
    let right = |ending: &Ending| ending.told("passed") == ending.events("ChallengePassed");
    let deeds = vec![answering(&one, &wrong), answering(&other, &wrong), answering(&one, &ann.shown())];
    Scene::new("two guesses and the right code", &ann.portal, deeds, right).in_many_schedules();
}

#[test]
fn reset_means_reset_beside_a_sign_in() {
    let ann = Ann::new();
    let ticket = ann.challenged(Method::App);
    let nobody_is_in = |ending: &Ending| {
        ending.events("Reset") == 1
            && ending.account_has("methods: []")
            && ending.told.iter().all(|(_, gate)| gate != &Some("in"))
    };
    let deeds = vec![resetting(&ann), answering(&ticket, &ann.shown())];
    let scene = Scene::new("a reset beside an answer", &ann.portal, deeds.clone(), nobody_is_in);
    scene.in_every_schedule(1_000);
    assert!(scene.finds_a_careless_store());
    let deeds = [deeds, vec![making_backup_codes(&ann)]].concat();
    Scene::new("a reset beside an answer and new backup codes", &ann.portal, deeds, nobody_is_in)
        .in_many_schedules();
    let begins = |ending: &Ending| ending.told("challenged") + ending.told("admitted") == 1;
    let deeds = vec![resetting(&ann), signing_in()];
    Scene::new("a reset beside a sign-in", &ann.portal, deeds, begins).in_every_schedule(1_000);
}

#[test]
fn once_a_set_up_is_confirmed() {
    let ann = Ann::new();
    let authority = Authority::Session(ann.standing.clone());
    let (ticket, shown) = finish(ann.mfa.enrol_app(&authority, "Other")).unwrap().unwrap();
    let phone = AuthenticatorApp::scan(shown.uri.expose()).unwrap();
    let code = phone.code_at(ann.portal.clock.time());
    let once =
        |ending: &Ending| ending.told("confirmed") == 1 && ending.account_has("methods: [App, Email, App]");
    let deeds = vec![confirming(&authority, &ticket, &code); 2];
    let scene = Scene::new("one set-up confirmed twice", &ann.portal, deeds, once);
    scene.in_every_schedule(1_000).in_many_schedules();
    assert!(scene.finds_a_careless_store());
    let deeds = vec![confirming(&authority, &ticket, &code), changing_the_password(&ann)];
    let out = |ending: &Ending| ending.told.iter().all(|(_, gate)| gate != &Some("in"));
    Scene::new("a set-up confirmed beside a changed password", &ann.portal, deeds, out)
        .in_every_schedule(1_000);
    let deeds = vec![confirming(&authority, &ticket, &code), ending_others(&ann)];
    let one_stays = |ending: &Ending| ending.told.iter().filter(|(_, gate)| gate == &Some("in")).count() == 1;
    Scene::new("a set-up confirmed beside sessions that are ended", &ann.portal, deeds, one_stays)
        .in_every_schedule(1_000);
}

#[test]
fn whole_a_method_that_is_removed_lets_nobody_in() {
    let ann = Ann::new();
    let (one, by_code) = (ann.challenged(Method::App), ann.challenged(Method::BackupCode));
    let removed = |ending: &Ending| {
        ending.account_has("methods: [Email]")
            && ending.told.iter().skip(1).all(|(_, gate)| gate != &Some("in"))
    };
    let deeds = vec![removing(&ann, ann.app), answering(&one, &ann.shown())];
    let scene = Scene::new("a removal beside an answer", &ann.portal, deeds.clone(), removed);
    scene.in_every_schedule(1_000);
    assert!(scene.finds_a_careless_store());
    let deeds = [deeds, vec![answering(&by_code, &ann.codes[3])]].concat();
    Scene::new("a removal beside two answers", &ann.portal, deeds, removed).in_many_schedules();
    let one_left = |ending: &Ending| ending.told("done") == 1 && ending.told("SignInAgain") == 1;
    let deeds = vec![removing(&ann, ann.app), removing(&ann, ann.post)];
    Scene::new("two removals in one session", &ann.portal, deeds, one_left).in_every_schedule(1_000);
}

#[test]
fn once_a_code_of_a_set_that_is_replaced_is_spent_or_refused() {
    let ann = Ann::new();
    let ticket = ann.challenged(Method::BackupCode);
    let ten = |ending: &Ending| ending.account_has("backup_codes_left: Some(10)");
    let deeds = vec![making_backup_codes(&ann), answering(&ticket, &ann.codes[0])];
    Scene::new("new backup codes beside an old one", &ann.portal, deeds, ten)
        .in_every_schedule(10_000)
        .in_many_schedules();
}

#[test]
fn once_of_two_sends_one_message_goes_out() {
    let ann = Ann::new();
    let (one, other) = (ann.challenged(Method::App), ann.challenged(Method::App));
    let once = |ending: &Ending| ending.sent == 1 && ending.told("Ok(Err(Cooldown") == 1;
    let deeds = [one, other].map(|ticket| choosing(&ticket, Choice::Factor(ann.post))).to_vec();
    let scene = Scene::new("two messages asked for", &ann.portal, deeds, once);
    scene.in_every_schedule(10_000).in_many_schedules();
    assert!(scene.finds_a_careless_store());
}

/// A caller who goes away has done it or not; the code is then spent or works for another.
#[test]
fn whole_who_goes_away_has_done_it_or_not() {
    let ann = Ann::new();
    let (one, other) = (ann.challenged(Method::App), ann.challenged(Method::App));
    let code = ann.shown();
    let once = |ending: &Ending| ending.events("ChallengePassed") == 1;
    for turns in 0..4 {
        let deeds = vec![answering(&one, &code).given_up_after(turns), answering(&other, &code)];
        Scene::new("a caller that goes away", &ann.portal, deeds, once).in_every_schedule(1_000);
    }
    let ticket = ann.challenged(Method::BackupCode);
    let either = |ending: &Ending| ending.events("ChallengePassed") <= 1;
    for turns in 0..6 {
        let deeds = vec![answering(&ticket, &ann.codes[0]).given_up_after(turns), resetting(&ann)];
        Scene::new("a caller that goes away from a backup code", &ann.portal, deeds, either)
            .in_every_schedule(1_000);
    }
}

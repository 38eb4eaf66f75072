//! Any request of somebody who is half signed in, in any of three browsers: the portal never panics, never lets them in
//! without a code, and never shows what it keeps secret.
//!
//! Requests are written in lines: a method and a path, headers, an empty line, a body; a line `---` begins the next one. The
//! browser's cookie and the form's token are put in where `COOKIE` and `TOKEN` stand, so that the way behind them is open.
#![no_main]

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, Request, Response, header};
use axum::response::IntoResponse;
use axum::routing::{any, post};
use http_body_util::BodyExt;
use libfuzzer_sys::fuzz_target;
use mfa_axum::{RequireMfa, SignedIn};
use mfa_core::factor::backup::HashCost;
use mfa_core::id::{AccountKey, UserId};
use mfa_core::policy::Policy;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::sealer::KeyRing;
use mfa_core::port::sender::Locale;
use mfa_core::service::{Mfa, SignIn};
use mfa_core::ticket::Authority;
use mfa_testing::app::AuthenticatorApp;
use mfa_testing::clock::ManualClock;
use mfa_testing::entropy::SeededEntropy;
use mfa_testing::sender::RecordingSender;
use mfa_web::web::Web;
use tower::ServiceExt;
use tower_sessions::{MemoryStore as Sessions, Session, SessionManagerLayer};

const KEYS: &str = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
const ADDRESS: &str = "ann.private@codes.example";
const GUARDED: &str = "GUARDED-PAGE-OF-THE-PORTAL";

async fn guarded(_person: SignedIn) -> &'static str {
    GUARDED
}

async fn password(State(web): State<Web>, session: Session) -> impl IntoResponse {
    let ann = AccountKey::of_user(UserId::new("ann").expect("a name"));
    mfa_axum::sign_in(&web, &session, &ann, None, None).await
}

/// A portal in which Ann has an app, backup codes and an address.
struct World {
    router: Router,
    sender: RecordingSender,
    app: AuthenticatorApp,
    clock: ManualClock,
    secret: String,
    backup: Vec<String>,
}

async fn world() -> World {
    let (clock, sender) = (ManualClock::default(), RecordingSender::new());
    let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
        .store(MemoryStore::new())
        .sealer(KeyRing::from_hex(KEYS).expect("keys"))
        .clock(clock.clone())
        .sender(sender.clone())
        .entropy(SeededEntropy::new(5))
        .help("the school office")
        .email_codes(true)
        .policy(Policy::Required)
        .hash_cost(HashCost::danger_for_tests())
        .build()
        .expect("a service");
    let ann = AccountKey::of_user(UserId::new("ann").expect("a name"));
    let SignIn::MustEnrol(pass) = mfa.sign_in(&ann).await.expect("signed in") else { panic!("not to enrol") };
    let authority = Authority::Pass(pass);
    let (ticket, shown) = mfa.enrol_app(&authority, "Phone").await.expect("no fault").expect("staged");
    let app = AuthenticatorApp::scan(shown.uri.expose()).expect("a URI");
    let uri = shown.uri.expose();
    let secret =
        uri.split("secret=").nth(1).and_then(|rest| rest.split('&').next()).expect("a secret").to_owned();
    let code = app.code_at(clock.time());
    let confirmed = mfa.confirm(&authority, &ticket, &code, None).await.expect("no fault").expect("bound");
    let standing = confirmed.verified.into_standing();
    let codes = mfa.make_backup_codes(&standing).await.expect("no fault").expect("made");
    let backup = codes.iter().map(|code| code.expose().to_owned()).collect();
    let authority = Authority::Session(standing);
    let ticket =
        mfa.enrol_email(&authority, "Post", ADDRESS, Locale::English).await.expect("no fault").expect("sent");
    let code = sender.last_code().expect("a code");
    let _confirmed = mfa.confirm(&authority, &ticket, &code, None).await.expect("no fault").expect("bound");
    clock.advance(std::time::Duration::from_secs(300));

    let web = Web::builder(mfa).mount("/account/security").sign_in_page("/sign-in").build().expect("pages");
    let router = Router::new()
        .route("/", any(guarded))
        .route("/deep/{*path}", any(guarded))
        .fallback(guarded)
        .layer(RequireMfa::new(&web))
        .merge(mfa_axum::pages(&web))
        .route("/password", post(password))
        .with_state(web)
        .layer(SessionManagerLayer::new(Sessions::default()).with_secure(false));
    World { router, sender, app, clock, secret, backup }
}

/// One browser's cookie and the last token it was shown.
#[derive(Default)]
struct Browser {
    cookie: String,
    token: String,
}

impl World {
    async fn send(&self, browser: &mut Browser, request: Request<Body>) -> (Response<()>, String) {
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        if let Some(set) = parts.headers.get(header::SET_COOKIE).and_then(|set| set.to_str().ok()) {
            browser.cookie = set.split(';').next().unwrap_or_default().to_owned();
        }
        if let Some(token) =
            body.split("name=\"csrf\" value=\"").nth(1).and_then(|rest| rest.split('"').next())
        {
            browser.token = token.to_owned();
        }
        (Response::from_parts(parts, ()), body)
    }

    /// Whether somebody who typed this may have typed a right code.
    fn could_be_right(&self, text: &str) -> bool {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let shown = (-5..=5).map(|step: i64| {
            self.app.code_at(mfa_core::time::Timestamp::from_unix(
                self.clock.time().as_unix().saturating_add_signed(30 * step),
            ))
        });
        let upper = text.to_ascii_uppercase().replace(['-', ' '], "");
        shown.chain(self.sender.last_code()).any(|code| digits.contains(&code))
            || self.backup.iter().any(|code| upper.contains(&code.replace('-', "")))
    }

    fn look_for_secrets(&self, answer: &Response<()>, body: &str) {
        let headers: String = answer
            .headers()
            .values()
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .collect();
        for text in [body, headers.as_str()] {
            assert!(!text.contains(GUARDED), "let in without a code");
            assert!(!text.contains(&self.secret), "shows the app's key");
            assert!(!text.contains(ADDRESS) && !text.contains("ann.private"), "shows an address");
            assert!(!self.backup.iter().any(|code| text.contains(code.as_str())), "shows a backup code");
        }
    }
}

fn request(text: &str, browser: &Browser) -> Option<Request<Body>> {
    let filled = text.replace("COOKIE", &browser.cookie).replace("TOKEN", &browser.token);
    let (head, body) = filled.split_once("\n\n").unwrap_or((&filled, ""));
    let mut lines = head.lines();
    let (method, path) = lines.next()?.split_once(' ')?;
    let mut request = Request::builder().method(method.as_bytes()).uri(path);
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::try_from(name.trim()).ok()?;
        request = request.header(name, HeaderValue::try_from(value.trim()).ok()?);
    }
    request.body(Body::from(body.to_owned())).ok()
}

fuzz_target!(|text: &str| {
    fuzz::block_on(async {
        let world = world().await;
        let mut browsers: [Browser; 3] = Default::default();
        for (number, text) in text.split("\n---\n").take(12).enumerate() {
            let browser = &mut browsers[if text.len() % 7 == 6 { number % 3 } else { 0 }];
            if browser.cookie.is_empty() {
                let begin = Request::post("/password").body(Body::empty()).expect("a request");
                world.send(browser, begin).await;
                let look =
                    Request::get("/account/security/challenge").header("cookie", browser.cookie.as_str());
                world.send(browser, look.body(Body::empty()).expect("a request")).await;
                assert!(!browser.token.is_empty(), "no challenge to answer");
            }
            if world.could_be_right(text) {
                return;
            }
            let Some(request) = request(text, browser) else { continue };
            let (answer, body) = world.send(browser, request).await;
            world.look_for_secrets(&answer, &body);
        }
        for browser in &mut browsers {
            let home = Request::get("/").header("cookie", browser.cookie.as_str());
            let (answer, body) = world.send(browser, home.body(Body::empty()).expect("a request")).await;
            world.look_for_secrets(&answer, &body);
        }
    });
});

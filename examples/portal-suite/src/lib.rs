//! The example portal as a browser meets it, over HTTP, without a second factor: sign-in, guards, forms, headers. The
//! same cases for every framework.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "the whole crate is tests, whose names say what they are about"
)]

use std::path::PathBuf;

use mfa_core::port::clock::{Clock, SystemClock};
use mfa_testing::app::AuthenticatorApp;
use portal::config::{Command, Config};
use portal::run::App;
use reqwest::{Client, Response, StatusCode, redirect};

struct Site {
    address: String,
    stop: Option<tokio::sync::oneshot::Sender<()>>,
    serving: tokio::task::JoinHandle<()>,
}

fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("portal-suite-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

async fn start<A: App>(store: &std::path::Path, more: &[&str], env: &[(&str, &str)]) -> Site {
    let mut args = vec![format!("--store=sqlite:{}", store.display())];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    let parsed = Config::parse(args, |name| {
        let given = env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        given.or_else(|| (name == "PORT").then(|| "0".to_owned()))
    });
    let Ok(Command::Serve(config)) = parsed else { panic!("the arguments are wrong") };
    let app = A::start(*config).await.unwrap();
    let address = app.local_address().unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let serving = tokio::spawn(async move {
        app.serve(async {
            let _ = stopped.await;
        })
        .await
        .unwrap();
    });
    Site { address: format!("http://{address}"), stop: Some(stop), serving }
}

impl Site {
    async fn new<A: App>(name: &str) -> Self {
        start::<A>(&folder(name).join("portal.sqlite"), &["--policy=off"], &[]).await
    }

    async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        self.serving.await.unwrap();
    }

    async fn get(&self, client: &Client, path: &str) -> Response {
        client.get(format!("{}{path}", self.address)).send().await.unwrap()
    }

    async fn post(&self, client: &Client, path: &str, form: &[(&str, &str)]) -> Response {
        client.post(format!("{}{path}", self.address)).form(form).send().await.unwrap()
    }

    async fn token(&self, client: &Client, path: &str) -> String {
        let html = self.get(client, path).await.text().await.unwrap();
        let rest = html.split_once("name=\"token\" value=\"").unwrap().1;
        rest.split_once('"').unwrap().0.to_owned()
    }

    /// Somebody who is signed in sets up an app, as a program does.
    async fn sets_up_an_app(&self, client: &Client) {
        let json = async |path: &str| {
            let asked = client.get(format!("{}/account/security/{path}", self.address));
            let answer = asked.header("accept", "application/json").send().await.unwrap();
            serde_json::from_str::<serde_json::Value>(&answer.text().await.unwrap()).unwrap()
        };
        let token = json("enrol").await["csrf"].as_str().unwrap().to_owned();
        self.post(client, "/account/security/enrol/app", &[("csrf", &token)]).await;
        let shown = json("enrol/confirm").await;
        let app = AuthenticatorApp::scan(shown["uri"].as_str().unwrap()).unwrap();
        let code = app.code_at(SystemClock.now().unwrap());
        let form = [("csrf", token.as_str()), ("code", code.as_str())];
        let done = self.post(client, "/account/security/enrol/confirm", &form).await;
        assert_eq!(done.status(), StatusCode::OK);
    }

    async fn sign_in(&self, client: &Client, name: &str, password: &str, next: &str) -> Response {
        let token = self.token(client, "/sign-in").await;
        let form = [("token", token.as_str()), ("name", name), ("password", password), ("next", next)];
        self.post(client, "/sign-in", &form).await
    }
}

fn browser() -> Client {
    // The connection pool would hold a graceful stop up.
    Client::builder()
        .cookie_store(true)
        .redirect(redirect::Policy::none())
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

fn location(response: &Response) -> &str {
    assert_eq!(response.status(), StatusCode::SEE_OTHER);
    response.headers().get("location").unwrap().to_str().unwrap()
}

fn cookie(response: &Response) -> &str {
    response.headers().get("set-cookie").unwrap().to_str().unwrap()
}

pub async fn a_deep_link_survives_the_sign_in<A: App>() {
    let (site, client) = (Site::new::<A>("deep").await, browser());
    let sent = site.get(&client, "/reports/autumn?child=2").await;
    assert_eq!(location(&sent), "/sign-in?next=%2Freports%2Fautumn%3Fchild%3D2");
    let page = site.get(&client, "/sign-in?next=%2Freports%2Fautumn%3Fchild%3D2").await.text().await.unwrap();
    assert!(page.contains("name=\"next\" value=\"/reports/autumn?child=2\""));
    let done = site.sign_in(&client, "parent", "parent-demo-2026", "/reports/autumn?child=2").await;
    assert_eq!(location(&done), "/reports/autumn?child=2");
    let report = site.get(&client, "/reports/autumn?child=2").await;
    assert_eq!(report.status(), StatusCode::OK);
    assert!(report.text().await.unwrap().contains("Mali Evans"));
    site.stop().await;
}

pub async fn a_sign_in_leads_only_into_this_site<A: App>() {
    let site = Site::new::<A>("home").await;
    for next in ["//evil.example", "https://evil.example", "/\\evil.example", "/\t/evil.example"] {
        let done = site.sign_in(&browser(), "parent", "parent-demo-2026", next).await;
        assert_eq!(location(&done), "/", "{next:?}");
    }
    site.stop().await;
}

pub async fn nothing_but_the_open_pages_is_shown_to_strangers<A: App>() {
    let (site, client) = (Site::new::<A>("guard").await, browser());
    for path in [
        "/",
        "/account",
        "/reports/autumn",
        "/pay/bank-details",
        "/users",
        "/users/u-1001/reset",
        "/account/security",
    ] {
        assert!(location(&site.get(&client, path).await).starts_with("/sign-in"), "{path}");
    }
    assert_eq!(location(&site.post(&client, "/users/u-1001/reset", &[("reason", "x")]).await), "/sign-in");
    for path in ["/sign-in", "/outbox", "/assets/portal.css", "/assets/crest.svg"] {
        assert_eq!(site.get(&client, path).await.status(), StatusCode::OK, "{path}");
    }
    assert_eq!(site.get(&client, "/nope").await.status(), StatusCode::NOT_FOUND);
    assert_eq!(site.post(&client, "/test/clock", &[("seconds", "60")]).await.status(), StatusCode::NOT_FOUND);
    site.stop().await;
}

pub async fn each_role_sees_its_own_pages_only<A: App>() {
    let site = Site::new::<A>("roles").await;
    for (name, allowed, refused) in [
        ("parent", &["/reports/autumn"][..], &["/pay/bank-details", "/users", "/users/u-2001/reset"][..]),
        ("teacher", &[], &["/reports/autumn", "/users", "/users/u-1001/reset"]),
        ("admin", &["/users"], &["/reports/autumn"]),
    ] {
        let client = browser();
        assert_eq!(location(&site.sign_in(&client, name, &format!("{name}-demo-2026"), "").await), "/");
        for path in allowed.iter().chain(&["/", "/account"]) {
            assert_eq!(site.get(&client, path).await.status(), StatusCode::OK, "{name} {path}");
        }
        for path in refused {
            assert_eq!(site.get(&client, path).await.status(), StatusCode::FORBIDDEN, "{name} {path}");
        }
        if name != "parent" {
            // Theirs, but only with a second factor, and they have none yet.
            let sent = site.get(&client, "/pay/bank-details").await;
            assert_eq!(location(&sent), "/account/security/enrol", "{name}");
        }
        if name == "admin" {
            let sent = site.get(&client, "/users/u-1001/reset").await;
            assert_eq!(location(&sent), "/account/security/enrol");
        }
    }
    site.stop().await;
}

pub async fn only_an_administrator_resets_others_with_a_reason<A: App>() {
    let site = Site::new::<A>("reset").await;
    let (admin, teacher) = (browser(), browser());
    site.sign_in(&admin, "admin", "admin-demo-2026", "").await;
    site.sign_in(&teacher, "teacher", "teacher-demo-2026", "").await;
    let token = site.token(&teacher, "/").await;
    let refused = site.post(&teacher, "/users/u-1001/reset", &[("token", &token), ("reason", "x")]).await;
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);

    // The password is not enough, and a form that is posted all the same does nothing.
    let token = site.token(&admin, "/").await;
    let sent = site.post(&admin, "/users/u-1001/reset", &[("token", &token), ("reason", "x")]).await;
    assert_eq!(location(&sent), "/account/security/enrol");
    site.sets_up_an_app(&admin).await;
    let token = site.token(&admin, "/users/u-1001/reset").await;
    let long = "x".repeat(201);
    for (path, reason, status) in [
        ("/users/u-1001/reset", " ", StatusCode::UNPROCESSABLE_ENTITY),
        ("/users/u-1001/reset", long.as_str(), StatusCode::UNPROCESSABLE_ENTITY),
        ("/users/u-3001/reset", "mine", StatusCode::UNPROCESSABLE_ENTITY),
        ("/users/u-9/reset", "nobody", StatusCode::NOT_FOUND),
    ] {
        let answer = site.post(&admin, path, &[("token", &token), ("reason", reason)]).await;
        assert_eq!(answer.status(), status, "{path} {reason:?}");
    }
    let done = site.post(&admin, "/users/u-1001/reset", &[("token", &token), ("reason", "lost phone")]).await;
    assert_eq!(location(&done), "/users?reset=u-1001");
    let list = site.get(&admin, "/users?reset=u-1001").await.text().await.unwrap();
    assert!(list.contains("has been reset for Carys Evans"));
    site.stop().await;
}

pub async fn a_form_without_this_sessions_token_changes_nothing<A: App>() {
    let (site, client) = (Site::new::<A>("forms").await, browser());
    let foreign = site.token(&browser(), "/sign-in").await;
    site.get(&client, "/sign-in").await;
    for token in ["", foreign.as_str()] {
        let form = [("token", token), ("name", "parent"), ("password", "parent-demo-2026")];
        assert_eq!(site.post(&client, "/sign-in", &form).await.status(), StatusCode::FORBIDDEN);
    }
    let before = site.token(&client, "/sign-in").await;
    site.sign_in(&client, "parent", "parent-demo-2026", "").await;
    // The token of the anonymous session is worth nothing once signed in.
    for token in ["", before.as_str()] {
        assert_eq!(
            site.post(&client, "/sign-out", &[("token", token)]).await.status(),
            StatusCode::FORBIDDEN
        );
    }
    assert_eq!(site.get(&client, "/").await.status(), StatusCode::OK);
    site.stop().await;
}

pub async fn the_session_id_changes_at_the_sign_in_and_dies_at_the_sign_out<A: App>() {
    let (site, client) = (Site::new::<A>("ids").await, browser());
    let planted = cookie(&site.get(&client, "/sign-in").await).split(';').next().unwrap().to_owned();
    let done = site.sign_in(&client, "parent", "parent-demo-2026", "").await;
    let mine = cookie(&done).split(';').next().unwrap().to_owned();
    assert_ne!(planted, mine);
    let with = async |cookie: &str| {
        let request = browser().get(format!("{}/account", site.address)).header("cookie", cookie);
        request.send().await.unwrap().status()
    };
    assert_eq!(with(&planted).await, StatusCode::SEE_OTHER);
    assert_eq!(with(&mine).await, StatusCode::OK);
    let token = site.token(&client, "/").await;
    let out = site.post(&client, "/sign-out", &[("token", &token)]).await;
    assert_eq!(location(&out), "/language?to=en&next=/sign-in%3Fout%3D1");
    assert_eq!(with(&mine).await, StatusCode::SEE_OTHER);
    site.stop().await;
}

pub async fn unknown_names_and_wrong_passwords_answer_alike_and_then_wait<A: App>() {
    let site = Site::new::<A>("alike").await;
    let mut answers = Vec::new();
    for name in ["teacher", "nobodys"] {
        let client = browser();
        for _ in 0..5 {
            let answer = site.sign_in(&client, name, "wrong", "").await;
            assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
            let page = answer.text().await.unwrap();
            assert!(page.contains("<title>Error: Sign in"));
            let token =
                page.split_once("name=\"token\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
            answers.push(page.replace(&token, "").replace(name, ""));
        }
        let answer = site.sign_in(&client, name, "wrong", "").await;
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(answers.windows(2).all(|pair| pair[0] == pair[1]));
    site.stop().await;
}

pub async fn sessions_and_languages_survive_a_restart<A: App>() {
    let store = folder("restart").join("portal.sqlite");
    let client = browser();
    let site = start::<A>(&store, &[], &[]).await;
    let signed_in = site.sign_in(&client, "parent", "parent-demo-2026", "").await;
    let mine = cookie(&signed_in).split(';').next().unwrap().to_owned();
    assert_eq!(location(&site.get(&client, "/language?to=cy&next=/account").await), "/account");
    site.stop().await;

    let site = start::<A>(&store, &[], &[]).await;
    let request = browser().get(format!("{}/account", site.address)).header("cookie", mine);
    let page = request.send().await.unwrap().text().await.unwrap();
    assert!(page.contains("<html lang=\"cy\">") && page.contains("Fy nghyfrif"));
    site.stop().await;
}

pub async fn the_language_chosen_on_one_kind_of_page_is_spoken_on_the_other<A: App>() {
    let (site, client) = (Site::new::<A>("language").await, browser());
    let is_welsh = async |path: &str| {
        let page = site.get(&client, path).await.text().await.unwrap();
        assert!(page.contains("<html lang=\"cy\">") || page.contains("<html lang=\"en\">"), "{path}");
        page.contains("<html lang=\"cy\">")
    };
    site.get(&client, "/language?to=cy&next=/sign-in").await;
    site.sign_in(&client, "parent", "parent-demo-2026", "").await;
    assert!(is_welsh("/").await && is_welsh("/account/security/settings").await);
    site.get(&client, "/language?to=en&next=/account").await;
    assert!(!is_welsh("/account").await && !is_welsh("/account/security/settings").await);
    assert!(is_welsh("/account/security/settings?lang=cy").await);
    assert!(is_welsh("/account").await && is_welsh("/").await);
    site.stop().await;
}

pub async fn every_page_has_the_headers_and_the_cookie_its_flags<A: App>() {
    let site = Site::new::<A>("headers").await;
    for path in ["/sign-in", "/nope", "/assets/portal.css"] {
        let answer = site.get(&browser(), path).await;
        for (name, value) in portal::pages::HEADERS {
            let found = answer.headers().get(name).unwrap().to_str().unwrap();
            let cached = path.starts_with("/assets") && name == "cache-control";
            assert!(found == value || cached, "{path} {name}");
        }
    }
    // This one is the gate's answer, which has a policy of its own.
    let sent_away = site.get(&browser(), "/").await;
    let policy = sent_away.headers().get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.starts_with("default-src 'none';") && policy.contains("frame-ancestors 'none'"));
    assert_eq!(sent_away.headers().get("cache-control").unwrap(), "no-store");
    let answer = site.get(&browser(), "/sign-in").await;
    let flags = cookie(&answer);
    assert!(flags.starts_with("portal=") && flags.contains("HttpOnly") && flags.contains("SameSite=Lax"));
    assert!(!flags.contains("Secure"));
    site.stop().await;

    let env = [("HOST_URL", "https://portal.school.example")];
    let site =
        start::<A>(&folder("secure").join("portal.sqlite"), &["--smtp=smtp://localhost:1"], &env).await;
    let answer = site.get(&browser(), "/sign-in").await;
    let flags = cookie(&answer);
    assert!(flags.starts_with("__Host-portal=") && flags.contains("Secure") && flags.contains("Path=/"));
    assert!(!flags.contains("Domain"));
    site.stop().await;
}

pub async fn a_failure_shows_a_plain_page_and_lets_nobody_in<A: App>() {
    let store = folder("fails").join("portal.sqlite");
    let (site, client) = (start::<A>(&store, &[], &[]).await, browser());
    site.sign_in(&client, "parent", "parent-demo-2026", "").await;
    let pool = sqlx::SqlitePool::connect(&format!("sqlite:{}", store.display())).await.unwrap();
    sqlx::query("DROP TABLE portal_shelf").execute(&pool).await.unwrap();
    for path in ["/", "/account", "/sign-in", "/pay/bank-details"] {
        let answer = site.get(&client, path).await;
        assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR, "{path}");
        let page = answer.text().await.unwrap();
        assert!(page.contains("There is a problem with the portal") && !page.contains("sqlite"), "{path}");
    }
    site.stop().await;
}

pub async fn a_test_turns_the_clock_only_where_the_danger_was_named<A: App>() {
    let store = folder("clock").join("portal.sqlite");
    let site = start::<A>(&store, &["--danger-test-clock"], &[]).await;
    let year = async |seconds: &str| {
        let answer = site.post(&browser(), "/test/clock", &[("seconds", seconds)]).await;
        assert_eq!(answer.status(), StatusCode::OK);
        let now = answer.text().await.unwrap();
        now.split_once('-').unwrap().0.parse::<u32>().unwrap()
    };
    let before = year("0").await;
    assert!(year("315360000").await > before + 8);
    site.stop().await;
}

/// Makes a test of each case on an [`App`].
#[macro_export]
macro_rules! every_case {
    ($app:ty) => {
        $crate::every_case! { $app; a_deep_link_survives_the_sign_in
            a_sign_in_leads_only_into_this_site
            nothing_but_the_open_pages_is_shown_to_strangers
            each_role_sees_its_own_pages_only
            only_an_administrator_resets_others_with_a_reason
            a_form_without_this_sessions_token_changes_nothing
            the_session_id_changes_at_the_sign_in_and_dies_at_the_sign_out
            unknown_names_and_wrong_passwords_answer_alike_and_then_wait
            sessions_and_languages_survive_a_restart
            the_language_chosen_on_one_kind_of_page_is_spoken_on_the_other
            every_page_has_the_headers_and_the_cookie_its_flags
            a_failure_shows_a_plain_page_and_lets_nobody_in
            a_test_turns_the_clock_only_where_the_danger_was_named }
    };
    ($app:ty; $($case:ident)*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $case() {
            $crate::$case::<$app>().await;
        }
    )*};
}

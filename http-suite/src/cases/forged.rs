//! Forged requests: without the session's token, from another site, or in a shape that no page of ours sends.

use reqwest::RequestBuilder;
use serde_json::Value;

use crate::adapter::{Adapter, GUARDED};
use crate::browser::Browser;
use crate::journey::{Person, scan};
use crate::world::{World, at};

/// What a signed-in person can post, with fields that would do something.
const SIGNED_IN: [&str; 12] = [
    "enrol/app",
    "enrol/email",
    "enrol/confirm",
    "enrol/resend",
    "enrol/cancel",
    "backup-codes/new",
    "backup-codes/saved",
    "settings/rename",
    "settings/remove",
    "settings/resync",
    "settings/sign-out-others",
    "reminder/skip",
];

/// What somebody half way can post.
const PENDING: [&str; 4] = ["challenge", "challenge/choose", "challenge/resend", "challenge/cancel"];

/// Everybody who plays a part in a forgery.
struct Scene {
    world: World,
    person: Person,
    signed_in: Browser,
    pending: Browser,
    /// A token that was good before the session went up a level.
    stale: String,
    /// A good token of somebody else.
    foreign: String,
    fields: Vec<(&'static str, String)>,
}

impl Scene {
    async fn new(adapter: &dyn Adapter) -> Self {
        let world = World::new(adapter).await;
        let person = world.with_both("ann").await;
        let mut signed_in = world.pending("ann", "").await;
        let stale = signed_in.token();
        world.answer(&mut signed_in, &world.code(&person.app)).await;
        world.pass(30);
        let settings = signed_in.get_json(&at("settings")).await.json();
        let factor = settings["overview"]["factors"][0]["id"].as_str().unwrap().to_owned();
        let staged = scan(&mut signed_in).await;
        let pending = world.pending("ann", "").await;
        let foreign = world.with_app("ben").await.browser.token();
        let fields = vec![
            ("code", world.code(&staged)),
            ("code_2", staged.with_drift(30).code_at(world.clock.time())),
            ("method", "backup_code".to_owned()),
            ("factor", factor),
            ("name", "Forged".to_owned()),
            ("email", "thief@evil.example".to_owned()),
        ];
        Self { world, person, signed_in, pending, stale, foreign, fields }
    }

    fn targets(&self) -> impl Iterator<Item = (&Browser, &'static str)> {
        let signed_in = SIGNED_IN.iter().map(|path| (&self.signed_in, *path));
        signed_in.chain(PENDING.iter().map(|path| (&self.pending, *path)))
    }

    /// The fields, with the right code of the app for the challenge.
    fn fields(&self, path: &str, token: Option<&str>) -> Vec<(&str, String)> {
        let mut fields = self.fields.clone();
        if path == "challenge" {
            fields[0].1 = self.world.code(&self.person.app);
        }
        fields.extend(token.map(|token| ("csrf", token.to_owned())));
        fields
    }

    fn body(&self, path: &str, token: Option<&str>) -> String {
        let pairs = self.fields(path, token);
        pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
    }

    fn json(&self, path: &str, token: Option<&str>) -> Value {
        let fields = self.fields(path, token);
        fields.into_iter().map(|(name, value)| (name.to_owned(), Value::String(value))).collect()
    }

    async fn looks(&self) -> (usize, usize, Value, String) {
        let mut signed_in = self.signed_in.clone();
        let overview = signed_in.get_json(&at("settings")).await;
        assert_eq!(overview.status, 200, "the session was ended: {}", overview.body);
        let staged = signed_in.open(&at("enrol/confirm")).await;
        assert_eq!(staged.status, 200, "the set-up was given up");
        (
            self.world.events().await.len(),
            self.world.sender.messages().len(),
            overview.json()["overview"].clone(),
            self.pending.clone().open(&at("challenge")).await.body,
        )
    }

    /// Sends one forgery to every place there is, and asserts that each is refused and nothing happened.
    async fn refuses(&self, kind: &str, statuses: &[u16], forge: impl Fn(&Self, &Browser, &str) -> RequestBuilder) {
        let before = self.looks().await;
        for (browser, path) in self.targets() {
            let mut victim = browser.clone();
            let answer = victim.send(forge(self, browser, path)).await;
            assert!(statuses.contains(&answer.status), "{kind} {path}: {} {}", answer.status, answer.body);
            assert!(!answer.body.contains(GUARDED));
            assert!(answer.header("set-cookie").is_empty(), "{kind} {path}");
            assert_eq!(answer.header("cache-control"), "no-store", "{kind} {path}");
            assert!(!answer.header("content-security-policy").is_empty(), "{kind} {path}");
        }
        assert_eq!(before, self.looks().await, "{kind}");
    }

    /// What was refused before does work with the token and from our own page.
    async fn still_works(mut self) {
        let code = self.world.code(&self.person.app);
        self.pending.open(&at("challenge")).await;
        assert_eq!(self.world.answer(&mut self.pending, &code).await.location(), "/");
        let (_, staged) = &self.fields[0];
        let confirm = [("code", staged.as_str())];
        self.signed_in.open(&at("enrol/confirm")).await;
        assert_eq!(self.signed_in.submit(&at("enrol/confirm"), &confirm).await.location(), at("settings"));
    }
}

fn form(browser: &Browser, path: &str, body: String) -> RequestBuilder {
    browser
        .ask("POST", &at(path))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "text/html")
        .body(body)
}

fn from_here(request: RequestBuilder, browser: &Browser) -> RequestBuilder {
    request.header("origin", browser.base()).header("sec-fetch-site", "same-origin")
}

/// No token, no value, a guess, one of somebody else, one of before, two at once.
pub async fn a_form_needs_this_sessions_token(adapter: &dyn Adapter) {
    let scene = Scene::new(adapter).await;
    let good = |browser: &Browser| browser.token();
    let own = |scene: &Scene, browser: &Browser, path: &str, token: Option<&str>| {
        from_here(form(browser, path, scene.body(path, token)), browser)
    };
    scene.refuses("no token", &[403], |s, b, p| own(s, b, p, None)).await;
    scene.refuses("empty token", &[403], |s, b, p| own(s, b, p, Some(""))).await;
    scene.refuses("guessed token", &[403], |s, b, p| own(s, b, p, Some(&"0".repeat(64)))).await;
    scene.refuses("shortened token", &[403], |s, b, p| own(s, b, p, Some(&good(b)[..63]))).await;
    scene.refuses("token in capitals", &[403], |s, b, p| own(s, b, p, Some(&good(b).to_uppercase()))).await;
    scene.refuses("foreign token", &[403], |s, b, p| own(s, b, p, Some(&s.foreign))).await;
    scene.refuses("stale token", &[403], |s, b, p| own(s, b, p, Some(&s.stale))).await;
    let twice = |s: &Scene, b: &Browser, p: &str| format!("{}&csrf={}", s.body(p, Some(&good(b))), good(b));
    scene.refuses("repeated token", &[403], |s, b, p| from_here(form(b, p, twice(s, b, p)), b)).await;
    let query = |b: &Browser, p: &str| format!("{p}?csrf={}", good(b));
    scene.refuses("token in the query", &[403], |s, b, p| form(b, &query(b, p), s.body(p, None))).await;
    let cookie = |b: &Browser| format!("{}; csrf={}", b.cookies(), good(b));
    scene
        .refuses("token in a cookie", &[403, 303], |s, b, p| {
            // Two `cookie` headers would be no request of a browser's: this one has all in one.
            Browser::new(b.base())
                .ask("POST", &at(p))
                .header("cookie", cookie(b))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(s.body(p, None))
        })
        .await;
    scene.still_works().await;
}

/// With a good token, yet from elsewhere: a token may leak, an origin can't be forged in a browser.
pub async fn a_form_comes_from_this_site(adapter: &dyn Adapter) {
    let scene = Scene::new(adapter).await;
    let good = |scene: &Scene, browser: &Browser, path: &str| form(browser, path, scene.body(path, Some(&browser.token())));
    let foreign = [
        "https://evil.example",
        "null",
        "",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        "http://127.0.0.1.evil.example",
        "http://evil.example/?127.0.0.1",
        "file://",
    ];
    for origin in foreign {
        scene.refuses(origin, &[403], |s, b, p| good(s, b, p).header("origin", origin)).await;
    }
    for site in ["cross-site", "same-site", "nonsense", ""] {
        scene.refuses(site, &[403], |s, b, p| good(s, b, p).header("sec-fetch-site", site)).await;
        let ours = |s: &Scene, b: &Browser, p: &str| good(s, b, p).header("origin", b.base());
        scene.refuses(site, &[403], |s, b, p| ours(s, b, p).header("sec-fetch-site", site)).await;
    }
    scene
        .refuses("header token from elsewhere", &[403], |s, b, p| {
            let request = b.ask("POST", &at(p)).header("x-csrf-token", b.token()).json(&s.json(p, None));
            request.header("origin", "https://evil.example").header("accept", "application/json")
        })
        .await;
    scene.still_works().await;
}

/// JSON needs the token as well; and what is neither JSON nor a form is not read at all.
pub async fn other_bodies_are_not_read(adapter: &dyn Adapter) {
    let scene = Scene::new(adapter).await;
    let post = |b: &Browser, p: &str| from_here(b.ask("POST", &at(p)), b);
    scene.refuses("json without token", &[403], |s, b, p| post(b, p).json(&s.json(p, None))).await;
    scene.refuses("json, foreign token", &[403], |s, b, p| post(b, p).json(&s.json(p, Some(&s.foreign)))).await;
    let shut = &[415];
    for kind in ["text/plain", "multipart/form-data; boundary=x", "application/xml", "text/html", "*/*", ""] {
        // What a form on another site can send without a preflight, among others.
        scene
            .refuses(kind, shut, |s, b, p| {
                post(b, p).header("content-type", kind).body(s.body(p, Some(&b.token())))
            })
            .await;
    }
    scene
        .refuses("no content type", shut, |s, b, p| post(b, p).body(s.body(p, Some(&b.token()))))
        .await;
    scene
        .refuses("json as text", shut, |s, b, p| {
            post(b, p).header("content-type", "text/plain").body(s.json(p, Some(&b.token())).to_string())
        })
        .await;
    for body in ["", "[]", "null", "\"x\"", "{", "{\"code\": {\"$gt\": \"\"}}", "{\"code\": [\"1\"]}", "{\"code\": 1}"] {
        scene
            .refuses(body, shut, |_, b, p| {
                let request = post(b, p).header("x-csrf-token", b.token());
                request.header("content-type", "application/json").body(body)
            })
            .await;
    }
    let nested = "[".repeat(10_000);
    scene
        .refuses("deep json", shut, |_, b, p| {
            post(b, p).header("content-type", "application/json").body(nested.clone())
        })
        .await;
    scene.still_works().await;
}

/// Long bodies end at 16 KiB, many fields and long values at less; bytes that are no text are no code.
pub async fn bodies_have_an_end(adapter: &dyn Adapter) {
    let scene = Scene::new(adapter).await;
    let good = |scene: &Scene, browser: &Browser, path: &str| scene.body(path, Some(&browser.token()));
    let padded = |s: &Scene, b: &Browser, p: &str| format!("{}&x={}", good(s, b, p), "x".repeat(16 * 1024));
    scene.refuses("huge form", &[413], |s, b, p| from_here(form(b, p, padded(s, b, p)), b)).await;
    let many = |s: &Scene, b: &Browser, p: &str| format!("{}{}", good(s, b, p), "&x=1".repeat(40));
    scene.refuses("many fields", &[400], |s, b, p| from_here(form(b, p, many(s, b, p)), b)).await;
    let json = format!("{{\"x\": \"{}\"}}", "x".repeat(16 * 1024));
    scene
        .refuses("huge json", &[413], |_, b, p| {
            from_here(b.ask("POST", &at(p)).header("content-type", "application/json").body(json.clone()), b)
        })
        .await;
    // Not UTF-8, with a good token: no code, no method, no name.
    for (path, field) in [("challenge", "code"), ("challenge/choose", "method")] {
        let before = scene.looks().await;
        for bytes in ["%ff%fe", "%00", "%c0%af", "%F0%9F%98%80", "%"] {
            let body = format!("csrf={}&{field}={bytes}", scene.pending.token());
            let request = from_here(form(&scene.pending, path, body), &scene.pending);
            let answer = scene.pending.clone().send(request).await;
            assert_eq!(answer.status, 422, "{path} {bytes}");
        }
        let body = format!("csrf={}&{field}=111111&{field}=222222", scene.pending.token());
        let request = from_here(form(&scene.pending, path, body), &scene.pending);
        assert_eq!(scene.pending.clone().send(request).await.status, 422, "a repeated {field}");
        assert_eq!(before.0, scene.looks().await.0, "{path}: something was counted");
    }
    scene.still_works().await;
}

/// A link, an image or a method that no form has changes nothing.
pub async fn looking_changes_nothing(adapter: &dyn Adapter) {
    let scene = Scene::new(adapter).await;
    for (browser, path) in scene.targets() {
        let before = scene.looks().await;
        let query = scene.body(path, Some(&browser.token()));
        for method in ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"] {
            let request = from_here(browser.ask(method, &at(&format!("{path}?{query}"))), browser)
                .header("x-http-method-override", "POST")
                .header("x-csrf-token", browser.token());
            let request = if method == "GET" { request } else { request.form(&scene.fields(path, Some(&browser.token()))) };
            let answer = browser.clone().send(request).await;
            assert!(answer.status < 500, "{method} {path}");
            assert!(method == "GET" || method == "HEAD" || answer.status >= 400, "{method} {path}: {}", answer.status);
        }
        assert_eq!(before, scene.looks().await, "{path}");
    }
    scene.still_works().await;
}

/// The other side: a program without an origin passes with the token, in the header or as a field.
pub async fn the_right_token_is_taken_from_programs_too(adapter: &dyn Adapter) {
    let scene = Scene::new(adapter).await;
    let mut program = scene.pending.clone();
    let chosen = program.post_json(&at("challenge/choose"), &scene.json("challenge/choose", None)).await;
    assert_eq!(chosen.status, 200, "{}", chosen.body);
    let request = form(&program, "challenge/resend", format!("csrf={}", program.token()));
    assert_eq!(program.send(request).await.status, 303);
    let request = from_here(form(&program, "challenge/cancel", format!("csrf={}", program.token())), &program);
    assert_eq!(program.send(request).await.location(), "/sign-in");
}

/// A page that was open too long is refused, and what it offers instead is there.
pub async fn a_refused_form_leads_to_a_page_that_is_there(adapter: &dyn Adapter) {
    let world = World::new(adapter).await;
    let ann = world.with_both("ann").await;
    for (path, browser) in SIGNED_IN
        .map(|path| (path, ann.browser.clone()))
        .into_iter()
        .chain(SIGNED_IN.map(|path| (path, world.browser())))
    {
        let mut browser = browser;
        let refused = browser.form(&at(path), &[("csrf", "AAAAAAAAAAAAAAAAAAAAAA")]);
        let refused = browser.send(refused).await;
        assert_eq!(refused.status, 403, "{path}");
        let links = refused.body.split("href=\"").skip(1).filter_map(|rest| rest.split_once('"'));
        let links: Vec<_> = links.map(|(link, _)| link).filter(|link| link.starts_with(&at(""))).collect();
        let pages: Vec<_> = links.into_iter().filter(|link| !link.contains("/assets/")).collect();
        assert!(!pages.is_empty(), "{path}: {}", refused.body);
        for page in pages {
            let there = browser.clone().open(page).await;
            assert!([200, 303].contains(&there.status), "{path} leads to {page}: {}", there.status);
        }
    }
}

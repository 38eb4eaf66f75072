//! A browser, as far as a server can tell: keeps cookies, submits the forms that stand on a page, says its origin.

use std::collections::BTreeMap;

use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Client, RequestBuilder, redirect};
use serde_json::Value;

use crate::page::{self, Form};

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// All headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    async fn of(response: reqwest::Response) -> Result<Self, reqwest::Error> {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        // The body of a switch of protocols never ends.
        let body = if status == 101 { String::new() } else { response.text().await? };
        Ok(Self { status, headers, body })
    }

    /// A header as text; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Where a 303 leads.
    #[track_caller]
    pub fn location(&self) -> &str {
        assert_eq!(self.status, 303, "not a redirect: {}", self.body);
        self.header("location")
    }

    /// The body as JSON.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }

    /// The page's forms.
    pub fn forms(&self) -> Vec<Form> {
        page::forms(&self.body)
    }

    /// The session's token, from a page or from JSON.
    pub fn token(&self) -> Option<String> {
        if let Ok(json) = serde_json::from_str::<Value>(&self.body) {
            return json.get("csrf").and_then(Value::as_str).map(str::to_owned);
        }
        self.forms().iter().find_map(|form| form.hidden("csrf").map(str::to_owned))
    }
}

/// A person at a browser, or a program with a session of its own.
#[derive(Clone, Debug)]
pub struct Browser {
    client: Client,
    base: String,
    jar: BTreeMap<String, String>,
    page: Option<Answer>,
    token: Option<String>,
}

impl Browser {
    /// A browser without cookies.
    pub fn new(base: &str) -> Self {
        let client = Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap();
        Self { client, base: base.to_owned(), jar: BTreeMap::new(), page: None, token: None }
    }

    /// A browser that makes a connection for each request: behind a proxy, the next one goes to another node.
    pub fn without_keep_alive(base: &str) -> Self {
        let client =
            Client::builder().redirect(redirect::Policy::none()).no_proxy().pool_max_idle_per_host(0);
        Self { client: client.build().unwrap(), ..Self::new(base) }
    }

    /// The site's origin.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The page shown, which was opened last.
    #[track_caller]
    pub fn page(&self) -> &Answer {
        self.page.as_ref().unwrap()
    }

    /// The token seen last.
    pub fn token(&self) -> String {
        self.token.clone().unwrap_or_default()
    }

    /// All cookies, as they are sent.
    pub fn cookies(&self) -> String {
        let pairs: Vec<_> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join("; ")
    }

    /// Takes over another's cookies and nothing else, as a thief or a planter would.
    pub fn take_cookies(&mut self, other: &Browser) {
        self.jar = other.jar.clone();
    }

    /// Takes over one cookie, as in `name=value`.
    pub fn plant_cookie(&mut self, cookie: &str) {
        let (name, value) = cookie.split_once('=').unwrap();
        self.jar.insert(name.to_owned(), value.to_owned());
    }

    fn keep(&mut self, headers: &HeaderMap) {
        for cookie in headers.get_all("set-cookie") {
            let mut parts = cookie.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let over = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
            if over || value.is_empty() {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }

    /// A request with nothing but the cookies on it.
    pub fn ask(&self, method: &str, path: &str) -> RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}{path}", self.base));
        if self.jar.is_empty() { request } else { request.header("cookie", self.cookies()) }
    }

    /// Sends a request and keeps the cookies of the answer.
    pub async fn send(&mut self, request: RequestBuilder) -> Answer {
        self.try_send(request).await.unwrap()
    }

    /// The same where the server may be gone before it has answered.
    ///
    /// # Errors
    /// If no whole answer came.
    pub async fn try_send(&mut self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let answer = Answer::of(request.send().await?).await?;
        self.keep(&answer.headers);
        if let Some(token) = answer.token() {
            self.token = Some(token);
        }
        Ok(answer)
    }

    /// Opens a page, as by typing its address.
    pub async fn open(&mut self, path: &str) -> Answer {
        let request = self
            .ask("GET", path)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("sec-fetch-site", "none");
        self.show(request).await
    }

    async fn show(&mut self, request: RequestBuilder) -> Answer {
        let answer = self.send(request).await;
        self.page = Some(answer.clone());
        answer
    }

    /// Opens where an answer leads, again and again if that leads on.
    pub async fn follow(&mut self, answer: &Answer) -> Answer {
        let mut answer = answer.clone();
        for _ in 0..5 {
            if answer.status != 303 {
                break;
            }
            answer = self.open(answer.location()).await;
        }
        answer
    }

    /// Posts fields as the pages' own forms do, whether the form is on the page shown or not.
    pub fn form(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        self.ask("POST", path)
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("origin", HeaderValue::from_str(&self.base).unwrap())
            .header("sec-fetch-site", "same-origin")
            .form(fields)
    }

    /// Fills in and submits a form that stands on the page shown, with its hidden fields.
    #[track_caller]
    pub fn submit(&mut self, action: &str, fields: &[(&str, &str)]) -> impl Future<Output = Answer> {
        let page = self.page.as_ref().unwrap();
        let forms = page.forms();
        let Some(form) = forms.iter().find(|form| form.action == action) else {
            panic!("no form to {action} on this page: {}", page.body)
        };
        for (name, _) in fields {
            assert!(form.has(name), "the form to {action} has no field {name}: {form:?}");
        }
        let mut all: Vec<(&str, &str)> =
            form.hidden.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        all.extend_from_slice(fields);
        let request = self.form(action, &all);
        self.show(request)
    }

    /// Asks as a program does.
    pub async fn get_json(&mut self, path: &str) -> Answer {
        let request = self.ask("GET", path).header("accept", "application/json");
        self.send(request).await
    }

    /// Posts JSON as a program does, with the token seen last in the header.
    pub async fn post_json(&mut self, path: &str, json: &Value) -> Answer {
        let request = self
            .ask("POST", path)
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("x-csrf-token", self.token())
            .body(json.to_string());
        self.send(request).await
    }

    /// What the host does once the password was right.
    pub async fn password(&mut self, user: &str, next: &str) -> Answer {
        let request = self.form("/password", &[("user", user), ("next", next)]);
        self.send(request).await
    }

    /// Whether the home page opens, as whom.
    pub async fn is_in(&self) -> bool {
        let answer = Answer::of(self.ask("GET", "/").send().await.unwrap()).await.unwrap();
        let shown = answer.body.contains(crate::adapter::GUARDED);
        assert_eq!(shown, answer.status == 200);
        shown
    }
}

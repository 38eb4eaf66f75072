//! Our own small request and response, which adapters convert to and from their framework's.

use std::borrow::Cow;
use std::fmt;

use mfa_core::fault::{Fault, FaultKind};
use mfa_core::refusal::Refusal;
use mfa_core::secret::{SecretBytes, SecretText};
use serde::Serialize;
use thiserror::Error;

use crate::asset::Asset;
use crate::header;

/// The most bytes of body an adapter should read; a longer one is refused by [`Request::form`].
pub const MAX_BODY: usize = 16 * 1024;

/// The most fields a form may have.
const MAX_FIELDS: usize = 32;

/// What is asked to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// `GET`.
    Get,
    /// `HEAD`: as `GET`, without the body.
    Head,
    /// `POST`.
    Post,
    /// `PUT`.
    Put,
    /// `PATCH`.
    Patch,
    /// `DELETE`.
    Delete,
    /// Any other, which is never allowed.
    Other,
}

impl Method {
    /// From its name in capitals.
    pub fn named(name: &str) -> Self {
        match name {
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => Self::Other,
        }
    }

    /// Whether it only looks: `GET` or `HEAD`.
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// A request, as far as the pages and the JSON API need it.
///
/// Its `Debug` shows method and path only: query, headers and body may hold codes, addresses and cookies.
pub struct Request {
    method: Method,
    path: String,
    query: Option<String>,
    headers: Vec<(String, SecretText)>,
    body: SecretBytes,
}

impl Request {
    /// A request without query, headers or body. A slash at the start or end of the path is dropped.
    ///
    /// The path is the one below the mount, as it was sent: nothing is percent-decoded, since none of our
    /// paths needs it.
    pub fn new(method: Method, path: &str) -> Self {
        Self {
            method,
            path: path.trim_matches('/').to_owned(),
            query: None,
            headers: Vec::new(),
            body: SecretBytes::new(Vec::new()),
        }
    }

    /// The query, without its question mark.
    pub fn with_query(mut self, query: Option<&str>) -> Self {
        self.query = query.map(str::to_owned);
        self
    }

    /// One more header. Its value is text; adapters leave out headers that are not.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_ascii_lowercase(), SecretText::from(value)));
        self
    }

    /// The body, at most [`MAX_BODY`] bytes.
    pub fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = SecretBytes::new(body);
        self
    }

    /// The method.
    pub fn method(&self) -> Method {
        self.method
    }

    /// The path below the mount, without a slash at its start.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The query as it was sent.
    pub fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// A header's value, if there is exactly one header of that name. The name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        only(self.headers.iter().filter(|(n, _)| n == name).map(|(_, value)| value.expose()))
    }

    /// The body.
    pub fn body(&self) -> &SecretBytes {
        &self.body
    }

    /// Who sent the form, in the browser's words: `Origin`, which scripts and forms elsewhere can't forge.
    ///
    /// `null` and absence are both no origin.
    pub fn origin(&self) -> Option<&str> {
        self.header("origin").filter(|origin| *origin != "null")
    }

    /// `Sec-Fetch-Site`: `same-origin`, `same-site`, `cross-site` or `none`.
    pub fn fetch_site(&self) -> Option<&str> {
        self.header("sec-fetch-site")
    }

    /// Whether the client would rather have JSON than a page.
    pub fn wants_json(&self) -> bool {
        let accept = self.header("accept").unwrap_or_default();
        let json = accept.contains("application/json") || accept.contains("application/problem+json");
        (json && !accept.contains("text/html")) || self.has_json()
    }

    /// Whether the body says it is JSON.
    pub fn has_json(&self) -> bool {
        self.media_type().eq_ignore_ascii_case("application/json")
    }

    fn media_type(&self) -> &str {
        let whole = self.header("content-type").unwrap_or_default();
        whole.split(';').next().unwrap_or_default().trim()
    }

    /// The fields of the query.
    pub fn query_fields(&self) -> Form {
        Form::decode(self.query.as_deref().unwrap_or_default().as_bytes())
    }

    /// The fields of a form that was posted.
    ///
    /// # Errors
    /// If the body is not a form, is too long or has too many fields.
    pub fn form(&self) -> Result<Form, BadForm> {
        if !self.media_type().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(BadForm::NotAForm);
        }
        if self.body.len() > MAX_BODY {
            return Err(BadForm::TooLong);
        }
        let form = Form::decode(self.body.expose());
        if form.0.len() > MAX_FIELDS {
            return Err(BadForm::TooManyFields);
        }
        Ok(form)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn only<T>(mut items: impl Iterator<Item = T>) -> Option<T> {
    let first = items.next()?;
    items.next().is_none().then_some(first)
}

/// A body that is not a form we read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum BadForm {
    /// Neither `application/x-www-form-urlencoded` nor an object of texts in JSON: answer 415.
    #[error("the body is neither a form nor a JSON object of texts")]
    NotAForm,
    /// More than [`MAX_BODY`] bytes: answer 413.
    #[error("the body is too long")]
    TooLong,
    /// More fields than any form of ours has: answer 400.
    #[error("the form has too many fields")]
    TooManyFields,
}

impl BadForm {
    /// The HTTP status to answer with.
    pub fn status(self) -> u16 {
        match self {
            Self::NotAForm => 415,
            Self::TooLong => 413,
            Self::TooManyFields => 400,
        }
    }
}

/// Decoded form fields. Values are secret: among them are codes and addresses.
#[derive(Debug)]
pub struct Form(Vec<(String, SecretText)>);

impl Form {
    fn decode(bytes: &[u8]) -> Self {
        Self(
            form_urlencoded::parse(bytes)
                .take(MAX_FIELDS + 1)
                .map(|(name, value)| (name.into_owned(), SecretText::new(value.into_owned())))
                .collect(),
        )
    }

    /// A field's value, if the field is there exactly once: a repeated field is read by nobody, so that no
    /// two readers can take different ones.
    pub fn get(&self, name: &str) -> Option<&SecretText> {
        only(self.0.iter().filter(|(n, _)| n == name).map(|(_, value)| value))
    }

    /// A field's value in the clear, or nothing at all as an empty text.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).map(SecretText::expose).unwrap_or_default()
    }
}

/// An answer, with the security headers already on it.
///
/// The body may hold a secret (a page with a QR code does), so `Debug` shows the status only.
pub struct Response {
    status: u16,
    headers: Vec<(Cow<'static, str>, String)>,
    body: Cow<'static, [u8]>,
}

impl Response {
    fn new(status: u16, cache: &str) -> Self {
        let mut headers: Vec<_> = header::SECURITY
            .iter()
            .map(|(name, value)| (Cow::Borrowed(*name), (*value).to_owned()))
            .collect();
        headers.push(("cache-control".into(), cache.to_owned()));
        if status == 401 {
            // RFC 9110 §15.5.2: a 401 always names a scheme.
            headers.push((header::AUTHENTICATE.into(), header::SIGN_IN.to_owned()));
        }
        Self { status, headers, body: Cow::Borrowed(&[]) }
    }

    /// A page.
    pub fn html(status: u16, page: String) -> Self {
        Self::new(status, header::NO_STORE)
            .with_header("content-type", "text/html; charset=utf-8")
            .with_body(page.into_bytes())
    }

    /// Plain text.
    pub fn text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, header::NO_STORE)
            .with_header("content-type", "text/plain; charset=utf-8")
            .with_body(text.into().into_bytes())
    }

    /// No body.
    pub fn empty(status: u16) -> Self {
        Self::new(status, header::NO_STORE)
    }

    /// 303 See Other: what follows a form is fetched with GET, never posted again.
    ///
    /// The caller has made sure that the location is on this site; line breaks, which would start another
    /// header, are taken out here whatever it says.
    pub fn see_other(location: &str) -> Self {
        let location: String = location.chars().filter(|c| !c.is_control()).collect();
        Self::new(303, header::NO_STORE).with_header("location", location)
    }

    /// JSON.
    ///
    /// # Errors
    /// If the value can't be written as JSON, which is a fault of ours.
    pub fn json<T: Serialize>(status: u16, value: &T) -> Result<Self, Fault> {
        Self::json_as(status, "application/json", value)
    }

    /// A problem document, RFC 9457.
    ///
    /// # Errors
    /// As [`Response::json`].
    pub fn problem(problem: &Problem) -> Result<Self, Fault> {
        let mut response = Self::json_as(problem.status, "application/problem+json", problem)?;
        if problem.status == 401 && problem.refusal == Some(Refusal::StepUpRequired) {
            response = response.with_header(header::AUTHENTICATE, header::STEP_UP);
        }
        Ok(match problem.refusal.as_ref().and_then(Refusal::wait) {
            Some(wait) => response.with_header("retry-after", wait.as_secs().to_string()),
            None => response,
        })
    }

    fn json_as<T: Serialize>(status: u16, media_type: &'static str, value: &T) -> Result<Self, Fault> {
        let body = serde_json::to_vec(value).map_err(|error| Fault::caused_by(FaultKind::Internal, error))?;
        Ok(Self::new(status, header::NO_STORE).with_header("content-type", media_type).with_body(body))
    }

    /// A static file, which browsers may keep.
    pub fn asset(asset: &'static Asset) -> Self {
        let mut response =
            Self::new(200, header::IMMUTABLE).with_header("content-type", asset.content_type());
        response.body = Cow::Borrowed(asset.bytes());
        response
    }

    /// Sets a header, in place of one of the same name. The name is in lower case.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(n, _)| n != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The wait of a refusal as `Retry-After`, where waiting helps.
    pub fn with_wait_of(self, refusal: &Refusal) -> Self {
        match refusal.wait() {
            Some(wait) => self.with_header("retry-after", wait.as_secs().to_string()),
            None => self,
        }
    }

    fn with_body(mut self, body: Vec<u8>) -> Self {
        self.body = Cow::Owned(body);
        self
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The headers, names in lower case, each once.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().find(|(n, _)| *n == name).map(|(_, value)| value)
    }

    /// The body.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, to be sent.
    pub fn into_body(self) -> Cow<'static, [u8]> {
        self.body
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).finish_non_exhaustive()
    }
}

/// A problem document, RFC 9457: what programs are told where people get a page.
///
/// `type` is `about:blank`, since `code` says which refusal it is; the refusal's own members (`tries_left`,
/// `seconds` and so on) stand beside it.
///
/// ```
/// use mfa_core::refusal::Refusal;
/// use mfa_web::message::Problem;
///
/// let problem = Problem::refused(422, Refusal::WrongCode { tries_left: 4 }, "Enter a correct security code.");
/// let json = serde_json::to_value(&problem)?;
/// assert_eq!(json["code"], "wrong_code");
/// assert_eq!(json["tries_left"], 4);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Problem {
    r#type: &'static str,
    title: Cow<'static, str>,
    status: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(flatten)]
    refusal: Option<Refusal>,
}

impl Problem {
    /// A problem without a refusal: title in English, for the program's log.
    pub fn new(status: u16, title: impl Into<Cow<'static, str>>) -> Self {
        Self { r#type: "about:blank", title: title.into(), status, detail: None, refusal: None }
    }

    /// A refusal; `detail` is for the person, in their language.
    pub fn refused(status: u16, refusal: Refusal, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), refusal: Some(refusal), ..Self::new(status, refusal.to_string()) }
    }

    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn posted(body: &str) -> Request {
        Request::new(Method::Post, "/challenge")
            .with_header("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
            .with_body(body.as_bytes().to_vec())
    }

    #[test]
    fn forms_are_decoded() {
        let form = posted("code=123+456&name=Ffion%27s%20ff%C3%B4n&empty=").form().unwrap();
        assert_eq!(form.text("code"), "123 456");
        assert_eq!(form.text("name"), "Ffion's ffôn");
        assert_eq!(form.text("empty"), "");
        assert!(form.get("absent").is_none());
    }

    #[test]
    fn a_repeated_field_or_header_is_not_there() {
        assert!(posted("csrf=a&csrf=b").form().unwrap().get("csrf").is_none());
        let request = Request::new(Method::Get, "x")
            .with_header("Origin", "https://a")
            .with_header("origin", "https://b");
        assert_eq!(request.origin(), None);
    }

    #[test]
    fn what_is_no_form_is_refused() {
        let json = Request::new(Method::Post, "x").with_header("content-type", "application/json");
        assert_eq!(json.form().unwrap_err(), BadForm::NotAForm);
        assert!(json.wants_json());
        assert_eq!(Request::new(Method::Post, "x").form().unwrap_err(), BadForm::NotAForm);
        assert_eq!(posted(&"x".repeat(MAX_BODY + 1)).form().unwrap_err(), BadForm::TooLong);
        assert_eq!(posted(&"a=1&".repeat(33)).form().unwrap_err(), BadForm::TooManyFields);
        assert!(posted(&"a=1&".repeat(32)).form().is_ok());
        assert!(posted("code=%ff%zz").form().is_ok());
    }

    #[test]
    fn nothing_secret_is_in_debug() {
        let request = posted("code=492039").with_query(Some("code=492039")).with_header("cookie", "492039");
        let form = request.form().unwrap();
        let response = Response::html(200, "492039".to_owned());
        let debug = format!("{request:?}{form:?}{response:?}");
        assert!(!debug.contains("492039") && !debug.contains("52, 57"), "{debug}");
    }

    #[test]
    fn every_answer_has_the_security_headers() {
        let problem = Problem::refused(429, Refusal::Throttled { seconds: 30 }, "Wait.");
        for response in [
            Response::html(200, String::new()),
            Response::see_other("/"),
            Response::text(404, ""),
            Response::empty(204),
            Response::problem(&problem).unwrap(),
            Response::asset(&crate::asset::STYLE),
        ] {
            let csp = response.header("content-security-policy").unwrap();
            assert!(csp.starts_with("default-src 'none'; style-src 'self';") && !csp.contains("unsafe"));
            assert!(csp.contains("frame-ancestors 'none'") && !csp.contains("  "));
            assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
            assert!(response.header("referrer-policy").is_some());
            let cache = response.header("cache-control").unwrap();
            let is_asset = response.header("content-type").is_some_and(|t| t.starts_with("text/css"));
            assert_eq!(cache == "no-store", !is_asset);
        }
        let response = Response::problem(&problem).unwrap();
        assert_eq!(response.header("retry-after"), Some("30"));
        assert_eq!(response.header("content-type"), Some("application/problem+json"));
    }

    #[test]
    fn a_location_is_one_line() {
        let response = Response::see_other("/a\r\nset-cookie: x");
        assert_eq!(response.header("location"), Some("/aset-cookie: x"));
    }

    #[test]
    fn methods_are_known_by_their_names_in_capitals() {
        let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "get", "TRACE"].map(Method::named);
        use Method::{Delete, Get, Head, Other, Patch, Post, Put};
        assert_eq!(names, [Get, Head, Post, Put, Patch, Delete, Other, Other]);
        assert_eq!(names.map(Method::is_safe), [true, true, false, false, false, false, false, false]);
    }

    #[test]
    fn a_page_is_answered_unless_only_json_is_asked_for_or_was_sent() {
        let asking = |accept: &str| Request::new(Method::Get, "x").with_header("accept", accept).wants_json();
        assert!(asking("application/json") && asking("application/problem+json, */*"));
        assert!(!asking("text/html") && !asking("text/html, application/json") && !asking("*/*"));
        assert!(!Request::new(Method::Get, "x").wants_json());
    }

    #[test]
    fn an_origin_is_one_that_names_somebody() {
        let from = |origin: &str| Request::new(Method::Post, "x").with_header("origin", origin);
        assert_eq!(from("https://a").origin(), Some("https://a"));
        assert_eq!(from("null").origin(), None);
        assert_eq!(Request::new(Method::Post, "x").origin(), None);
    }

    #[test]
    fn a_body_of_exactly_the_most_is_read() {
        assert!(posted(&"x".repeat(MAX_BODY)).form().is_ok());
    }

    /// RFC 9470: only the answer that a step-up would change says so.
    #[test]
    fn a_problem_says_what_a_program_can_do_about_it() {
        let step_up = Problem::refused(401, Refusal::StepUpRequired, "Prove it again.");
        assert_eq!(step_up.status(), 401);
        let response = Response::problem(&step_up).unwrap();
        assert_eq!(response.header(header::AUTHENTICATE), Some(header::STEP_UP));
        let body: serde_json::Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["detail"], "Prove it again.");
        assert_eq!((&body["code"], &body["status"]), (&"step_up_required".into(), &401.into()));
        for other in [
            Problem::refused(403, Refusal::StepUpRequired, ""),
            Problem::refused(401, Refusal::SignInAgain, ""),
            Problem::new(401, "Sign in"),
        ] {
            assert_ne!(
                Response::problem(&other).unwrap().header(header::AUTHENTICATE),
                Some(header::STEP_UP)
            );
        }
    }

    #[test]
    fn debug_says_which_request_and_which_answer() {
        let request = Request::new(Method::Get, "/settings/");
        assert_eq!(format!("{request:?}"), "Request { method: Get, path: \"settings\", .. }");
        assert_eq!(format!("{:?}", Response::empty(204)), "Response { status: 204, .. }");
    }

    #[test]
    fn assets_are_sent_whole() {
        let style = Response::asset(&crate::asset::STYLE);
        assert_eq!(style.body(), include_bytes!("../assets/mfa.css"));
        assert_eq!(crate::asset::SCRIPT.bytes(), include_bytes!("../assets/mfa.js"));
    }
}

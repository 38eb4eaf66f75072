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
mod tests;

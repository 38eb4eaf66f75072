//! What a request of a browser says, and what an answer to it carries.

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
    let request =
        Request::new(Method::Get, "x").with_header("Origin", "https://a").with_header("origin", "https://b");
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
        assert_ne!(Response::problem(&other).unwrap().header(header::AUTHENTICATE), Some(header::STEP_UP));
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
    assert_eq!(style.body(), include_bytes!("../../assets/mfa.css"));
    assert_eq!(crate::asset::SCRIPT.bytes(), include_bytes!("../../assets/mfa.js"));
}

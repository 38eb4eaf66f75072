//! What is written into an e-mail, and which settings are refused; no network.

use mfa_core::port::sender::{Content, Locale, Notice};

use super::*;

fn sender() -> SmtpSender {
    SmtpSender::new(SmtpConfig::tls("mail.school.example"), "no-reply@school.example").unwrap()
}

fn message() -> Message {
    Message {
        to: SecretText::from("parent@school.example"),
        content: Content::Notice(Notice::Reset),
        at: Timestamp::from_unix(1_795_425_000),
        locale: Locale::Welsh,
        service: "Ysgol Tŷ Gwyn".to_owned(),
        host: "portal.school.example".to_owned(),
        help: "swyddfa'r ysgol".to_owned(),
    }
}

fn written(message: &Message) -> String {
    String::from_utf8(sender().write(message).unwrap().1).unwrap()
}

fn refused(config: SmtpConfig, setting: &str) {
    let error = SmtpSender::new(config, "no-reply@school.example").unwrap_err();
    assert_eq!(error.setting(), setting);
}

#[test]
fn headers_say_what_they_should() {
    let text = written(&message());
    for line in [
        "To: parent@school.example\r\n",
        "Date: Mon, 23 Nov 2026 09:10:00 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Language: cy\r\n",
        "Content-Type: text/plain; charset=utf-8\r\n",
        "@school.example>\r\n",
    ] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn no_header_can_be_injected() {
    let mut evil = message();
    evil.service = "Hill\r\nBcc: thief@evil.example\r\n\r\nHello".to_owned();
    evil.host = "x\r\n.\r\nMAIL FROM:<a@b.example>".to_owned();
    evil.content = Content::Notice(Notice::FactorAdded { name: "y\r\nBcc: thief@evil.example".to_owned() });
    let text = written(&evil);
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    for line in head.lines() {
        let known = [
            "From",
            "To",
            "Date",
            "Message-ID",
            "Subject",
            "Auto-Submitted",
            "Content-Language",
            "Content-Type",
            "MIME-Version",
            "Content-Transfer-Encoding",
            " ",
        ];
        assert!(known.iter().any(|name| line.starts_with(name)), "{line}");
    }
    assert!(!body.lines().any(|line| line == "."), "{body}");
}

#[test]
fn a_bad_address_goes_nowhere() {
    for to in ["", "x", "a@b.example\r\nBcc: c@d.example", "\"a b\"@c.example", "A <a@b.example>"] {
        let mut bad = message();
        bad.to = SecretText::from(to);
        let error = sender().write(&bad).unwrap_err();
        assert_eq!(error.failure(), Failure::Permanent, "{to:?}");
    }
}

#[test]
fn any_time_can_be_written() {
    let mut late = message();
    late.at = Timestamp::from_unix(u64::MAX);
    assert!(written(&late).contains("Date: Fri, 31 Dec 9999 23:59:59 +0000\r\n"));
}

#[test]
fn message_ids_differ() {
    let (one, other) = (sender(), sender());
    let ids = [one.ids.next("a.example"), one.ids.next("a.example"), other.ids.next("a.example")];
    assert!(ids[0] != ids[1] && ids[0] != ids[2] && ids[1] != ids[2], "{ids:?}");
}

#[test]
fn urls_are_read() {
    let config = SmtpConfig::from_url("smtps://por%40tal:p%3Aw%2F%E2%82%AC@mail.school.example").unwrap();
    let checked = config.check().unwrap();
    assert_eq!((checked.host.as_str(), checked.port), ("mail.school.example", 465));
    assert!(matches!(checked.security, Security::Implicit(_)));
    assert_eq!(checked.credentials, Some(("por@tal".to_owned(), SecretText::from("p:w/€"))));
    assert_eq!(checked.time_out, Duration::from_secs(10));

    let checked = SmtpConfig::from_url("smtp://mail.school.example:2525/").unwrap().check().unwrap();
    assert!(matches!(checked.security, Security::StartTls(_)));
    assert_eq!((checked.port, checked.credentials), (2525, None));

    let checked = SmtpConfig::from_url("smtp+danger-plain-text://[::1]:1025").unwrap().check().unwrap();
    assert!(matches!(checked.security, Security::DangerPlainText));
    assert_eq!(checked.host, "::1");
}

#[test]
fn bad_urls_are_refused_without_repeating_them() {
    for url in [
        "",
        "mail.school.example",
        "https://u:hunter2@mail.school.example",
        "smtp://u:hunter2@mail.school.example?tls=opportunistic",
        "smtp://u:hunter2@mail.school.example/x",
        "smtp://u:hunter2@mail.school.example#x",
        "smtp://u:hunter2@mail.school.example:99999",
        "smtp://:hunter2@mail.school.example",
        "smtp://hunter2@mail.school.example",
        "smtp://u:hunter2%FF@mail.school.example",
        "smtp:u:hunter2",
    ] {
        let error = SmtpConfig::from_url(url).unwrap_err();
        assert_eq!(error.setting(), "smtp.url");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{url}: {error}");
    }
}

#[test]
fn settings_that_cannot_work_are_named() {
    refused(SmtpConfig::tls(""), "smtp.host");
    refused(SmtpConfig::tls("mail school"), "smtp.host");
    refused(SmtpConfig::tls("mail.example:465"), "smtp.host");
    refused(SmtpConfig::tls("mail.example").port(0), "smtp.port");
    refused(SmtpConfig::tls("mail.example").time_out(Duration::ZERO), "smtp.time_out");
    refused(SmtpConfig::tls("mail.example").time_out(Duration::from_secs(121)), "smtp.time_out");
    refused(SmtpConfig::tls("mail.example").hello_name("a b"), "smtp.hello_name");
    refused(SmtpConfig::tls("mail.example").root_certificate_pem("junk"), "smtp.root_certificate_pem");
    let broken = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
    refused(SmtpConfig::tls("mail.example").root_certificate_pem(broken), "smtp.root_certificate_pem");
    let secret = || SecretText::from("hunter2");
    refused(SmtpConfig::danger_plain_text("localhost").credentials("u", secret()), "smtp.credentials");
    refused(SmtpConfig::tls("mail.example").credentials("u\0", secret()), "smtp.credentials");
    refused(SmtpConfig::tls("mail.example").credentials("", secret()), "smtp.credentials");
    for from in ["", "School <a@b.example>", "a@b.example\r\nBcc: c@d.example", "a@localhost"] {
        let error = SmtpSender::new(SmtpConfig::tls("mail.example"), from).unwrap_err();
        assert_eq!(error.setting(), "smtp.from", "{from:?}");
    }
}

#[test]
fn debug_tells_no_credentials() {
    let config = SmtpConfig::tls("mail.example").credentials("the-user", SecretText::from("hunter2"));
    let shown =
        format!("{config:?} {:?}", SmtpSender::new(config.clone(), "no-reply@school.example").unwrap());
    assert!(!shown.contains("the-user") && !shown.contains("hunter2"), "{shown}");
}

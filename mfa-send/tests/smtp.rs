//! The SMTP sender against a real server, PyPI's aiosmtpd: delivery, TLS, sign-in, and every kind of failure.
// Helpers of a test may stop it like the test itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]
#![cfg(feature = "smtp")]

use std::error::Error;
use std::net::TcpListener;
use std::time::Duration;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use mfa_core::port::sender::{Content, Failure, Locale, Message, Notice, Purpose, SendError, Sender};
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use mfa_send::smtp::SmtpSender;
use mfa_send::smtp::config::SmtpConfig;
use mfa_send::smtp::failure::{SmtpFailure, Stage};
use serde_json::json;

use crate::support::{Authority, Log, Server, tools};

mod support;

const FROM: &str = "no-reply@school.example";

fn message() -> Message {
    Message {
        to: SecretText::from("parent@school.example"),
        content: Content::Code {
            purpose: Purpose::SignIn,
            code: SecretText::from("492039"),
            expires: Timestamp::from_unix(1_795_425_600),
        },
        at: Timestamp::from_unix(1_795_425_000),
        locale: Locale::English,
        service: "Hill School".to_owned(),
        host: "portal.school.example".to_owned(),
        help: "the school office, 01632 960000".to_owned(),
    }
}

fn plain(server: &Server) -> SmtpSender {
    sender(SmtpConfig::danger_plain_text("localhost").port(server.port()))
}

fn sender(config: SmtpConfig) -> SmtpSender {
    SmtpSender::new(config, FROM).unwrap()
}

/// The failure, after a look that nothing of the message or the server's words shows in the error.
fn told(error: &SendError) -> SmtpFailure {
    let source = error.source().unwrap();
    let shown = format!("{error} {error:?} {source} {source:?}");
    for secret in ["492039", "parent", "school.example", "says the server"] {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
    *source.downcast_ref::<SmtpFailure>().unwrap()
}

async fn fails(sender: &SmtpSender) -> (Failure, SmtpFailure) {
    let error = sender.send(&message()).await.unwrap_err();
    (error.failure(), told(&error))
}

#[tokio::test]
async fn a_message_arrives_as_written() {
    if !tools() {
        return;
    }
    let mut server = Server::start(json!({ "tls": "none" }));
    let receipt = plain(&server).send(&message()).await.unwrap();
    let taken = server.taken();
    assert_eq!(taken["from"], FROM);
    assert_eq!(taken["to"], json!(["parent@school.example"]));
    let headers = &taken["headers"];
    assert_eq!(headers["from"], "Hill School <no-reply@school.example>");
    assert_eq!(headers["to"], "parent@school.example");
    assert_eq!(headers["subject"], "Your code to sign in to Hill School");
    assert_eq!(headers["auto-submitted"], "auto-generated");
    assert_eq!(headers["message-id"], receipt.id.unwrap());
    assert!(taken["body"].as_str().unwrap().contains("\n492039\n"));
}

#[tokio::test]
async fn welsh_letters_arrive_whole() {
    if !tools() {
        return;
    }
    let mut server = Server::start(json!({ "tls": "none" }));
    let mut welsh = message();
    welsh.locale = Locale::Welsh;
    welsh.service = "Ysgol Tŷ Gwyn".to_owned();
    welsh.content = Content::Notice(Notice::BackupCodesMade);
    plain(&server).send(&welsh).await.unwrap();
    let taken = server.taken();
    assert_eq!(taken["headers"]["subject"], "Ysgol Tŷ Gwyn: crëwyd codau wrth gefn newydd");
    assert_eq!(taken["headers"]["content-language"], "cy");
    assert!(taken["body"].as_str().unwrap().contains("Os nad chi wnaeth hyn, mae'n bosibl"));
}

#[tokio::test]
async fn several_messages_one_after_another() {
    if !tools() {
        return;
    }
    let mut server = Server::start(json!({ "tls": "none" }));
    let sender = plain(&server);
    for _ in 0..3 {
        let receipt = sender.send(&message()).await.unwrap();
        assert_eq!(server.taken()["headers"]["message-id"], receipt.id.unwrap());
    }
}

#[tokio::test]
async fn implicit_tls_with_a_certificate_of_ones_own() {
    if !tools() {
        return;
    }
    let authority = Authority::new();
    let mut server = Server::start(authority.settings("implicit", "localhost"));
    let config = SmtpConfig::tls("localhost").port(server.port()).root_certificate_pem(authority.pem());
    sender(config).send(&message()).await.unwrap();
    assert_eq!(server.taken()["tls"], true);
}

#[tokio::test]
async fn starttls_then_sign_in() {
    if !tools() {
        return;
    }
    let authority = Authority::new();
    let mut settings = authority.settings("starttls", "localhost");
    settings["auth"] = json!(["portal", "p:w/€"]);
    let mut server = Server::start(settings);
    let url = format!("smtp://portal:p%3Aw%2F%E2%82%AC@localhost:{}", server.port());
    let config = SmtpConfig::from_url(&url).unwrap().root_certificate_pem(authority.pem());
    sender(config).send(&message()).await.unwrap();
    let taken = server.taken();
    assert_eq!(taken["tls"], true);
    assert_eq!(taken["user"], "portal");

    let wrong = SmtpConfig::starttls("localhost")
        .port(server.port())
        .credentials("portal", SecretText::from("wrong"))
        .root_certificate_pem(authority.pem());
    let stage = Stage::Login;
    assert_eq!(
        fails(&sender(wrong)).await,
        (Failure::Transient, SmtpFailure::Refused { stage, status: 535 })
    );

    let without = SmtpConfig::starttls("localhost").port(server.port()).root_certificate_pem(authority.pem());
    let stage = Stage::Message;
    assert_eq!(
        fails(&sender(without)).await,
        (Failure::Transient, SmtpFailure::Refused { stage, status: 530 })
    );
}

#[tokio::test]
async fn without_starttls_nothing_is_sent() {
    if !tools() {
        return;
    }
    let server = Server::start(json!({ "tls": "none" }));
    let stripped = sender(SmtpConfig::starttls("localhost").port(server.port()));
    let stage = Stage::StartTls;
    assert_eq!(fails(&stripped).await, (Failure::Transient, SmtpFailure::Unsupported { stage }));
}

#[tokio::test]
async fn a_wrong_certificate_is_refused() {
    if !tools() {
        return;
    }
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (mode, stage) in [("implicit", Stage::Connect), ("starttls", Stage::StartTls)] {
        let config = |server: &Server| {
            if mode == "implicit" {
                SmtpConfig::tls("localhost").port(server.port())
            } else {
                SmtpConfig::starttls("localhost").port(server.port())
            }
        };
        let expected = (Failure::Transient, SmtpFailure::Tls { stage });
        let server = Server::start(authority.settings(mode, "localhost"));
        assert_eq!(fails(&sender(config(&server))).await, expected, "nobody's, {mode}");
        let trusting = config(&server).root_certificate_pem(stranger.pem());
        assert_eq!(fails(&sender(trusting)).await, expected, "a stranger's, {mode}");

        let server = Server::start(authority.settings(mode, "other.example"));
        let trusting = config(&server).root_certificate_pem(authority.pem());
        assert_eq!(fails(&sender(trusting)).await, expected, "another host's, {mode}");
    }
}

#[tokio::test]
async fn replies_are_told_apart() {
    if !tools() {
        return;
    }
    let stage = Stage::Message;
    for (at, reply, status, failure) in [
        ("rcpt", "450 4.2.1 ADDRESS is busy, says the server", 450, Failure::Transient),
        ("rcpt", "421 4.3.2 no ADDRESS now, says the server", 421, Failure::Transient),
        ("rcpt", "550 5.1.1 no ADDRESS here, says the server", 550, Failure::Permanent),
        ("rcpt", "552 5.2.2 ADDRESS is full, says the server", 552, Failure::Transient),
        ("data", "451 4.7.1 later, says the server", 451, Failure::Transient),
        ("data", "554 5.7.1 spam, says the server", 554, Failure::Permanent),
    ] {
        let server = Server::start(json!({ "tls": "none", at: reply }));
        assert_eq!(
            fails(&plain(&server)).await,
            (failure, SmtpFailure::Refused { stage, status }),
            "{reply}"
        );
    }
}

#[tokio::test]
async fn a_server_that_turns_us_away_or_talks_nonsense() {
    if !tools() {
        return;
    }
    let stage = Stage::Connect;
    for (greeting, expected) in [
        ("421 busy\r\n", SmtpFailure::Refused { stage, status: 421 }),
        ("554 not you\r\n", SmtpFailure::Refused { stage, status: 554 }),
        ("HTTP/1.1 400 Bad Request\r\n", SmtpFailure::Garbled { stage }),
    ] {
        let server = Server::start(json!({ "tls": "none", "raw": greeting }));
        assert_eq!(fails(&plain(&server)).await, (Failure::Transient, expected), "{greeting}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_runs_into_the_time_out() {
    if !tools() {
        return;
    }
    let server = Server::start(json!({ "tls": "none", "raw": "" }));
    let time_out = Duration::from_millis(200);
    for config in [SmtpConfig::danger_plain_text("localhost"), SmtpConfig::tls("localhost")] {
        let hanging = sender(config.port(server.port()).time_out(time_out));
        assert_eq!(fails(&hanging).await, (Failure::Transient, SmtpFailure::TimeOut));
    }
}

#[tokio::test]
async fn a_refused_connection_is_transient() {
    // Bound and let go again: nobody listens there.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let refused = sender(SmtpConfig::danger_plain_text("127.0.0.1").port(port));
    let stage = Stage::Connect;
    assert_eq!(fails(&refused).await, (Failure::Transient, SmtpFailure::Unreachable { stage }));
}

#[tokio::test]
async fn nothing_reaches_the_log_even_if_lettre_writes_to_it() {
    if !tools() {
        return;
    }
    let log = Log::default();
    let _guard = log.listen_to_everything();
    let mut server = Server::start(json!({ "tls": "none" }));
    plain(&server).send(&message()).await.unwrap();
    assert!(!server.taken().is_null());
    let refusing = Server::start(json!({ "tls": "none", "rcpt": "550 no ADDRESS here" }));
    fails(&plain(&refusing)).await;
    let silent = log.text();
    for secret in ["492039", "parent", "Hill School", "EHLO"] {
        assert!(!silent.contains(secret), "{secret} in {silent}");
    }

    // The other half of the proof: left alone, lettre does write its conversation to this very log.
    let address = ("127.0.0.1", server.port());
    AsyncSmtpConnection::connect_tokio1(address, None, &ClientId::default(), None, None).await.unwrap();
    assert!(log.text().contains("EHLO"), "lettre was built without its log");
}

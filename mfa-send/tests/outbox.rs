//! The outbox keeps what was sent, up to its bound, and fails when told to.

use std::error::Error;

use mfa_core::port::sender::{Content, Failure, Locale, Message, Notice, Purpose, Sender};
use mfa_core::secret::SecretText;
use mfa_core::time::Timestamp;
use mfa_send::outbox::{MAX_MESSAGES, Outbox};
use mfa_send::wording::WordingError;

fn message(content: Content) -> Message {
    Message {
        to: SecretText::from("parent@school.example"),
        content,
        at: Timestamp::from_unix(1_795_425_000),
        locale: Locale::English,
        service: "Hill School".to_owned(),
        host: "portal.school.example".to_owned(),
        help: "the school office, 01632 960000".to_owned(),
    }
}

fn code() -> Content {
    Content::Code {
        purpose: Purpose::SignIn,
        code: SecretText::from("492039"),
        expires: Timestamp::from_unix(1_795_425_600),
    }
}

#[tokio::test]
async fn what_was_sent_is_kept_and_clones_share_it() {
    let outbox = Outbox::new();
    let page = outbox.clone();
    let receipt = outbox.send(&message(code())).await.unwrap();
    assert_eq!(receipt.id.as_deref(), Some("outbox-1"));

    let kept = page.messages();
    assert_eq!(kept.len(), 1);
    assert_eq!(kept[0].to.expose(), "parent@school.example");
    assert_eq!(kept[0].subject, "Your code to sign in to Hill School");
    assert!(kept[0].body.expose().contains("\n492039\n"));
    assert_eq!(kept[0].code, Some(SecretText::from("492039")));
    assert_eq!(kept[0].at, Timestamp::from_unix(1_795_425_000));

    page.clear();
    assert!(outbox.messages().is_empty());
}

#[tokio::test]
async fn the_oldest_gives_way() {
    let outbox = Outbox::new();
    for _ in 0..MAX_MESSAGES + 3 {
        outbox.send(&message(Content::Notice(Notice::Reset))).await.unwrap();
    }
    let kept = outbox.messages();
    assert_eq!(kept.len(), MAX_MESSAGES);
    assert_eq!(kept[0].number, 4);
    assert_eq!(kept[MAX_MESSAGES - 1].number, 203);
}

#[tokio::test]
async fn it_fails_when_told_to_and_keeps_nothing() {
    let outbox = Outbox::new();
    for failure in [Failure::Transient, Failure::Permanent] {
        outbox.fail_with(Some(failure));
        let error = outbox.send(&message(code())).await.unwrap_err();
        assert_eq!(error.failure(), failure);
    }
    assert!(outbox.messages().is_empty());
    outbox.fail_with(None);
    outbox.send(&message(code())).await.unwrap();
    assert_eq!(outbox.messages().len(), 1);
}

#[tokio::test]
async fn a_message_without_words_is_a_permanent_failure() {
    let outbox = Outbox::new();
    let mut helpless = message(code());
    helpless.help = " \n".to_owned();
    let error = outbox.send(&helpless).await.unwrap_err();
    assert_eq!(error.failure(), Failure::Permanent);
    let source = error.source().unwrap().downcast_ref::<WordingError>();
    assert_eq!(source, Some(&WordingError::NoHelp));
}

#[tokio::test]
async fn debug_shows_neither_address_nor_code() {
    let outbox = Outbox::new();
    outbox.send(&message(code())).await.unwrap();
    let shown = format!("{outbox:?} {:?}", outbox.messages());
    assert!(!shown.contains("492039") && !shown.contains("parent") && !shown.contains("Hill"), "{shown}");
}

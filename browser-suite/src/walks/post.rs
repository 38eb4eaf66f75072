//! Codes by e-mail, through a real mail server; forced enrolment and the challenge, each on the way to a deep link.

use crate::browser::Habits;
use crate::mail::MailServer;
use crate::person::{MOUNT, Person};
use crate::site::Site;

const DEEP: &str = "/pay/bank-details";

/// Somebody who must have a second factor sets e-mail up, and gets to where they were going each time.
pub async fn required(program: &str, habits: Habits) {
    let mut mail = MailServer::start().await;
    let mut site = Site::start(program, &["--policy=staff=required", &mail.option()]).await;
    let ann = Person::new("teacher", habits).await;

    ann.goto(&site, DEEP).await;
    assert_eq!(ann.browser.path().await, "/sign-in?next=%2Fpay%2Fbank-details");
    ann.gives_password_here().await;
    ann.is_at_ours("enrol").await;
    for elsewhere in ["/", "/account", &format!("{MOUNT}/settings")] {
        ann.goto(&site, elsewhere).await;
        ann.is_at_ours("enrol").await;
    }
    ann.goto(&site, DEEP).await;
    ann.is_at_ours("enrol").await;
    ann.browser.press(&format!("a[href='{MOUNT}/enrol/email']")).await;
    ann.is_at_ours("enrol/email").await;
    ann.browser.fill("email", "not an address").await;
    ann.presses("enrol/email").await;
    ann.is_told_of_a_mistake("email address").await;
    ann.browser.one("[id='email']").await.clear().await.unwrap();
    ann.browser.fill("email", "owen@home.example").await;
    ann.presses("enrol/email").await;
    ann.is_at_ours("enrol/confirm").await;
    let code = mail.next_code().await;
    ann.enters("enrol/confirm", if code == "123456" { "123457" } else { "123456" }).await;
    ann.is_told_of_a_mistake("code").await;
    ann.enters("enrol/confirm", &code).await;
    ann.browser.look("backup-codes").await;
    assert_eq!(ann.backup_codes().await.len(), 10);
    ann.presses("backup-codes/saved").await;
    ann.is_at(DEEP).await;
    ann.signs_out(&site).await;

    // The challenge on the way there; the code is on its way already, because there is no other method.
    ann.goto(&site, DEEP).await;
    ann.gives_password_here().await;
    ann.is_at_ours("challenge").await;
    assert!(!ann.browser.text().await.contains("owen@home.example"), "the address is shown to a stranger");
    let early = mail.next_code().await;
    ann.browser.open_details().await;
    ann.presses("challenge/resend").await;
    ann.is_told_of_a_mistake("Wait").await;
    site.turn_clock(61).await;
    ann.browser.open_details().await;
    ann.presses("challenge/resend").await;
    ann.is_at_ours("challenge").await;
    let late = mail.next_code().await;
    assert_ne!(early, late);
    ann.enters("challenge", &late).await;
    ann.is_at(DEEP).await;

    // The last way in stays where one is required.
    ann.goto(&site, &format!("{MOUNT}/settings")).await;
    ann.is_at_ours("settings").await;
    if ann.browser.has(&format!("a[href^='{MOUNT}/settings/remove']")).await {
        ann.follows("settings/remove").await;
        ann.presses("settings/remove").await;
        ann.is_told_of_a_mistake("only way").await;
    }
    ann.browser.close().await;
}

/// A message that can't be delivered is said, and another way is there; then the mail works again.
pub async fn undelivered(program: &str) {
    let mut mail = MailServer::start().await;
    let refusing = MailServer::that_refuses().await;
    let working = ["--policy=off".to_owned(), mail.option()];
    let mut site = Site::start(program, &[&working[0], &working[1]]).await;
    let ann = Person::new("parent", Habits::default()).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    let (phone, _) = ann.sets_up_an_app(&site).await;
    ann.goto_enrol().await;
    ann.browser.press(&format!("a[href='{MOUNT}/enrol/email']")).await;
    ann.browser.fill("email", "carys@work.example").await;
    ann.presses("enrol/email").await;
    ann.enters("enrol/confirm", &mail.next_code().await).await;
    ann.is_at_ours("settings").await;
    ann.signs_out(&site).await;

    site.restart_with(&["--policy=off", &refusing.option()]).await;
    site.turn_clock(61).await;
    ann.gives_password(&site).await;
    ann.browser.look("challenge").await;
    ann.chooses_by_words("email").await;
    ann.is_told_of_a_mistake("could not send").await;
    assert!(ann.browser.text().await.contains("authenticator app"), "there is no other way offered");

    site.restart_with(&[&working[0], &working[1]]).await;
    site.turn_clock(61).await;
    ann.gives_password(&site).await;
    ann.chooses_the_app().await;
    ann.enters("challenge", &phone.code(site.now()).await).await;
    ann.is_at("/").await;
    ann.browser.close().await;
}

//! Other phones than our double: oathtool with the key typed in, a camera that reads the QR code; and two codes.

use mfa_core::time::Timestamp;

use crate::browser::Habits;
use crate::person::{MOUNT, Person};
use crate::phone::{Phone, read_qr};
use crate::site::Site;
use crate::walks::quiet;

/// The key is typed into oathtool, whose codes switch it on and sign in.
pub async fn oathtool(program: &str) {
    let mut site = quiet(program).await;
    let ann = Person::new("teacher2", Habits::default()).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    ann.begins_with_an_app().await;
    let phone = Phone::types(&ann.key().await);
    ann.enters("enrol/confirm", &phone.code(site.now()).await).await;
    assert_eq!(ann.backup_codes().await.len(), 10);
    ann.presses("backup-codes/saved").await;
    ann.signs_out(&site).await;
    site.turn_clock(60).await;
    ann.gives_password(&site).await;
    ann.enters("challenge", &phone.code(site.now()).await).await;
    ann.is_at("/").await;
    ann.browser.close().await;
}

/// What a camera reads in the QR code is the URI that the link on the page has.
pub async fn camera(program: &str, habits: Habits) {
    let site = quiet(program).await;
    let ann = Person::new("parent", habits).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    ann.begins_with_an_app().await;
    let folder = tempfile::tempdir().unwrap();
    let picture = folder.path().join("qr.png");
    std::fs::write(&picture, ann.browser.picture(".mfa-qr").await).unwrap();
    let read = read_qr(&picture).await;
    assert!(read.starts_with("otpauth://totp/"), "{read}");
    assert_eq!(read, ann.link().await);
    ann.browser.close().await;
}

/// Where the host wants two codes in a row, one is not enough, and the same twice is not two.
pub async fn two_codes(program: &str) {
    let site = Site::start(program, &["--policy=off", "--confirm=two"]).await;
    let ann = Person::new("parent", Habits::default()).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    ann.begins_with_an_app().await;
    let phone = Phone::scans(&ann.link().await);
    let first = phone.code(site.now()).await;
    ann.browser.fill("code", &first).await;
    ann.presses("enrol/confirm").await;
    ann.is_told_of_a_mistake("code").await;
    ann.browser.fill("code", &first).await;
    ann.browser.fill("code_2", &first).await;
    ann.presses("enrol/confirm").await;
    ann.is_told_of_a_mistake("code").await;
    // The last one and this one, by one look at the clock: it goes on while the browser types.
    let now = site.now();
    let before = Timestamp::from_unix(now.as_unix() - 30);
    ann.browser.fill("code", &phone.code(before).await).await;
    ann.browser.fill("code_2", &phone.code(now).await).await;
    ann.presses("enrol/confirm").await;
    assert_eq!(ann.backup_codes().await.len(), 10);
    ann.browser.close().await;
}

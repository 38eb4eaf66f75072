//! The whole way once: switched on, asked for, got wrong, expired, locked, replaced and removed.

use crate::browser::Habits;
use crate::person::{MOUNT, Person};
use crate::phone::Phone;
use crate::walks::quiet;

/// Everything with an authenticator app and backup codes, in the way somebody browses.
pub async fn whole(program: &str, habits: Habits) {
    let mut site = quiet(program).await;
    let ann = Person::new("teacher", habits).await;

    // Switching it on: a mistake first, then right.
    ann.goto(&site, "/account").await;
    assert_eq!(ann.browser.path().await, "/sign-in?next=%2Faccount");
    ann.gives_password_here().await;
    ann.is_at("/account").await;
    ann.browser.press(&format!("a[href='{MOUNT}']")).await;
    ann.is_at(MOUNT).await;
    ann.begins_with_an_app().await;
    let phone = Phone::scans(&ann.link().await);
    assert!(ann.key().await.len() >= 32);
    let copy = ann.browser.one("[data-mfa-copy='key']").await.is_displayed().await.unwrap();
    assert_eq!(copy, habits.script, "a button that needs scripts is there exactly where they run");
    ann.enters("enrol/confirm", "12345").await;
    ann.is_told_of_a_mistake("6 numbers").await;
    ann.enters("enrol/confirm", &phone.wrong_code(site.now()).await).await;
    ann.is_told_of_a_mistake("code").await;
    let first = phone.code(site.now()).await;
    ann.enters("enrol/confirm", &first).await;
    ann.browser.look("backup-codes").await;
    let codes = ann.backup_codes().await;
    assert_eq!(codes.len(), 10);
    ann.presses("backup-codes/saved").await;
    ann.is_at_ours("settings").await;
    ann.signs_out(&site).await;

    // Asked for: wrong, replayed, right.
    ann.gives_password(&site).await;
    ann.is_at_ours("challenge").await;
    ann.goto(&site, "/account").await;
    ann.is_at_ours("challenge").await;
    ann.enters("challenge", &phone.wrong_code(site.now()).await).await;
    ann.is_told_of_a_mistake("code").await;
    ann.enters("challenge", &first).await;
    ann.is_told_of_a_mistake("has been used").await;
    site.turn_clock(30).await;
    ann.enters("challenge", &phone.code(site.now()).await).await;
    ann.is_at("/account").await;
    ann.signs_out(&site).await;

    // A backup code, once.
    ann.gives_password(&site).await;
    ann.chooses_a_backup_code().await;
    ann.is_at_ours("challenge").await;
    ann.enters("challenge", &codes[0].to_lowercase().replace('-', " ")).await;
    ann.is_at("/").await;
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    ann.chooses_a_backup_code().await;
    ann.enters("challenge", &codes[0]).await;
    ann.is_told_of_a_mistake("code").await;

    // Too late.
    site.turn_clock(21 * 60).await;
    ann.enters("challenge", &codes[1]).await;
    ann.browser.look("challenge-expired").await;
    ann.reads("You took too long").await;

    // Given up, and begun again: five wrong ones end the challenge, ten make the account wait.
    ann.gives_password(&site).await;
    ann.presses("challenge/cancel").await;
    ann.is_at("/sign-in").await;
    ann.gives_password(&site).await;
    ann.chooses_the_app().await;
    for _ in 0..4 {
        ann.enters("challenge", &phone.wrong_code(site.now()).await).await;
        ann.is_told_of_a_mistake("code").await;
    }
    ann.enters("challenge", &phone.wrong_code(site.now()).await).await;
    ann.browser.look("challenge-failed").await;
    ann.reads("used all your tries").await;
    ann.gives_password(&site).await;
    ann.chooses_the_app().await;
    for _ in 0..4 {
        ann.enters("challenge", &phone.wrong_code(site.now()).await).await;
    }
    ann.enters("challenge", &phone.code(site.now()).await).await;
    ann.is_told_of_a_mistake("Wait").await;
    site.turn_clock(2 * 3600).await;
    ann.gives_password(&site).await;
    ann.chooses_the_app().await;
    ann.enters("challenge", &phone.code(site.now()).await).await;
    ann.is_at("/").await;

    // The settings want a recent code: given, they are come back to. Renamed, removed.
    site.turn_clock(16 * 60).await;
    ann.goto(&site, &format!("{MOUNT}/settings")).await;
    ann.is_at_ours("challenge").await;
    ann.chooses_the_app().await;
    ann.enters("challenge", &phone.code(site.now()).await).await;
    ann.is_at_ours("settings").await;
    ann.follows("settings/rename").await;
    ann.browser.look("rename").await;
    ann.browser.fill("name", "My phone").await;
    ann.presses("settings/rename").await;
    ann.is_at_ours("settings").await;
    ann.reads("My phone").await;
    ann.follows("settings/resync").await;
    ann.browser.look("resync").await;
    ann.browser.press(&format!("a[href='{MOUNT}/settings']")).await;
    ann.is_at_ours("settings").await;
    ann.follows("settings/remove").await;
    ann.browser.look("remove").await;
    ann.presses("settings/remove").await;
    ann.is_at_ours("settings").await;
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    ann.is_at("/").await;
    ann.browser.close().await;
}

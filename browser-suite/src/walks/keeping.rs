//! What is kept: over a restart, over a tab that was closed; and what is asked again after thirty days.

use crate::browser::Habits;
use crate::person::{MOUNT, Person};
use crate::phone::Phone;
use crate::site::Site;
use crate::walks::quiet;

const DAY: u64 = 24 * 3600;

/// The portal is killed and started again: methods, sessions and used codes are as they were.
pub async fn over_a_restart(program: &str) {
    let mut site = quiet(program).await;
    let ann = Person::new("parent", Habits::default()).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    let (phone, codes) = ann.sets_up_an_app(&site).await;
    site.turn_clock(30).await;
    let used = phone.code(site.now()).await;
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    ann.enters("challenge", &used).await;
    ann.is_at("/").await;

    site.restart().await;
    ann.goto(&site, "/account").await;
    ann.is_at("/account").await;
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    ann.enters("challenge", &used).await;
    ann.is_told_of_a_mistake("has been used").await;
    ann.chooses_a_backup_code().await;
    ann.enters("challenge", &codes[4]).await;
    ann.is_at("/").await;
    ann.browser.close().await;
}

/// A set-up that is given up, or left lying for ten minutes, changes nothing.
pub async fn nothing_of_a_set_up_left_half_way(program: &str) {
    let mut site = quiet(program).await;
    let ann = Person::new("parent", Habits::default()).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    ann.begins_with_an_app().await;
    ann.presses("enrol/cancel").await;
    ann.is_at_ours("settings").await;
    ann.begins_with_an_app().await;
    let phone = Phone::scans(&ann.link().await);
    site.turn_clock(601).await;
    ann.enters("enrol/confirm", &phone.code(site.now()).await).await;
    ann.browser.look("enrolment-expired").await;
    ann.reads("You took too long").await;
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    ann.is_at("/").await;
    ann.browser.close().await;
}

/// The reminder can be put off for thirty days, and leads to where somebody was going.
pub async fn the_reminder(program: &str, habits: Habits) {
    let mut site = Site::start(program, &["--policy=encouraged"]).await;
    let ann = Person::new("parent", habits).await;
    ann.goto(&site, "/reports/autumn").await;
    ann.gives_password_here().await;
    ann.is_at_ours("reminder").await;
    ann.presses("reminder/skip").await;
    ann.is_at("/reports/autumn").await;
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    ann.is_at("/").await;
    site.turn_clock(30 * DAY).await;
    ann.gives_password(&site).await;
    ann.is_at_ours("reminder").await;
    ann.browser.press(&format!("a[href='{MOUNT}/enrol']")).await;
    ann.is_at_ours("enrol").await;
    ann.presses("enrol/app").await;
    let phone = Phone::scans(&ann.link().await);
    ann.enters("enrol/confirm", &phone.code(site.now()).await).await;
    assert_eq!(ann.backup_codes().await.len(), 10);
    ann.browser.close().await;
}

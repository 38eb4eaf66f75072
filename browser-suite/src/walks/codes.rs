//! Backup codes: each of ten once, the warning when few are left, and a new set that ends the old one.

use crate::browser::Habits;
use crate::person::{MOUNT, Person};
use crate::walks::quiet;

/// Ten sign-ins with ten codes; then none is left.
pub async fn each_once(program: &str) {
    let mut site = quiet(program).await;
    let ann = Person::new("parent", Habits::default()).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    let (phone, codes) = ann.sets_up_an_app(&site).await;
    for (used, code) in codes.iter().enumerate() {
        ann.signs_out(&site).await;
        ann.gives_password(&site).await;
        ann.chooses_a_backup_code().await;
        if used > 0 {
            ann.enters("challenge", &codes[used - 1]).await;
            ann.is_told_of_a_mistake("code").await;
        }
        ann.enters("challenge", code).await;
        if ann.browser.path().await == "/" {
            assert!(used < 9, "nothing is said when the last code is used");
        } else {
            ann.is_at_ours("backup-codes/low").await;
            assert!(used >= 5, "said too early: {used} used");
        }
    }
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    assert!(!ann.browser.has("button[value='backup_code']").await, "codes are offered that are not there");

    // A new set; the old one stays dead.
    site.turn_clock(60).await;
    ann.enters("challenge", &phone.code(site.now()).await).await;
    ann.goto(&site, &format!("{MOUNT}/backup-codes/new")).await;
    ann.is_at_ours("backup-codes/new").await;
    ann.presses("backup-codes/new").await;
    ann.browser.look("backup-codes").await;
    let first = ann.backup_codes().await;
    ann.presses("backup-codes/saved").await;
    ann.goto(&site, &format!("{MOUNT}/backup-codes/new")).await;
    ann.presses("backup-codes/new").await;
    let second = ann.backup_codes().await;
    assert!(first.iter().all(|code| !second.contains(code) && !codes.contains(code)));
    ann.presses("backup-codes/saved").await;
    ann.signs_out(&site).await;
    ann.gives_password(&site).await;
    ann.chooses_a_backup_code().await;
    ann.enters("challenge", &first[0]).await;
    ann.is_told_of_a_mistake("code").await;
    ann.enters("challenge", &second[0]).await;
    ann.is_at("/").await;
    ann.browser.close().await;
}

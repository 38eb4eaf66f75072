//! An administrator resets somebody who is signed in elsewhere.

use crate::browser::Habits;
use crate::person::{MOUNT, Person};
use crate::walks::quiet;

/// The reset ends the session in the other browser, and the password alone is enough again.
pub async fn by_administrator(program: &str, habits: Habits) {
    let site = quiet(program).await;
    let ann = Person::new("teacher", habits).await;
    ann.gives_password(&site).await;
    ann.goto(&site, MOUNT).await;
    ann.sets_up_an_app(&site).await;
    ann.goto(&site, "/").await;
    ann.is_at("/").await;

    let administrator = Person::new("admin", habits).await;
    administrator.gives_password(&site).await;
    administrator.is_at("/").await;
    // To take somebody's second factor away takes one of one's own.
    administrator.goto(&site, "/users/u-2001/reset").await;
    administrator.is_at(&format!("{MOUNT}/enrol")).await;
    administrator.goto(&site, MOUNT).await;
    administrator.sets_up_an_app(&site).await;
    administrator.is_at("/users/u-2001/reset").await;
    administrator.goto(&site, "/users").await;
    administrator.is_at("/users").await;
    administrator.browser.press("a[href='/users/u-2001/reset']").await;
    administrator.is_at("/users/u-2001/reset").await;
    administrator.browser.press("form[action='/users/u-2001/reset'] button").await;
    administrator.browser.look("reset-without-a-reason").await;
    administrator.browser.fill("reason", "Lost phone, seen in person").await;
    administrator.browser.press("form[action='/users/u-2001/reset'] button").await;
    administrator.is_at("/users?reset=u-2001").await;
    assert!(!administrator.browser.has("a[href='/users/u-2001/reset']").await);

    ann.goto(&site, "/").await;
    assert_eq!(ann.browser.path().await, "/sign-in");
    ann.gives_password_here().await;
    ann.is_at("/").await;
    ann.goto(&site, MOUNT).await;
    ann.is_at(MOUNT).await;
    ann.reads("password alone").await;
    ann.browser.close().await;
    administrator.browser.close().await;
}

//! Somebody who sets up an app again and again, each time after an administrator has reset them.

use std::time::Duration;

use http_suite::browser::Browser;
use http_suite::page;
use http_suite::world::at;
use mfa_testing::app::AuthenticatorApp;
use tokio::sync::watch;

use crate::home::Reader;
use crate::load::{Lost, Now, Step, elsewhere, open, post};
use crate::person::Account;

/// What they counted.
#[derive(Clone, Debug, Default)]
pub struct Enrolments {
    /// Set-ups that were confirmed.
    pub accepted: usize,
    /// Set-ups whose confirmation got lost.
    pub unknown: usize,
    /// What came to nothing before, with why.
    pub lost: Vec<Lost>,
    /// What must never be.
    pub broken: Vec<String>,
}

/// Goes on until it is over.
pub async fn go_on(
    base: String,
    account: Account,
    reader: Reader,
    mut now: watch::Receiver<Now>,
) -> (Account, Enrolments) {
    let mut seen = Enrolments::default();
    loop {
        if now.borrow_and_update().over {
            return (account, seen);
        }
        reader.reset(account.id).await.unwrap();
        if let Err(lost) = once(&base, account, &now, &mut seen).await {
            seen.lost.push(lost);
        }
        if now.changed().await.is_err() {
            return (account, seen);
        }
    }
}

async fn once(base: &str, account: Account, now: &watch::Receiver<Now>, seen: &mut Enrolments) -> Step<()> {
    let mut browser = Browser::without_keep_alive(base);
    password(&mut browser, account, "/").await?;
    let page = open(&mut browser, &at("enrol")).await?;
    post(&mut browser, &page, &at("enrol/app"), &[]).await?;
    let page = open(&mut browser, &at("enrol/confirm")).await?;
    let uri = page::otpauth(&page.body).ok_or_else(|| elsewhere(&page))?;
    let app = AuthenticatorApp::scan(&uri).unwrap();
    let time = now.borrow().time;
    let shown = post(&mut browser, &page, &at("enrol/confirm"), &[("code", &app.code_at(time))]).await;
    let accepted = match shown {
        Ok(shown) if page::backup_codes(&shown.body).len() == 10 => true,
        // On a busy machine there is no place for a slow hash: the app is set up, and codes are to be made later.
        Ok(shown) if shown.status == 303 && shown.header("location") == at("settings") => true,
        Ok(shown) => return Err(elsewhere(&shown)),
        Err(lost) => {
            seen.lost.push(lost);
            false
        }
    };
    seen.accepted += usize::from(accepted);
    seen.unknown += usize::from(!accepted);
    // A code is asked for from now on, and it is this app's.
    let mut browser = Browser::without_keep_alive(base);
    match password(&mut browser, account, &at("challenge")).await {
        Err(Lost::Elsewhere(..)) if accepted => {
            seen.broken.push("an enrolment that was accepted is gone".to_owned());
            return Ok(());
        }
        Err(Lost::Elsewhere(..)) => return Ok(()),
        asked => asked?,
    }
    let page = open(&mut browser, &at("challenge")).await?;
    // Time may have gone on, or not: then the app's next code is taken early, as the window lets one do.
    let next = app.code_at(now.borrow().time.max(time.after(Duration::from_secs(30))));
    let answer = post(&mut browser, &page, &at("challenge"), &[("code", &next)]).await?;
    if answer.header("location") != "/" {
        seen.broken.push(format!("the app is asked for, and its code does not let in: {}", answer.status));
    }
    Ok(())
}

/// Types the password, which has to lead there.
async fn password(browser: &mut Browser, account: Account, there: &str) -> Step<()> {
    let page = open(browser, "/sign-in").await?;
    let fields = [("name", account.name), ("password", account.password)];
    let sent = post(browser, &page, "/sign-in", &fields).await?;
    if sent.header("location") == there { Ok(()) } else { Err(elsewhere(&sent)) }
}

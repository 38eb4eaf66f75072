//! The portal on axum in a real browser: every walk of the suite.

use browser_suite::browser::Habits;
use browser_suite::walks;
use mfa_core::port::sender::Locale;

const PORTAL: &str = env!("CARGO_BIN_EXE_portal-axum");

#[tokio::test]
async fn the_whole_way() {
    walks::whole::whole(PORTAL, Habits::default()).await;
}

#[tokio::test]
async fn the_whole_way_without_scripts() {
    walks::whole::whole(PORTAL, Habits { script: false, ..Habits::default() }).await;
}

#[tokio::test]
async fn the_whole_way_by_keyboard_alone() {
    walks::whole::whole(PORTAL, Habits { keyboard: true, ..Habits::default() }).await;
}

#[tokio::test]
async fn the_whole_way_on_a_narrow_screen() {
    walks::whole::whole(PORTAL, Habits { width: 320, ..Habits::default() }).await;
}

#[tokio::test]
async fn the_whole_way_in_welsh() {
    walks::whole::whole(PORTAL, Habits { locale: Locale::Welsh, ..Habits::default() }).await;
}

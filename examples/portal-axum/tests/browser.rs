//! The portal on axum in a real browser: every walk of the suite.

use browser_suite::browser::Habits;
use browser_suite::has_tools;
use browser_suite::walks::{codes, keeping, phones, post, reset, whole};
use mfa_core::port::sender::Locale;

const PORTAL: &str = env!("CARGO_BIN_EXE_portal-axum");

/// Each walk that everybody must be able to go, in every way somebody browses.
macro_rules! in_every_way {
    ($($walk:ident: $path:path;)*) => {$(
        mod $walk {
            use super::*;

            #[tokio::test]
            async fn with_a_mouse() {
                if has_tools() {
                    $path(PORTAL, Habits::default()).await;
                }
            }

            #[tokio::test]
            async fn without_scripts() {
                if has_tools() {
                    $path(PORTAL, Habits { script: false, ..Habits::default() }).await;
                }
            }

            #[tokio::test]
            async fn by_keyboard_alone() {
                if has_tools() {
                    $path(PORTAL, Habits { keyboard: true, ..Habits::default() }).await;
                }
            }

            #[tokio::test]
            async fn on_a_narrow_screen() {
                if has_tools() {
                    $path(PORTAL, Habits { width: 320, ..Habits::default() }).await;
                }
            }

            #[tokio::test]
            async fn in_welsh() {
                if has_tools() {
                    $path(PORTAL, Habits { locale: Locale::Welsh, ..Habits::default() }).await;
                }
            }
        }
    )*};
}

in_every_way! {
    the_whole_way: whole::whole;
    required_and_by_email: post::required;
    reset_by_an_administrator: reset::by_administrator;
    the_reminder: keeping::the_reminder;
    the_qr_code_read_by_a_camera: phones::camera;
}

#[tokio::test]
async fn each_backup_code_once() {
    if has_tools() {
        codes::each_once(PORTAL).await;
    }
}

#[tokio::test]
async fn with_the_codes_of_oathtool() {
    if has_tools() {
        phones::oathtool(PORTAL).await;
    }
}

#[tokio::test]
async fn two_codes_where_the_host_wants_two() {
    if has_tools() {
        phones::two_codes(PORTAL).await;
    }
}

#[tokio::test]
async fn everything_is_kept_over_a_restart() {
    if has_tools() {
        keeping::over_a_restart(PORTAL).await;
    }
}

#[tokio::test]
async fn nothing_is_kept_of_a_set_up_left_half_way() {
    if has_tools() {
        keeping::nothing_of_a_set_up_left_half_way(PORTAL).await;
    }
}

#[tokio::test]
async fn a_message_that_is_not_delivered_is_said() {
    if has_tools() {
        post::undelivered(PORTAL).await;
    }
}

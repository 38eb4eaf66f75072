//! The list of all walks, in all the ways in which somebody browses, as tests of one portal's program.

use std::future::Future;
use std::path::Path;

use test_tools::{cases, tools};

/// Goes a walk, if there is a browser, and notes that it was gone to its end.
pub async fn go(program: &str, case: &str, walk: impl Future<Output = ()>) {
    if tools() {
        walk.await;
        let portal = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
        cases::passed("browser", &portal, case);
    }
}

/// Makes a test of every walk on the portal whose program is at this path.
#[macro_export]
macro_rules! every_walk {
    ($program:expr) => {
        $crate::in_every_way! {
            $program;
            the_whole_way: whole::whole;
            required_and_by_email: post::required;
            reset_by_an_administrator: reset::by_administrator;
            the_reminder: keeping::the_reminder;
            the_qr_code_read_by_a_camera: phones::camera;
        }
        $crate::once! {
            $program;
            each_backup_code_once: codes::each_once;
            with_the_codes_of_oathtool: phones::oathtool;
            two_codes_where_the_host_wants_two: phones::two_codes;
            everything_is_kept_over_a_restart: keeping::over_a_restart;
            nothing_is_kept_of_a_set_up_left_half_way: keeping::nothing_of_a_set_up_left_half_way;
            a_message_that_is_not_delivered_is_said: post::undelivered;
        }
    };
}

/// Each walk that everybody must be able to go, in every way somebody browses.
#[doc(hidden)]
#[macro_export]
macro_rules! in_every_way {
    ($program:expr; $($walk:ident: $room:ident::$function:ident;)*) => {$(
        mod $walk {
            use $crate::browser::Habits;
            use $crate::walks::$room::$function;

            async fn go(way: &str, habits: Habits) {
                let case = format!("{}: {way}", stringify!($walk));
                $crate::every_walk::go($program, &case, $function($program, habits)).await;
            }

            #[tokio::test]
            async fn with_a_mouse() {
                go("with_a_mouse", Habits::default()).await;
            }

            #[tokio::test]
            async fn without_scripts() {
                go("without_scripts", Habits { script: false, ..Habits::default() }).await;
            }

            #[tokio::test]
            async fn by_keyboard_alone() {
                go("by_keyboard_alone", Habits { keyboard: true, ..Habits::default() }).await;
            }

            #[tokio::test]
            async fn on_a_narrow_screen() {
                go("on_a_narrow_screen", Habits { width: 320, ..Habits::default() }).await;
            }

            #[tokio::test]
            async fn in_welsh() {
                go("in_welsh", Habits { locale: $crate::Locale::Welsh, ..Habits::default() }).await;
            }
        }
    )*};
}

/// Walks that are gone in one way only.
#[doc(hidden)]
#[macro_export]
macro_rules! once {
    ($program:expr; $($walk:ident: $room:ident::$function:ident;)*) => {$(
        #[tokio::test]
        async fn $walk() {
            let walk = $crate::walks::$room::$function($program);
            $crate::every_walk::go($program, stringify!($walk), walk).await;
        }
    )*};
}

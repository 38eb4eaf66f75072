//! Several portal processes, on axum and on actix-web, behind a round-robin proxy and on one store: what tests do to them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests, which may panic"
)]

pub mod cluster;
pub mod home;
pub mod load;
pub mod newcomer;
pub mod newer;
pub mod node;
pub mod person;
pub mod proxy;
pub mod volley;

/// Makes a test of each case on each of the stores named, from functions that take an [`Engine`](home::Engine). Without
/// the tools there is nothing to run them on, and they say so.
#[macro_export]
macro_rules! on_each_store {
    ($($case:ident on $($store:ident)*;)*) => {$(
        mod $case {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                #[allow(non_snake_case)]
                async fn $store() {
                    if test_tools::tools() {
                        super::$case($crate::home::Engine::$store).await;
                        test_tools::cases::passed("cluster", stringify!($store), stringify!($case));
                    }
                }
            )*
        }
    )*};
}

/// How often a race is run, or a process killed: a few times in a plain run, as often as `MFA_ROUNDS` says in a long one.
pub fn rounds(in_a_plain_run: usize) -> usize {
    std::env::var("MFA_ROUNDS").ok().and_then(|text| text.parse().ok()).unwrap_or(in_a_plain_run)
}

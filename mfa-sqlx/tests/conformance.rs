//! The acceptance suite on SQLite: one file, every handle with pools of its own.
#![cfg(feature = "sqlite")]

mod common;

use common::{Scratch, SqliteData};
use mfa_testing::store::conformance::check;
use mfa_testing::store::report::Outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sqlite_store_conforms() {
    let report = check(async || SqliteData(Scratch::new())).await;
    report.assert_conforms();
    assert!(report.cases().iter().all(|(_, outcome)| *outcome == Outcome::Passed));
    report.cases().iter().for_each(|(case, _)| test_tools::cases::passed("store", "sqlite", case));
}

//! The acceptance suite on Redis: one server, every handle with a connection of its own.

mod common;

use common::{RedisData, Server, plain, shared, tools};
use mfa_testing::store::conformance::check;
use mfa_testing::store::report::Outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_store_conforms() {
    let Some(url) = shared() else { return };
    let report = check(async || RedisData::new(&url)).await;
    report.assert_conforms();
    assert!(report.cases().iter().all(|(_, outcome)| *outcome == Outcome::Passed));
}

/// A cluster refuses a script whose keys are in several slots, also when one node has them all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_redis_store_conforms_on_a_cluster_whose_slots_are_all_here() {
    if !tools() {
        return;
    }
    let server = Server::start(&["--cluster-enabled", "yes"]).await;
    let mut connection = plain(&server.url()).await;
    let mut slots = redis::cmd("CLUSTER");
    slots.arg("ADDSLOTSRANGE").arg(0).arg(16383);
    let () = slots.query_async(&mut connection).await.unwrap();
    loop {
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.unwrap();
        if info.contains("cluster_state:ok") {
            break;
        }
        tokio::task::yield_now().await;
    }
    let url = server.url();
    check(async || RedisData::new(&url)).await.assert_conforms();
}

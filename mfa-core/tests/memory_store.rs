//! The store in memory keeps what every store has to keep: most other tests of the core stand on it.

use mfa_core::port::memory::MemoryStore;
use mfa_testing::store::conformance::check;
use mfa_testing::store::fixture::InProcess;

#[tokio::test]
async fn the_memory_store_conforms() {
    check(async || InProcess::new(MemoryStore::new())).await.assert_conforms();
}

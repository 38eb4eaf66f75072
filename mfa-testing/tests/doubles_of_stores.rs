//! The wrappers do what they say: fail at the named call, and hold readers until all have read.

use std::sync::Arc;

use mfa_core::fault::FaultKind;
use mfa_core::id::TenantId;
use mfa_core::port::memory::MemoryStore;
use mfa_core::port::store::{Collection, Committed, RecordKey, Store, Version, Write};
use mfa_testing::store::conformance::check;
use mfa_testing::store::faulty::{Call, Faulty, Moment};
use mfa_testing::store::fixture::InProcess;
use mfa_testing::store::interleaved::{Gate, Interleaved};

fn write(version: u64) -> Write {
    Write {
        key: RecordKey {
            tenant: TenantId::default(),
            collection: Collection::Account,
            name: "ann".to_owned(),
        },
        expected: version.checked_sub(1).map(Version::new),
        next: Version::new(version),
        record: vec![],
        events: vec![],
    }
}

#[tokio::test]
async fn a_failure_before_writes_nothing_and_one_after_has_written() {
    let data = Arc::new(MemoryStore::new());
    let store = Faulty::new(Arc::clone(&data));
    let faults = store.faults();
    let key = write(0).key;

    faults.fail_nth(0, Moment::Before);
    assert_eq!(store.commit(&write(0)).await.unwrap_err().kind(), FaultKind::Store);
    assert!(data.load(&key).await.unwrap().is_none());
    assert_eq!(store.commit(&write(0)).await.unwrap(), Committed::Done);
    assert_eq!((faults.failed(), faults.calls()), (1, vec![Call::Commit; 2]));

    faults.fail_nth_of(Call::Commit, 1, Moment::After);
    assert!(store.load(&key).await.is_ok());
    assert!(store.commit(&write(1)).await.is_ok());
    assert!(store.commit(&write(2)).await.is_err());
    assert_eq!(data.load(&key).await.unwrap().unwrap().version, Version::new(2));

    faults.fail_every(Call::Erase, Moment::Before);
    assert!(store.erase(&key).await.is_err());
    assert!(store.erase(&key).await.is_err());
    assert!(store.load(&key).await.is_ok());
    faults.fail_all(Moment::After);
    assert!(store.load(&key).await.is_err());
    assert!(store.erase(&key).await.is_err());
    faults.heal();
    assert!(store.load(&key).await.unwrap().is_none());
    assert_eq!(faults.failed(), 0);
}

#[tokio::test]
async fn wrappers_that_do_nothing_conform() {
    check(async || InProcess::new(Faulty::new(MemoryStore::new()))).await.assert_conforms();
    check(async || InProcess::new(Interleaved::new(MemoryStore::new(), Gate::new(1))))
        .await
        .assert_conforms();
}

#[tokio::test]
async fn everybody_has_read_before_anybody_writes() {
    let data = Arc::new(MemoryStore::new());
    let gate = Gate::new(8);
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let store = Interleaved::new(Arc::clone(&data), gate.clone());
            tokio::spawn(async move {
                let loaded = store.load(&write(0).key).await.unwrap();
                assert!(loaded.is_none(), "read after somebody's write");
                store.commit(&write(0)).await.unwrap()
            })
        })
        .collect();
    let mut done = 0;
    for task in tasks {
        done += usize::from(task.await.unwrap() == Committed::Done);
    }
    assert_eq!(done, 1);
}

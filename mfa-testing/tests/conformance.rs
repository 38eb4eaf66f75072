//! The suite accepts what is sound and names what is broken.

use mfa_core::port::memory::MemoryStore;
use mfa_testing::store::broken::{BrokenData, Defect};
use mfa_testing::store::conformance::check;
use mfa_testing::store::fixture::InProcess;
use mfa_testing::store::report::Outcome;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms() {
    let report = check(async || InProcess::new(MemoryStore::new())).await;
    report.assert_conforms();
    let not_tried: Vec<_> = report
        .cases()
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::NotTried(_)))
        .map(|(name, _)| *name)
        .collect();
    assert_eq!(not_tried, ["an_error_is_never_an_answer"]);
    let passed = report.cases().iter().filter(|(_, outcome)| *outcome == Outcome::Passed);
    passed.for_each(|(case, _)| test_tools::cases::passed("store", "memory", case));
}

#[tokio::test]
async fn the_memory_store_conforms_on_one_thread() {
    check(async || InProcess::new(MemoryStore::new())).await.assert_conforms();
}

#[tokio::test]
async fn the_wrapper_without_a_defect_conforms() {
    let report = check(async || BrokenData::sound()).await;
    report.assert_conforms();
    assert!(report.cases().iter().all(|(_, outcome)| *outcome == Outcome::Passed));
}

/// Each defect is caught by the case that is about it, and on one thread, where no race happens by chance.
#[tokio::test]
async fn every_defect_is_rejected_by_its_case() {
    for defect in Defect::ALL {
        let case = match defect {
            Defect::LostUpdate => "racing_updates_are_all_kept",
            Defect::VersionIgnored => "another_version_is_a_conflict",
            Defect::InsertReplaces => "a_second_first_write_is_a_conflict",
            Defect::OwnVersions => "versions_are_kept_exactly",
            Defect::EventsAfterwards => "an_abandoned_write_is_whole_or_not_at_all",
            Defect::EventsOnConflict => "a_conflict_writes_no_event",
            Defect::EventsDropped => "events_are_kept_with_their_record_newest_first",
            Defect::StaleRead => "every_handle_sees_every_commit",
            Defect::SwallowedReadError | Defect::SwallowedWriteError => "an_error_is_never_an_answer",
            Defect::FoldedNames | Defect::TrimmedNames => "names_are_compared_byte_for_byte",
            Defect::TenantLeak => "tenants_never_see_each_others_events",
            Defect::RecordsAsText => "records_are_kept_byte_for_byte",
            Defect::EraseForgetsEvents | Defect::EraseLeavesEvents => {
                "erasing_removes_a_record_and_its_events"
            }
            Defect::CursorByOffset => "event_pages_stand_still_while_events_are_written",
            Defect::PagesCutShort | Defect::FullPagesGoOn => "records_are_paged_in_the_order_of_their_bytes",
            _ => panic!("no case for {defect:?}"),
        };
        let report = check(async || BrokenData::new(*defect)).await;
        assert!(!report.conforms());
        assert!(report.failed().contains(&case), "{defect:?}:\n{report}");
    }
}

/// Nothing but a forced race finds a store that compares and writes in two steps.
#[tokio::test]
async fn a_lost_update_is_found_by_the_races_alone() {
    let report = check(async || BrokenData::new(Defect::LostUpdate)).await;
    for name in report.failed() {
        assert!(name.contains("rac"), "{report}");
    }
}

//! The acceptance suite every store has to pass, ours or yours.

use std::future::Future;
use std::time::Duration;

use crate::store::cases::{erase, events, faults, names, paging, races, records};
use crate::store::fixture::Fixture;
use crate::store::report::{Mismatch, Outcome, Report};

/// How long a case may take before it counts as hung. A net, not a measure: cases take milliseconds.
const HUNG: Duration = Duration::from_secs(120);

macro_rules! run {
    ($fresh:ident: $($room:ident::$case:ident,)*) => {{
        let mut report = Report::default();
        $(
            let data = $fresh().await;
            report.add(stringify!($case), within_reason($room::$case(&data)).await);
            drop(data);
        )*
        report
    }};
}

/// Runs every case, each on fresh data, and reports what it saw.
///
/// `fresh` is called once for each case and gives a [`Fixture`] without any data in it. Run it on a tokio
/// runtime with `enable_all` (`#[tokio::test]` has that), with several worker threads where the store has
/// any waiting to do; not with paused time. No case sleeps.
///
/// ```
/// use mfa_core::port::memory::MemoryStore;
/// use mfa_testing::store::{conformance, fixture::InProcess};
///
/// # tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
/// let report = conformance::check(async || InProcess::new(MemoryStore::new())).await;
/// report.assert_conforms();
/// # });
/// # Ok::<(), std::io::Error>(())
/// ```
pub async fn check<F: Fixture>(fresh: impl AsyncFn() -> F) -> Report {
    run!(fresh:
        records::an_empty_store_has_no_record,
        records::a_record_is_loaded_as_it_was_written,
        records::a_second_first_write_is_a_conflict,
        records::another_version_is_a_conflict,
        records::versions_are_kept_exactly,
        records::records_are_kept_byte_for_byte,
        records::every_handle_sees_every_commit,
        events::events_are_kept_with_their_record_newest_first,
        events::a_conflict_writes_no_event,
        events::events_are_found_by_what_was_asked,
        events::event_pages_have_no_gap_and_no_repetition,
        events::event_pages_stand_still_while_events_are_written,
        events::tenants_never_see_each_others_events,
        names::names_are_compared_byte_for_byte,
        names::every_part_of_a_key_counts,
        paging::records_are_paged_in_the_order_of_their_bytes,
        paging::tenants_and_collections_are_paged_apart,
        erase::erasing_removes_a_record_and_its_events,
        erase::erasing_leaves_everything_else,
        erase::erasing_nothing_is_fine,
        erase::an_erased_record_stays_gone_until_written_anew,
        races::racing_updates_are_all_kept,
        races::racing_writes_over_one_version_have_one_winner,
        races::records_of_others_cause_no_conflict,
        races::readers_see_record_and_events_together,
        races::an_abandoned_write_is_whole_or_not_at_all,
        races::an_erasure_in_a_race_is_whole,
        faults::an_error_is_never_an_answer,
    )
}

/// A case's answer in the form a report keeps.
trait IntoOutcome {
    fn into_outcome(self) -> Outcome;
}

impl IntoOutcome for () {
    fn into_outcome(self) -> Outcome {
        Outcome::Passed
    }
}

impl IntoOutcome for Outcome {
    fn into_outcome(self) -> Outcome {
        self
    }
}

async fn within_reason<T: IntoOutcome>(case: impl Future<Output = Result<T, Mismatch>>) -> Outcome {
    match tokio::time::timeout(HUNG, case).await {
        Ok(Ok(outcome)) => outcome.into_outcome(),
        Ok(Err(mismatch)) => Outcome::Failed(mismatch),
        Err(_) => {
            Outcome::Failed(Mismatch::new(format!("an end within {} s", HUNG.as_secs()), "a case that hangs"))
        }
    }
}

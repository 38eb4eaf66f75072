//! Errors: passed on as errors.

use mfa_core::port::store::{PageQuery, Store};

use crate::store::cases::material::{accepted, account, event, events_of, insert, update};
use crate::store::fixture::Fixture;
use crate::store::report::{Mismatch, Outcome};

/// "No record" for a store that is down would mean: this person has no second factor.
pub(crate) async fn an_error_is_never_an_answer<F: Fixture>(data: &F) -> Result<Outcome, Mismatch> {
    let store = data.open().await;
    let key = account("ann");
    accepted(&store, "a first write", &insert(&key, 1, b"1", vec![event(1)])).await?;
    if !data.take_down().await {
        return Ok(Outcome::NotTried("the fixture can't take its data down"));
    }
    let page = PageQuery { tenant: key.tenant.clone(), collection: key.collection, after: None, limit: 1 };
    let answers = [
        ("load", store.load(&key).await.err()),
        ("load of nothing", store.load(&account("bob")).await.err()),
        ("commit", store.commit(&update(&key, 1, 2, b"2", vec![])).await.err()),
        ("first commit", store.commit(&insert(&account("bob"), 1, b"", vec![])).await.err()),
        ("events", store.events(&events_of(&key)).await.err()),
        ("page", store.page(&page).await.err()),
        ("erase", store.erase(&key).await.err()),
    ];
    for (call, fault) in answers {
        if fault.is_none() {
            return Err(Mismatch::new(format!("a fault from {call} of a store that is down"), "an answer"));
        }
    }
    Ok(Outcome::Passed)
}

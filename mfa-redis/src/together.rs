//! Writes that come while others are under way go together: one script, and one flush, for all of a tenant's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use mfa_batch::{Lanes, Work};
use mfa_core::id::TenantId;
use mfa_core::port::store::{Committed, Write};

use crate::error::StoreError;
use crate::key::Prefix;
use crate::link::{Again, Link};
use crate::script;
use crate::value::Put;

/// With more to a batch, the server would wait for us to make it up, and we for the server to write it down.
pub(crate) const LANES: Lanes = Lanes { count: 4, slow: Duration::from_millis(10), most: 32 };

/// Where they go.
pub(crate) struct Commits {
    pub(crate) link: Arc<Link>,
    pub(crate) prefix: Prefix,
}

/// A write as the script takes it.
pub(crate) struct Commit {
    tenant: TenantId,
    put: Put,
}

impl Commit {
    pub(crate) fn new(write: &Write) -> Result<Self, StoreError> {
        Ok(Self { tenant: write.key.tenant.clone(), put: Put::new(write)? })
    }
}

impl Work for Commits {
    type Item = Commit;
    type Answer = Result<Committed, StoreError>;

    async fn run(&self, commits: Vec<Commit>) -> Vec<Self::Answer> {
        let mut tenants: BTreeMap<&TenantId, Vec<usize>> = BTreeMap::new();
        for (place, commit) in commits.iter().enumerate() {
            tenants.entry(&commit.tenant).or_default().push(place);
        }
        // All at once: they are sent in one packet, and flushed once.
        let answers = join_all(tenants.into_iter().map(|(tenant, places)| async {
            let puts = places.iter().filter_map(|place| commits.get(*place)).map(|commit| &commit.put);
            let answers = self.of_tenant(tenant, puts).await;
            (places, answers)
        }));
        let mut told: Vec<_> = commits.iter().map(|_| Err(StoreError::Unreadable("answer"))).collect();
        for (places, answers) in answers.await {
            for (turn, place) in places.into_iter().enumerate() {
                if let Some(told) = told.get_mut(place) {
                    *told = match &answers {
                        Ok(answers) => committed(answers.get(turn).copied()),
                        Err(error) => Err(error.clone()),
                    };
                }
            }
        }
        told
    }
}

impl Commits {
    async fn of_tenant(
        &self,
        tenant: &TenantId,
        puts: impl Iterator<Item = &Put>,
    ) -> Result<Vec<i64>, StoreError> {
        let keys = self.prefix.keys(tenant).both();
        let arguments: Vec<&[u8]> = puts.flat_map(Put::arguments).collect();
        self.link.run(&script::COMMIT, &keys, &arguments, Again::Never).await
    }
}

/// What the script's answer to one write means.
fn committed(answer: Option<i64>) -> Result<Committed, StoreError> {
    match answer {
        Some(1) => Ok(Committed::Done),
        Some(0) => Ok(Committed::Conflict),
        Some(2) => Err(StoreError::Lost),
        Some(3) => Err(StoreError::Unreadable("version")),
        _ => Err(StoreError::Unreadable("answer")),
    }
}

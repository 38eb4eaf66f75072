//! What a signed-in person does with their own account.

use serde::Serialize;

use crate::event::Event;
use crate::factor::bound::FactorName;
use crate::fault::Fault;
use crate::id::FactorId;
use crate::policy::Policy;
use crate::port::store::{Collection, EventQuery};
use crate::proof::Standing;
use crate::refusal::Refusal;
use crate::service::Mfa;
use crate::service::view::{BackupView, FactorView};

/// What a person has, for the security settings page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Overview {
    /// The methods, the oldest first.
    pub factors: Vec<FactorView>,
    /// The backup codes.
    pub backup: Option<BackupView>,
    /// Whether a second factor is required of this person.
    pub required: bool,
    /// Whether codes by e-mail can be set up.
    pub email_codes: bool,
    /// Whether another method can be added.
    pub can_add: bool,
}

/// What happened on an account lately.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Activity {
    /// The newest first.
    pub events: Vec<Event>,
}

impl Mfa {
    /// What a person has. Needs a recent second factor, as changing it does.
    ///
    /// # Errors
    /// On any fault.
    pub async fn overview(&self, standing: &Standing) -> Result<Result<Overview, Refusal>, Fault> {
        let required = self.policy_for(standing.account()).await? == Policy::Required;
        self.look(standing.account(), |draft| {
            Ok(draft.may_change(standing).map(|()| Overview {
                factors: draft.account.factors.iter().map(FactorView::from).collect(),
                backup: BackupView::of(&draft.account),
                required,
                email_codes: draft.cx.settings.email_codes,
                can_add: draft.account.factors.len() < crate::settings::MAX_FACTORS,
            }))
        })
        .await
    }

    /// What happened on a person's own account lately, the newest first, `limit` events at the most.
    ///
    /// # Errors
    /// On any fault.
    pub async fn activity(
        &self,
        standing: &Standing,
        limit: u32,
    ) -> Result<Result<Activity, Refusal>, Fault> {
        let key = standing.account();
        if let Err(refusal) = self.look(key, |draft| Ok(draft.may_change(standing))).await? {
            return Ok(Err(refusal));
        }
        let query = EventQuery {
            tenant: key.tenant().clone(),
            record: Some((Collection::Account, key.user().as_str().to_owned())),
            kind: None,
            since: None,
            until: None,
            after: None,
            limit,
        };
        let page = self.inner.store.events(&query).await?;
        let events =
            page.events.iter().map(|found| Event::from_stored(&found.event)).collect::<Result<_, _>>()?;
        Ok(Ok(Activity { events }))
    }

    /// Gives a method another name.
    ///
    /// # Errors
    /// On any fault.
    pub async fn rename(
        &self,
        standing: &Standing,
        factor: FactorId,
        name: &str,
    ) -> Result<Result<(), Refusal>, Fault> {
        let name = match FactorName::new(name) {
            Ok(name) => name,
            Err(refusal) => return Ok(Err(refusal)),
        };
        self.run(standing.account(), |draft| draft.rename(standing, factor, &name)).await
    }

    /// Removes a method; with the last one go the backup codes. Other sessions end; this one goes on with the
    /// standing that is returned.
    ///
    /// # Errors
    /// On any fault.
    pub async fn remove(
        &self,
        standing: &Standing,
        factor: FactorId,
    ) -> Result<Result<Standing, Refusal>, Fault> {
        let policy = self.policy_for(standing.account()).await?;
        self.run(standing.account(), |draft| draft.remove(standing, factor, policy)).await
    }

    /// Brings an app whose clock is off back in step, by two codes in a row.
    ///
    /// # Errors
    /// On any fault.
    pub async fn resynchronise(
        &self,
        standing: &Standing,
        factor: FactorId,
        first: &str,
        second: &str,
    ) -> Result<Result<(), Refusal>, Fault> {
        self.run(standing.account(), |draft| draft.resynchronise(standing, factor, first, second)).await
    }

    /// Ends every other session; this one goes on with the standing that is returned.
    ///
    /// # Errors
    /// On any fault.
    pub async fn end_other_sessions(&self, standing: &Standing) -> Result<Result<Standing, Refusal>, Fault> {
        self.run(standing.account(), |draft| draft.end_other_sessions(standing)).await
    }

    /// Puts the reminder off.
    ///
    /// # Errors
    /// On any fault.
    pub async fn skip_reminder(&self, standing: &Standing) -> Result<Result<(), Refusal>, Fault> {
        self.run(standing.account(), |draft| draft.skip_reminder(standing)).await
    }
}

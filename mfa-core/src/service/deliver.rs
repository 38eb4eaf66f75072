//! Sending: codes after the commit that made them, and news of changes to their owner.

use crate::account::delivering::Outgoing;
use crate::account::draft::Draft;
use crate::challenge::Choice;
use crate::event::{Actor, EventKind};
use crate::fault::{Fault, FaultKind};
use crate::id::AccountKey;
use crate::port::sender::{Channel, Content, DynSender, Failure, Locale, Message, Notice};
use crate::refusal::Refusal;
use crate::secret::SecretText;
use crate::service::Mfa;
use crate::ticket::Ticket;

impl Mfa {
    /// Chooses what to answer a challenge with. If that is a delivered code, it is sent before this returns;
    /// choosing it again sends another, once the cooldown is over.
    ///
    /// # Errors
    /// On any fault.
    pub async fn choose(
        &self,
        ticket: &Ticket,
        choice: Choice,
        locale: Locale,
    ) -> Result<Result<(), Refusal>, Fault> {
        match self.run(ticket.account(), |draft| draft.choose(ticket, choice)).await? {
            Ok(Some(outgoing)) => self.send_code(ticket, outgoing, locale).await,
            Ok(None) => Ok(Ok(())),
            Err(refusal) => Ok(Err(refusal)),
        }
    }

    /// Sends a code and commits how that went. If it went wrong the cooldown is given back.
    pub(super) async fn send_code(
        &self,
        ticket: &Ticket,
        outgoing: Outgoing,
        locale: Locale,
    ) -> Result<Result<(), Refusal>, Fault> {
        let content = Content::Code {
            purpose: outgoing.purpose,
            code: outgoing.code.clone(),
            expires: outgoing.live.expires(),
        };
        let message = self.message(outgoing.to.clone(), content, locale)?;
        let failure = match self.sender(outgoing.channel) {
            None => {
                tracing::error!(channel = %outgoing.channel, "no sender for a bound method; build one in");
                Some(Failure::Permanent)
            }
            Some(sender) => match sender.send(&message).await {
                Ok(_) => None,
                Err(error) => {
                    tracing::warn!(channel = %outgoing.channel, failure = ?error.failure(), "a code was not delivered");
                    Some(error.failure())
                }
            },
        };
        self.run(ticket.account(), |draft| draft.delivery(ticket, &outgoing, failure)).await?;
        Ok(if failure.is_none() { Ok(()) } else { Err(Refusal::NotDelivered) })
    }

    pub(super) fn sender(&self, channel: Channel) -> Option<&dyn DynSender> {
        self.inner.senders.iter().map(AsRef::as_ref).find(|sender| sender.channel() == channel)
    }

    fn message(&self, to: SecretText, content: Content, locale: Locale) -> Result<Message, Fault> {
        let settings = &self.inner.settings;
        Ok(Message {
            to,
            content,
            at: self.inner.clock.now()?,
            locale,
            service: settings.service.clone(),
            host: settings.host.clone(),
            help: settings.help(locale).to_owned(),
        })
    }

    /// Tells the owner of changes that are committed already. Trouble here is on record but takes nothing back.
    pub(super) async fn tell(
        &self,
        key: &AccountKey,
        notices: Vec<Notice>,
        confirmed: Vec<Result<SecretText, Fault>>,
    ) {
        let Some(sender) = self.sender(Channel::Email) else {
            return;
        };
        let mut failed = 0u8;
        let person = match self.person(key).await {
            Ok(person) => person,
            Err(fault) => {
                tracing::error!(
                    fault = &fault as &dyn std::error::Error,
                    "the directory failed; addresses it knows are not told"
                );
                failed = 1;
                Default::default()
            }
        };
        let mut addresses = person.addresses;
        for confirmed in confirmed {
            match confirmed {
                Ok(address) => addresses.push(address),
                Err(fault) => {
                    tracing::error!(
                        fault = &fault as &dyn std::error::Error,
                        "an address can't be opened and is not told"
                    );
                    failed = failed.saturating_add(1);
                }
            }
        }
        let mut told: Vec<SecretText> = Vec::new();
        for address in addresses {
            if told.iter().any(|done| done.expose().eq_ignore_ascii_case(address.expose())) {
                continue;
            }
            for notice in &notices {
                let content = Content::Notice(notice.clone());
                let sent = match self.message(address.clone(), content, person.locale) {
                    Ok(message) => sender.send(&message).await.map(|_| ()),
                    Err(fault) => Err(crate::port::sender::SendError::transient(fault)),
                };
                if let Err(error) = sent {
                    failed = failed.saturating_add(1);
                    tracing::warn!(failure = ?error.failure(), "a notice was not delivered");
                }
            }
            told.push(address);
        }
        if failed > 0 {
            let record = |draft: &mut Draft<'_>| match draft.has_record() {
                true => draft.record(Actor::Host, EventKind::NoticeFailed { count: failed }),
                // It was erased meanwhile.
                false => Ok(()),
            };
            // No notice follows from this event, so the recursion ends here.
            if let Err(fault) = Box::pin(self.run(key, record)).await {
                tracing::error!(
                    fault = &fault as &dyn std::error::Error,
                    "a failed notice could not be recorded"
                );
            }
        }
    }

    pub(super) fn accepts(&self, channel: Channel, destination: &str) -> Result<bool, Fault> {
        let sender = self.sender(channel).ok_or_else(|| Fault::new(FaultKind::Sender))?;
        Ok(sender.accepts(destination))
    }
}

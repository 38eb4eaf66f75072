//! Delivered codes of an account: choosing where to send one, the cooldown, and how the delivery went.

use zeroize::Zeroizing;

use crate::account::Account;
use crate::account::draft::Draft;
use crate::challenge::{Attempt, Challenge, Choice};
use crate::event::EventKind;
use crate::factor::bound::{Factor, Kind};
use crate::factor::delivered::{DELIVERED_DIGITS, Found, LiveCode, Request};
use crate::factor::key::Digits;
use crate::factor::typed::read_code;
use crate::fault::{Fault, FaultKind};
use crate::id::FactorId;
use crate::port::sender::{Channel, Failure, Purpose};
use crate::proof::Method;
use crate::refusal::Refusal;
use crate::secret::SecretText;
use crate::ticket::Ticket;
use crate::time::Timestamp;

/// A message that is to go out once the commit that made it is through.
#[derive(Clone)]
pub(crate) struct Outgoing {
    pub(crate) channel: Channel,
    pub(crate) to: SecretText,
    pub(crate) purpose: Purpose,
    pub(crate) code: SecretText,
    pub(crate) live: LiveCode,
    /// What the cooldown was before, to go back to if the message isn't delivered.
    pub(crate) sent_before: Option<Timestamp>,
    /// When the message was drawn: a later one's cooldown is not given back.
    pub(crate) drawn: Timestamp,
}

impl Draft<'_> {
    /// Chooses what to answer with; for a delivered code, also draws one and says what to send.
    pub(crate) fn choose(
        &mut self,
        ticket: &Ticket,
        choice: Choice,
    ) -> Result<Result<Option<Outgoing>, Refusal>, Fault> {
        let challenge = match self.challenge(ticket) {
            Ok(challenge) => challenge,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let staged_choice = challenge.staged().map(|factor| Choice::Factor(factor.id()));
        if staged_choice.is_some_and(|staged| staged != choice) {
            return Ok(Err(Refusal::MethodUnavailable));
        }
        let factor = match choice {
            Choice::BackupCode if self.account.takes_backup_codes() => None,
            Choice::BackupCode => return Ok(Err(Refusal::MethodUnavailable)),
            Choice::Factor(id) => match challenge.staged().or_else(|| self.account.factor(id)) {
                Some(factor) if factor.is_disabled() => return Ok(Err(Refusal::MethodDisabled)),
                Some(factor) if !self.account.may_answer(challenge.purpose(), factor.method()) => {
                    return Ok(Err(Refusal::MethodUnavailable));
                }
                Some(factor) => Some(factor.clone()),
                None => return Ok(Err(Refusal::FactorUnknown)),
            },
        };
        let outgoing = match factor {
            Some(factor) if matches!(factor.kind(), Kind::Delivered { .. }) => {
                match self.draw_code(&challenge, &factor)? {
                    Ok(outgoing) => Some(outgoing),
                    Err(refusal @ Refusal::Cooldown { .. }) => {
                        // Too early for another message, but the code under way can be typed.
                        if challenge.codes().iter().any(|code| code.factor() == factor.id()) {
                            self.put(challenge.choose(choice));
                        }
                        return Ok(Err(refusal));
                    }
                    Err(refusal) => return Ok(Err(refusal)),
                }
            }
            _ => None,
        };
        let keep = self.cx.settings.live_codes;
        let mut challenge = challenge.choose(choice);
        if let Some(outgoing) = &outgoing {
            challenge = challenge.with_code(outgoing.live.clone(), keep);
        }
        self.put(challenge);
        if let Some(outgoing) = &outgoing {
            let now = self.cx.now;
            for sent in self.sent_places(outgoing.purpose, outgoing.live.factor()) {
                *sent = Some(now);
            }
        }
        Ok(Ok(outgoing))
    }

    /// Draws a code for a delivered factor unless it has to wait. The cooldown is kept by the account, so that
    /// fresh challenges buy no further messages.
    fn draw_code(&self, challenge: &Challenge, factor: &Factor) -> Result<Result<Outgoing, Refusal>, Fault> {
        let Kind::Delivered { channel, sent, .. } = factor.kind() else {
            return Err(Fault::new(FaultKind::Internal));
        };
        if !challenge.takes_delivered() {
            return Ok(Err(Refusal::MethodUnavailable));
        }
        let last = if challenge.purpose() == Purpose::Enrol { self.account.enrol_sent } else { *sent };
        if let Err(refusal) = self.may_send(last) {
            return Ok(Err(refusal));
        }
        let Some(to) = self.address(factor)? else {
            return Err(Fault::new(FaultKind::Internal));
        };
        let id = challenge.id();
        let request = Request {
            account: self.cx.key,
            challenge: &id,
            purpose: challenge.purpose(),
            factor: factor.id(),
        };
        let (live, code) = LiveCode::draw(
            request,
            self.cx.entropy,
            self.cx.sealer,
            self.cx.now,
            self.cx.settings.code_life,
        )?;
        let outgoing = Outgoing {
            channel: *channel,
            to: SecretText::new(to),
            purpose: challenge.purpose(),
            code,
            live,
            sent_before: last,
            drawn: self.cx.now,
        };
        Ok(Ok(outgoing))
    }

    /// Whether a message may go out to where the last one went at `last`.
    pub(crate) fn may_send(&self, last: Option<Timestamp>) -> Result<(), Refusal> {
        self.not_throttled()?;
        let again = last.map(|last| last.after(self.cx.settings.cooldown));
        match again.filter(|again| *again > self.cx.now) {
            Some(again) => Err(Refusal::Cooldown { seconds: again.since(self.cx.now).as_secs() }),
            None => Ok(()),
        }
    }

    /// The places that say when a message was last sent to where this one goes.
    fn sent_places(
        &mut self,
        purpose: Purpose,
        factor: FactorId,
    ) -> impl Iterator<Item = &mut Option<Timestamp>> {
        let Account { factors, challenges, enrol_sent, .. } = &mut self.account;
        let staged = challenges.iter_mut().filter_map(Challenge::staged_mut);
        let of_factor = factors.iter_mut().chain(staged).filter(move |held| held.id() == factor);
        let of_factor = of_factor.filter_map(|held| match held.kind_mut() {
            Kind::Delivered { sent, .. } => Some(sent),
            Kind::Totp { .. } => None,
        });
        of_factor.chain((purpose == Purpose::Enrol).then_some(enrol_sent))
    }

    /// The second commit of a message: how its delivery went. A failure gives the cooldown back.
    pub(crate) fn delivery(
        &mut self,
        ticket: &Ticket,
        outgoing: &Outgoing,
        failure: Option<Failure>,
    ) -> Result<(), Fault> {
        if !self.has_record() {
            // The account was erased while the message was under way.
            return Ok(());
        }
        let factor = outgoing.live.factor();
        let channel = outgoing.channel;
        match failure {
            None => self.by_owner(EventKind::CodeSent { channel, factor }),
            Some(failure) => {
                if let Ok(challenge) = self.remembered(ticket) {
                    self.put(challenge.without_code(&outgoing.live));
                }
                let ours = Some(outgoing.drawn);
                for sent in self.sent_places(outgoing.purpose, factor).filter(|sent| **sent == ours) {
                    *sent = outgoing.sent_before;
                }
                self.by_owner(EventKind::CodeNotSent { channel, factor, failure })
            }
        }
    }

    /// What a typed code is to the codes sent for a challenge.
    pub(crate) fn find_delivered(
        &self,
        challenge: &Challenge,
        factor: FactorId,
        typed: &str,
    ) -> Result<Result<Found, Refusal>, Fault> {
        let digits = Digits::new(DELIVERED_DIGITS).map_err(|_| Fault::new(FaultKind::Internal))?;
        let code = match read_code(typed, digits) {
            Ok(code) => code,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let text = Zeroizing::new(code.expose().to_owned());
        let id = challenge.id();
        let request = Request { account: self.cx.key, challenge: &id, purpose: challenge.purpose(), factor };
        LiveCode::find(challenge.codes(), request, self.cx.sealer, self.cx.now, &text).map(Ok)
    }

    pub(crate) fn wrong_delivered(
        &mut self,
        attempt: Attempt,
        method: Method,
        factor: Option<FactorId>,
    ) -> Result<u8, Fault> {
        let spend = self.cx.settings.spend_on_wrong;
        let tries_left = if spend { 0 } else { attempt.delivered_left() };
        self.count_wrong(attempt.wrong_delivered(spend), method, factor, false)?;
        Ok(tries_left)
    }
}

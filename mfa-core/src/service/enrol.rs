//! Setting up a factor and making backup codes.

use crate::account::enrolling::Staged;
use crate::factor::backup::BackupCodes;
use crate::factor::bound::FactorName;
use crate::factor::key::SharedKey;
use crate::factor::otpauth::OtpauthUri;
use crate::fault::{Fault, FaultKind};
use crate::id::{AccountKey, FactorId};
use crate::port::sender::{Channel, Locale};
use crate::proof::{Standing, Verified};
use crate::refusal::Refusal;
use crate::secret::SecretText;
use crate::service::Mfa;
use crate::service::view::ChallengeView;
use crate::ticket::{Authority, Ticket};
use crate::time::Timestamp;

/// RFC 5321 §4.5.3.1.3, without the angle brackets.
const LONGEST_ADDRESS: usize = 254;

/// What the person needs to set up an authenticator app. Secret: for the page of the session that asked.
#[derive(Debug)]
pub struct AppEnrolment {
    /// What an authenticator app reads, as a link or from a QR code.
    pub uri: SecretText,
    /// The key in base32, for typing.
    pub key: SecretText,
    /// How many digits its codes have.
    pub code_length: u8,
    /// When it is too late to confirm.
    pub expires: Timestamp,
}

/// A set-up that waits to be confirmed.
#[derive(Debug)]
#[non_exhaustive]
pub enum Enrolment {
    /// An authenticator app.
    App(AppEnrolment),
    /// An address to which a code was sent.
    Email {
        /// The challenge that confirms it.
        view: ChallengeView,
        /// The address, for the page of the session that typed it.
        address: SecretText,
    },
}

/// A factor that works from now on.
#[derive(Debug)]
#[must_use = "the session is upgraded by spending the proof in this"]
pub struct Confirmed {
    /// Proof of the new factor, in the new epoch: other sessions are over, this one goes on with it.
    pub verified: Verified,
    /// Which factor it is.
    pub factor: FactorId,
    /// What its owner calls it.
    pub name: String,
    /// Whether backup codes are to be made now: the account has none that work.
    pub needs_backup_codes: bool,
}

impl Mfa {
    /// Stages a new authenticator app: nothing changes before it is confirmed.
    ///
    /// # Errors
    /// On any fault.
    pub async fn enrol_app(
        &self,
        authority: &Authority,
        name: &str,
    ) -> Result<Result<(Ticket, AppEnrolment), Refusal>, Fault> {
        let name = match FactorName::new(name) {
            Ok(name) => name,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let key = authority.account();
        let label = self.label(key).await?;
        match self.run(key, |draft| draft.stage_app(authority, &name)).await? {
            Err(refusal) => Ok(Err(refusal)),
            Ok(staged) => {
                let app = self.app_enrolment(&label, &staged.key, staged.expires)?;
                Ok(Ok((staged.ticket, app)))
            }
        }
    }

    /// Stages an e-mail address and sends a code to it.
    ///
    /// # Errors
    /// On any fault.
    pub async fn enrol_email(
        &self,
        authority: &Authority,
        name: &str,
        address: &str,
        locale: Locale,
    ) -> Result<Result<Ticket, Refusal>, Fault> {
        if !self.inner.settings.email_codes {
            return Ok(Err(Refusal::MethodUnavailable));
        }
        let address = address.trim();
        // Whatever a sender takes: a line end in an address is another header of the message.
        let is_line = address.len() <= LONGEST_ADDRESS && !address.chars().any(char::is_control);
        if !is_line || !self.accepts(Channel::Email, address)? {
            return Ok(Err(Refusal::BadAddress));
        }
        let name = match FactorName::new(name) {
            Ok(name) => name,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let staged =
            self.run(authority.account(), |draft| draft.stage_email(authority, &name, address)).await?;
        match staged {
            Err(refusal) => Ok(Err(refusal)),
            Ok((ticket, None)) => Ok(Ok(ticket)),
            Ok((ticket, Some(outgoing))) => {
                let sent = self.send_code(&ticket, outgoing, locale).await?;
                Ok(sent.map(|()| ticket))
            }
        }
    }

    /// The set-up of a session, to show its page again.
    ///
    /// # Errors
    /// On any fault.
    pub async fn enrolment(
        &self,
        authority: &Authority,
        ticket: &Ticket,
    ) -> Result<Result<Enrolment, Refusal>, Fault> {
        let key = authority.account();
        let staged = self
            .look(key, |draft| {
                Ok(draft.staged(authority, ticket)?.map(|(challenge, staged)| {
                    (ChallengeView::of(&draft.account, &challenge, draft.cx.settings), staged)
                }))
            })
            .await?;
        match staged {
            Err(refusal) => Ok(Err(refusal)),
            Ok((view, Staged::Address(address))) => Ok(Ok(Enrolment::Email { view, address })),
            Ok((view, Staged::App(shared))) => {
                let label = self.label(key).await?;
                self.app_enrolment(&label, &shared, view.expires).map(|app| Ok(Enrolment::App(app)))
            }
        }
    }

    /// Confirms a set-up with the code that was typed; with two where the settings say so.
    ///
    /// # Errors
    /// On any fault. The factor is bound or not; if in doubt, the person looks at the list.
    pub async fn confirm(
        &self,
        authority: &Authority,
        ticket: &Ticket,
        first: &str,
        second: Option<&str>,
    ) -> Result<Result<Confirmed, Refusal>, Fault> {
        let bound =
            self.run(authority.account(), |draft| draft.confirm(authority, ticket, first, second)).await?;
        Ok(bound.map(|bound| Confirmed {
            verified: bound.verified,
            factor: bound.factor,
            name: bound.name,
            needs_backup_codes: !bound.has_backup_codes,
        }))
    }

    /// Makes a new set of backup codes; the old one no longer works. They are shown once, here.
    ///
    /// # Errors
    /// On any fault.
    pub async fn make_backup_codes(
        &self,
        standing: &Standing,
    ) -> Result<Result<BackupCodes, Refusal>, Fault> {
        let key = standing.account();
        // Asked first, so that nobody costs us ten hashes without the right to.
        if let Err(refusal) = self.look(key, |draft| Ok(draft.may_make_backup_codes(standing))).await? {
            return Ok(Err(refusal));
        }
        let (codes, set) = match self.draw_backup_codes().await? {
            Ok(made) => made,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let installed = self.run(key, |draft| draft.install_backup_codes(standing, &set)).await?;
        Ok(installed.map(|()| codes))
    }

    async fn label(&self, key: &AccountKey) -> Result<SecretText, Fault> {
        let person = self.person(key).await?;
        // A URI takes neither an empty label nor control characters, and a login name may have been read from anywhere.
        let label = person.label.as_ref().map_or("", |label| label.expose());
        let label: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let label = if label.trim().is_empty() { key.user().as_str() } else { label.trim() };
        Ok(SecretText::from(label))
    }

    fn app_enrolment(
        &self,
        label: &SecretText,
        shared: &SharedKey,
        expires: Timestamp,
    ) -> Result<AppEnrolment, Fault> {
        let settings = &self.inner.settings;
        // A colon parts issuer and account in the URI; a login name that has one is shown with a dash.
        let label = label.expose().replace(':', "-");
        let uri = OtpauthUri::new(&settings.service, &label, shared, settings.totp)
            .map_err(|cause| Fault::caused_by(FaultKind::Internal, cause))?;
        Ok(AppEnrolment {
            uri: uri.to_uri(),
            key: shared.to_base32(),
            code_length: settings.totp.digits.as_u8(),
            expires,
        })
    }
}

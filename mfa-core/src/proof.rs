//! Proof: what a passed challenge yields, and what a session has proved. There is no other way in.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::id::{AccountKey, Epoch};
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A kind of second factor, as it is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Method {
    /// A code from an authenticator app.
    App,
    /// A code sent by e-mail. Adds no assurance level (NIST SP 800-63B-4 §3.1.3.1).
    Email,
    /// A backup code.
    BackupCode,
}

impl Method {
    /// The value of RFC 8176 §2 for it; `lookup` is ours, as none is registered. E-mail has none.
    pub fn amr(self) -> Option<&'static str> {
        match self {
            Self::App => Some("otp"),
            Self::BackupCode => Some("lookup"),
            Self::Email => None,
        }
    }

    /// Whether, beside a password, it reaches authenticator assurance level 2.
    pub fn lifts_level(self) -> bool {
        !matches!(self, Self::Email)
    }

    fn letter(self) -> char {
        match self {
            Self::App => 'a',
            Self::Email => 'e',
            Self::BackupCode => 'b',
        }
    }

    fn of_letter(letter: char) -> Option<Self> {
        [Self::App, Self::Email, Self::BackupCode].into_iter().find(|method| method.letter() == letter)
    }
}

/// How sure the portal may be of the person, computed honestly (NIST SP 800-63B-4 §2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Level {
    /// A password alone, or with something that adds no assurance.
    One,
    /// A password and a real second factor.
    Two,
}

/// Proof that a person may come in: private, made only by a passed challenge or by a policy that asks for none.
///
/// It can't be built, only received from the service and spent on a [`Standing`]:
///
/// ```compile_fail,E0451
/// use mfa_core::proof::Verified;
/// let forged = Verified { account: todo!(), methods: vec![], at: todo!(), lifted: todo!(), epoch: todo!() };
/// ```
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a session is upgraded by spending this"]
pub struct Verified {
    account: AccountKey,
    methods: Vec<Method>,
    at: Timestamp,
    lifted: Option<Timestamp>,
    epoch: Epoch,
}

impl Verified {
    pub(crate) fn new(account: AccountKey, methods: Vec<Method>, at: Timestamp, epoch: Epoch) -> Self {
        let lifted = methods.iter().any(|method| method.lifts_level()).then_some(at);
        Self { account, methods, at, lifted, epoch }
    }

    /// With what a session had proved before.
    pub(crate) fn beside(mut self, standing: &Standing) -> Self {
        self.methods.extend(standing.methods());
        self.methods.sort_unstable();
        self.methods.dedup();
        self.lifted = self.lifted.or(standing.lifted_at());
        self
    }

    /// Whose it is.
    pub fn account(&self) -> &AccountKey {
        &self.account
    }

    /// The second factors proved; empty where policy asked for none.
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// When.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// Spends the proof on what the session keeps.
    pub fn into_standing(self) -> Standing {
        let Self { at, methods, lifted, .. } = self;
        let proved = (!methods.is_empty()).then_some(Proved { at, methods, lifted });
        Standing { account: self.account, epoch: self.epoch, signed_in: at, proved }
    }
}

/// The line of text is no [`Standing`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("this is not what a session has proved")]
pub struct NotAStanding;

/// How [`Standing::to_line`] writes it: what every line of it begins with.
const LINE: &str = "1";

/// What a session has proved. Kept in the *server-side* session, which is trusted; checked against the account
/// on every use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    account: AccountKey,
    epoch: Epoch,
    signed_in: Timestamp,
    proved: Option<Proved>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Proved {
    at: Timestamp,
    methods: Vec<Method>,
    /// When one of them was last proved that lifts the level: a later code by e-mail must not make that recent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lifted: Option<Timestamp>,
}

impl Standing {
    /// On one line, which is read in half the time that JSON takes: a gate does it on every request.
    ///
    /// For the server-side session only, like the standing itself: who can write such a line is in.
    ///
    /// ```
    /// use mfa_core::id::{AccountKey, UserId};
    /// use mfa_core::port::memory::MemoryStore;
    /// use mfa_core::port::sealer::KeyRing;
    /// use mfa_core::proof::Standing;
    /// use mfa_core::service::{Mfa, SignIn};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let key = "8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001";
    /// let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
    ///     .store(MemoryStore::new())
    ///     .sealer(KeyRing::from_hex(key)?)
    ///     .build()?;
    /// let ann = AccountKey::of_user(UserId::new("42")?);
    /// if let SignIn::Admitted { verified, .. } = mfa.sign_in(&ann).await? {
    ///     let standing = verified.into_standing();
    ///     assert_eq!(Standing::from_line(&standing.to_line())?, standing);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn to_line(&self) -> String {
        let Self { account, epoch, signed_in, proved } = self;
        let (tenant, user) = (account.tenant(), account.user());
        let mut line = format!("{LINE}\t{}\t{}\t{tenant}\t{user}", epoch.number(), signed_in.as_unix());
        if let Some(Proved { at, methods, lifted }) = proved {
            line.push_str(&format!("\t{}\t", at.as_unix()));
            if let Some(lifted) = lifted {
                line.push_str(&lifted.as_unix().to_string());
            }
            line.push('\t');
            line.extend(methods.iter().map(|method| method.letter()));
        }
        line
    }

    /// What [`Standing::to_line`] wrote.
    ///
    /// # Errors
    /// If it is anything else, or of a release that writes it in another way.
    pub fn from_line(line: &str) -> Result<Self, NotAStanding> {
        Self::read(line).ok_or(NotAStanding)
    }

    fn read(line: &str) -> Option<Self> {
        // No name has a control character.
        let mut fields = line.split(['\t']);
        if fields.next()? != LINE {
            return None;
        }
        let time = |text: &str| text.parse().ok().map(Timestamp::from_unix);
        let epoch = Epoch::from_number(fields.next()?.parse().ok()?);
        let signed_in = time(fields.next()?)?;
        let (tenant, user) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
        let proved = match fields.next() {
            None => None,
            Some(at) => {
                let at = time(at)?;
                let lifted = match fields.next()? {
                    "" => None,
                    lifted => Some(time(lifted)?),
                };
                let methods: Vec<_> = fields.next()?.chars().map(Method::of_letter).collect::<Option<_>>()?;
                if methods.is_empty() {
                    return None;
                }
                Some(Proved { at, methods, lifted })
            }
        };
        let account = AccountKey::new(tenant, user);
        fields.next().is_none().then_some(Self { account, epoch, signed_in, proved })
    }

    /// Whose session it is.
    pub fn account(&self) -> &AccountKey {
        &self.account
    }

    /// When the person signed in.
    pub fn signed_in_at(&self) -> Timestamp {
        self.signed_in
    }

    /// When a second factor was last proved; `None` if never.
    pub fn proved_at(&self) -> Option<Timestamp> {
        self.proved.as_ref().map(|proved| proved.at)
    }

    /// When a second factor was last proved that lifts the level.
    fn lifted_at(&self) -> Option<Timestamp> {
        self.proved.as_ref().and_then(|proved| proved.lifted)
    }

    /// The second factors proved in this session.
    pub fn methods(&self) -> &[Method] {
        self.proved.as_ref().map_or(&[], |proved| &proved.methods)
    }

    /// The level reached, beside the host's password check.
    pub fn level(&self) -> Level {
        if self.methods().iter().any(|method| method.lifts_level()) { Level::Two } else { Level::One }
    }

    /// The authentication methods, for an `amr` claim (RFC 8176), the password first.
    pub fn amr(&self) -> Vec<&'static str> {
        let mut values = vec!["pwd"];
        values.extend(self.methods().iter().filter_map(|method| method.amr()));
        if self.level() >= Level::Two {
            values.push("mfa");
        }
        values
    }

    /// Takes over what a step-up proved.
    ///
    /// # Errors
    /// If the proof is another account's, or of another epoch: somebody else signed in meanwhile.
    pub fn stepped_up(self, verified: Verified) -> Result<Self, Refusal> {
        if verified.account != self.account || verified.epoch != self.epoch {
            return Err(Refusal::SignInAgain);
        }
        Ok(self.with(verified))
    }

    /// Takes over a proof that came with a new epoch, keeping what was proved before.
    pub(crate) fn with(self, verified: Verified) -> Self {
        let Verified { at, methods, lifted, epoch, .. } = verified.beside(&self);
        let proved = (!methods.is_empty()).then_some(Proved { at, methods, lifted });
        Self { account: self.account, epoch, signed_in: self.signed_in, proved }
    }

    /// The same session in a new epoch: the one that asked for the others to end.
    pub(crate) fn moved_to(self, epoch: Epoch) -> Self {
        Self { epoch, ..self }
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Whether a second factor was proved within `span` before `now`. A proof from the future is none.
    pub fn is_fresh(&self, now: Timestamp, span: Duration) -> bool {
        is_recent(self.proved_at(), now, span)
    }

    /// The same of one that lifts the level.
    pub(crate) fn is_lifted(&self, now: Timestamp, span: Duration) -> bool {
        is_recent(self.lifted_at(), now, span)
    }
}

fn is_recent(at: Option<Timestamp>, now: Timestamp, span: Duration) -> bool {
    at.is_some_and(|at| at <= now && now.since(at) <= span)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{TenantId, UserId};

    fn standing(proved: Option<Proved>) -> Standing {
        let account =
            AccountKey::new(TenantId::new("north school").unwrap(), UserId::new("Ann | \"1\" é").unwrap());
        Standing {
            account,
            epoch: Epoch::from_bytes([7; 8]),
            signed_in: Timestamp::from_unix(1_795_424_400),
            proved,
        }
    }

    fn proved(at: u64, methods: &[Method], lifted: Option<u64>) -> Option<Proved> {
        let (at, lifted) = (Timestamp::from_unix(at), lifted.map(Timestamp::from_unix));
        Some(Proved { at, methods: methods.to_vec(), lifted })
    }

    #[test]
    fn a_line_is_read_as_it_was_written() {
        let all = [Method::App, Method::Email, Method::BackupCode];
        for proved in [
            None,
            proved(1_795_424_401, &all, Some(1_795_424_401)),
            proved(u64::MAX, &[Method::Email], None),
            proved(0, &[Method::BackupCode, Method::App], Some(u64::MAX)),
        ] {
            let standing = standing(proved);
            let line = standing.to_line();
            assert!(!line.contains('\n'), "{line}");
            assert_eq!(Standing::from_line(&line), Ok(standing));
        }
    }

    #[test]
    fn anything_else_is_no_line() {
        let line = standing(proved(5, &[Method::App, Method::Email], Some(5))).to_line();
        let fields: Vec<&str> = line.split('\t').collect();
        assert_eq!(fields.len(), 8);
        for (n, _) in fields.iter().enumerate() {
            // A standing without a proof ends after five.
            let short = fields[..n].join("\t");
            assert_eq!(Standing::from_line(&short).is_ok(), n == 5, "{short}");
            for wrong in ["", "x", "-1", " 1", "2"] {
                let mut changed = fields.clone();
                changed[n] = wrong;
                let is_name = n == 3 || n == 4;
                let fits = match wrong {
                    "" => n == 6,
                    "2" => (1..7).contains(&n),
                    _ => is_name,
                };
                assert_eq!(Standing::from_line(&changed.join("\t")).is_ok(), fits, "{n}: {wrong:?}");
            }
        }
        for text in [
            format!("{line}\t"),
            format!("{line}\t1"),
            format!("{line}x"),
            format!("\t{line}"),
            format!("{line}\n"),
        ] {
            assert_eq!(Standing::from_line(&text), Err(NotAStanding), "{text:?}");
        }
    }
}

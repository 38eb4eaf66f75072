//! Delivered codes: six digits that travel by message, kept only as a keyed fingerprint, used once.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle::Choice;

use crate::fault::Fault;
use crate::id::{AccountKey, ChallengeId, FactorId};
use crate::port::entropy::{Entropy, uniform_below};
use crate::port::sealer::{Fingerprint, Place, Sealer};
use crate::port::sender::Purpose;
use crate::secret::SecretText;
use crate::time::Timestamp;

/// How many digits a delivered code has (NIST SP 800-63B-4 §3.1.3.2: at least 6).
pub const DELIVERED_DIGITS: u8 = 6;

/// A code that was sent and may still be typed. It belongs to one challenge, factor and purpose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveCode {
    #[serde(rename = "f")]
    factor: FactorId,
    #[serde(rename = "p")]
    print: Fingerprint,
    #[serde(rename = "x")]
    expires: Timestamp,
}

/// What a typed code is to the codes that were sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// One of them, in time.
    Live,
    /// One of them, too late.
    Expired,
    /// None of them.
    Wrong,
    /// There are none to compare with.
    NoneSent,
}

fn place<'a>(account: &'a AccountKey, challenge: &'a ChallengeId, purpose: Purpose) -> Place<'a> {
    let field = match purpose {
        Purpose::SignIn => "code.sign_in",
        Purpose::StepUp => "code.step_up",
        Purpose::Enrol => "code.enrol",
    };
    Place { account, item: challenge.as_bytes(), field }
}

/// The text that is fingerprinted: the factor is part of it, so that a code sent to one address can't be
/// answered as if it had been sent to another.
fn bound(factor: FactorId, code: &str) -> zeroize::Zeroizing<Vec<u8>> {
    let mut value = zeroize::Zeroizing::new(Vec::with_capacity(32));
    value.extend_from_slice(factor.as_bytes());
    value.extend_from_slice(code.as_bytes());
    value
}

/// Which request a code belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The account.
    pub account: &'a AccountKey,
    /// The challenge.
    pub challenge: &'a ChallengeId,
    /// What it is for.
    pub purpose: Purpose,
    /// The factor it is sent to.
    pub factor: FactorId,
}

impl LiveCode {
    /// Draws a code, each of the million as likely as any other, and what is kept of it.
    ///
    /// # Errors
    /// If randomness or the sealer fails.
    pub fn draw(
        request: Request<'_>,
        entropy: &dyn Entropy,
        sealer: &dyn Sealer,
        now: Timestamp,
        life: Duration,
    ) -> Result<(Self, SecretText), Fault> {
        let code = SecretText::new(format!("{:06}", uniform_below(entropy, 1_000_000)?));
        let place = place(request.account, request.challenge, request.purpose);
        let print = sealer.fingerprint(place, &bound(request.factor, code.expose()))?;
        Ok((Self { factor: request.factor, print, expires: now.after(life) }, code))
    }

    /// When it stops working: at this time it still does.
    pub fn expires(&self) -> Timestamp {
        self.expires
    }

    /// Which factor it was sent to.
    pub fn factor(&self) -> FactorId {
        self.factor
    }

    /// What `typed` is to `codes`. Every code is compared, in constant time.
    ///
    /// # Errors
    /// If the sealer fails.
    pub fn find(
        codes: &[Self],
        request: Request<'_>,
        sealer: &dyn Sealer,
        now: Timestamp,
        typed: &str,
    ) -> Result<Found, Fault> {
        let value = bound(request.factor, typed);
        let place = place(request.account, request.challenge, request.purpose);
        // Gathered without a branch on what was typed: the time doesn't tell which of the codes it was.
        let (mut live, mut expired) = (Choice::from(0), Choice::from(0));
        let mut sent = false;
        for code in codes.iter().filter(|code| code.factor == request.factor) {
            let same = Choice::from(u8::from(sealer.matches(place, &value, &code.print)?));
            let in_time = Choice::from(u8::from(code.expires >= now));
            live |= same & in_time;
            expired |= same & !in_time;
            sent = true;
        }
        Ok(match (bool::from(live), bool::from(expired)) {
            _ if !sent => Found::NoneSent,
            (true, _) => Found::Live,
            (false, true) => Found::Expired,
            (false, false) => Found::Wrong,
        })
    }
}

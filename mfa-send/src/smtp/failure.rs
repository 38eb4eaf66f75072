//! Why an e-mail was not taken, without a word of the server's: those repeat addresses.

use lettre::transport::smtp::Error;
use mfa_core::port::sender::Failure;

/// What was being done when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Reaching the server, with implicit TLS where set, up to its greeting.
    Connect,
    /// Turning on encryption by STARTTLS.
    StartTls,
    /// Signing in with the credentials.
    Login,
    /// Handing over sender, recipient and message.
    Message,
}

/// Why an e-mail was not taken: the `source` of the error an [`SmtpSender`](super::SmtpSender) returns.
///
/// It may be logged: it holds the server's three digits and never its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SmtpFailure {
    /// The server answered no.
    #[error("the mail server answered {status} ({stage:?})")]
    Refused {
        /// What was being done.
        stage: Stage,
        /// The reply code (RFC 5321 §4.2).
        status: u16,
    },
    /// No answer within the time-out.
    #[error("the mail server did not answer in time")]
    TimeOut,
    /// The server could not be reached: no such name, connection refused or broken off.
    #[error("the mail server can't be reached ({stage:?})")]
    Unreachable {
        /// What was being done.
        stage: Stage,
    },
    /// No TLS connection came about: an unknown or expired certificate, or one for another name.
    #[error("no trusted TLS connection to the mail server ({stage:?})")]
    Tls {
        /// What was being done.
        stage: Stage,
    },
    /// The server does not offer what is needed: STARTTLS, or a way to sign in that we know.
    #[error("the mail server lacks what is needed ({stage:?})")]
    Unsupported {
        /// What was being done.
        stage: Stage,
    },
    /// The answer was not SMTP.
    #[error("the mail server's answer can't be understood ({stage:?})")]
    Garbled {
        /// What was being done.
        stage: Stage,
    },
    /// The destination is not an address of the form that is taken.
    #[error("the address can't be used")]
    BadAddress,
    /// The message could not be written as an e-mail.
    #[error("the message can't be written as an e-mail")]
    Unwritable,
}

impl SmtpFailure {
    /// Whether trying again can help.
    ///
    /// Only a 5xx reply about this sender, recipient or message is permanent. Whatever is wrong with the
    /// server, its certificate or our credentials is for the operator to mend, after which the same message
    /// would pass; and 552 is a full mailbox (RFC 5321 §4.2.3), which can be emptied.
    pub fn failure(&self) -> Failure {
        match *self {
            Self::BadAddress | Self::Unwritable => Failure::Permanent,
            Self::Refused { stage: Stage::Message, status }
                if (500..600).contains(&status) && !is_mendable(status) =>
            {
                Failure::Permanent
            }
            _ => Failure::Transient,
        }
    }

    pub(super) fn of(stage: Stage, error: &Error) -> Self {
        if let Some(status) = error.status() {
            Self::Refused { stage, status: status.into() }
        } else if error.is_timeout() {
            Self::TimeOut
        } else if error.is_tls() || is_certificate_trouble(error) {
            Self::Tls { stage }
        } else if error.is_client() {
            Self::Unsupported { stage }
        } else if error.is_response() {
            Self::Garbled { stage }
        } else {
            // Here are connections refused, reset or never resolved: for lettre neither transient nor permanent.
            Self::Unreachable { stage }
        }
    }
}

/// 421 aside, codes that speak of the server's state or our sign-in (RFC 4954 §6), or of a full mailbox.
fn is_mendable(status: u16) -> bool {
    matches!(status, 521 | 530 | 534 | 535 | 538 | 552)
}

/// rustls reports a failed handshake as an I/O error of this kind.
fn is_certificate_trouble(error: &Error) -> bool {
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            return io.kind() == std::io::ErrorKind::InvalidData;
        }
        cause = inner.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_5xx_about_the_message_is_permanent() {
        for (stage, status, failure) in [
            (Stage::Message, 550, Failure::Permanent),
            (Stage::Message, 553, Failure::Permanent),
            (Stage::Message, 554, Failure::Permanent),
            (Stage::Message, 552, Failure::Transient),
            (Stage::Message, 530, Failure::Transient),
            (Stage::Message, 450, Failure::Transient),
            (Stage::Message, 421, Failure::Transient),
            (Stage::Login, 535, Failure::Transient),
            (Stage::Connect, 554, Failure::Transient),
            (Stage::StartTls, 502, Failure::Transient),
        ] {
            assert_eq!(SmtpFailure::Refused { stage, status }.failure(), failure, "{status}");
        }
        assert_eq!(SmtpFailure::BadAddress.failure(), Failure::Permanent);
        assert_eq!(SmtpFailure::TimeOut.failure(), Failure::Transient);
    }
}

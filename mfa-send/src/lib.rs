//! Second-factor messages on their way to people: SMTP, an outbox for development, and their wording.
//!
//! | module | what for |
//! |---|---|
//! | `smtp` | e-mail through your mail server (feature `smtp`, on by default) |
//! | [`outbox`] | keeps messages in memory: development and tests |
//! | [`wording`] | what the messages say, in English and Welsh; yours to replace |
//! | [`address`] | which e-mail addresses are taken |
//!
//! Both senders implement [`Sender`](mfa_core::port::sender::Sender), which is how the core reaches them.
//!
//! ```
//! use mfa_core::port::sender::Sender;
//! use mfa_send::outbox::Outbox;
//!
//! let outbox = Outbox::new();
//! assert!(outbox.accepts("parent@school.example"));
//! assert!(outbox.messages().is_empty());
//! ```
//!
//! An e-mail proves little: whoever reads the mailbox has the code. NIST SP 800-63B-4 §3.1.3.1 does not
//! count it as a second factor at all, which is why the core leaves it off until the host switches it on.

pub mod address;
pub mod outbox;
#[cfg(feature = "smtp")]
pub mod smtp;
pub mod wording;

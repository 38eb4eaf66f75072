//! The kinds of second factor, as pure arithmetic and data: no clock, no store, no randomness of their own.

pub mod backup;
pub mod bound;
pub mod delivered;
pub mod hotp;
pub mod key;
pub mod otpauth;
mod pads;
#[cfg(feature = "qr")]
pub mod qr;
pub mod totp;
pub mod typed;

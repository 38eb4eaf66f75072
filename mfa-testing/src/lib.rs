//! Test kit for portals with a second factor: a clock to turn, a recording sender, an authenticator app.

pub mod app;
pub mod clock;
pub mod directory;
pub mod entropy;
pub mod sender;

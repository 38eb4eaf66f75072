//! The portal on actix-web in a real browser: every walk of the suite.

browser_suite::every_walk!(env!("CARGO_BIN_EXE_portal-actix"));

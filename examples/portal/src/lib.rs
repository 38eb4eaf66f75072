//! The example school portal: everything but the web framework, so that each framework's example is thin.
//!
//! The portal is what a host of the library has already: users with passwords, sessions, pages. What it adds
//! for the second factor stands in [`second_factor`] and nowhere else in this crate.

pub mod clock;
pub mod config;
pub mod demo;
pub mod error;
pub mod keys;
pub mod outbox;
pub mod pages;
pub mod password;
pub mod place;
pub mod returning;
pub mod run;
pub mod school;
pub mod second_factor;
pub mod sessions;
pub mod shelf;
pub mod site;
pub mod text;
pub mod throttle;
pub mod users;
pub mod visitor;

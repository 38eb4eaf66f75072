//! What each path of the pages does, for people and for programs.

mod challenge;
mod codes;
mod enrol;
mod fields;
mod reply;
mod route;
mod settings;
pub(crate) mod trouble;
pub(crate) mod visit;

//! Second-factor pages, JSON API, gate and session state, for any web framework.

pub mod asset;
pub mod brand;
pub mod destination;
mod entrance;
pub mod gate;
mod handler;
pub mod header;
pub mod message;
pub mod page;
pub mod paths;
pub mod session;
mod step_up;
pub mod text;
mod token;
pub mod web;

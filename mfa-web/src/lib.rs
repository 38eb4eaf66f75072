//! Second-factor pages, JSON API, gate and session state, for any web framework.

pub mod asset;
pub mod brand;
pub mod header;
pub mod message;
pub mod page;
pub mod paths;
pub mod text;

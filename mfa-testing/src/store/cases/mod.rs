//! The cases of the conformance suite, and what they are made of.

pub(super) mod erase;
pub(super) mod events;
pub(super) mod faults;
pub(super) mod material;
pub(super) mod names;
pub(super) mod paging;
pub(super) mod races;
pub(super) mod records;

//! The kinds of second factor, as pure arithmetic and data.

pub mod backup;

//! What the outside provides: store, sender, directory, clock, entropy and sealer.

pub mod clock;
pub mod directory;
pub mod entropy;
pub mod memory;
pub mod sealer;
pub mod sender;
pub mod store;

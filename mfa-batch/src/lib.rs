//! Calls that arrive while others are under way are made together.
//!
//! What a store can do in one round trip, or with one write to the disk, it can often do for many at the price of one.
//! Nobody waits for a batch to fill: a call that finds nothing under way is made at once, and what gathers meanwhile goes
//! next, with what those who have just been answered ask at once. A caller that goes away (its future is dropped) leaves the
//! others alone: the work runs in a task of its own.
//!
//! ```
//! use mfa_batch::{Batch, Work};
//!
//! struct Double;
//!
//! impl Work for Double {
//!     type Item = u32;
//!     type Answer = u64;
//!
//!     async fn run(&self, items: Vec<u32>) -> Vec<u64> {
//!         items.into_iter().map(|item| 2 * u64::from(item)).collect()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let batch = Batch::new(Double);
//! assert_eq!(batch.ask(21).await, Ok(42));
//! # }
//! ```

mod gathering;
mod runtime;
mod telling;
#[cfg(test)]
mod tests;

pub use gathering::{Batch, Lanes, Lost, Work};

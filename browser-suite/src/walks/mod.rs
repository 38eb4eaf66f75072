//! The walks. Each is given the program of a portal and goes through its pages as a person would.

pub mod codes;
pub mod keeping;
pub mod phones;
pub mod post;
pub mod reset;
pub mod whole;

use crate::site::Site;

/// A portal where nobody is asked for anything they have not switched on themselves.
async fn quiet(program: &str) -> Site {
    Site::start(program, &["--policy=off"]).await
}

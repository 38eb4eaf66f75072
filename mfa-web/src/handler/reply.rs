//! A reply before it is written: as a page for people, as JSON for programs.

use mfa_core::refusal::Refusal;
use serde_json::Value;

use crate::page::Page;
use crate::page::problem::Trouble;

/// What a handler answers.
pub(crate) enum Reply {
    /// A page, and what a program gets for it.
    Page { page: Box<dyn Page + Send>, json: Value },
    /// A page that says why the last try was not granted; a program gets a problem document.
    Again { page: Box<dyn Page + Send>, refusal: Refusal },
    /// On to another address of this site.
    To(String),
    /// No way on from here.
    Trouble(Trouble, Option<String>),
}

impl Reply {
    pub(crate) fn page(page: impl Page + Send + 'static, json: Value) -> Self {
        Self::Page { page: Box::new(page), json }
    }

    pub(crate) fn again(page: impl Page + Send + 'static, refusal: Refusal) -> Self {
        Self::Again { page: Box::new(page), refusal }
    }

    pub(crate) fn refused(refusal: Refusal, next: Option<String>) -> Self {
        Self::Trouble(Trouble::Refused(refusal), next)
    }
}

//! What was posted: the same fields from a form or from a JSON object.

use std::collections::BTreeMap;

use mfa_core::secret::SecretText;

use crate::message::{BadForm, Form, MAX_BODY, Request};
use crate::paths::field;

/// The header that carries the token where a program has no form to put it in.
const CSRF_HEADER: &str = "x-csrf-token";

/// Posted fields. Their values are secret.
#[derive(Debug)]
pub(crate) enum Fields {
    Form(Form),
    Json(BTreeMap<String, SecretText>),
    None,
}

impl Fields {
    pub(crate) fn of(request: &Request) -> Result<Self, BadForm> {
        if request.body().is_empty() && request.header("content-type").is_none() {
            return Ok(Self::None);
        }
        if !request.has_json() {
            return request.form().map(Self::Form);
        }
        if request.body().len() > MAX_BODY {
            return Err(BadForm::TooLong);
        }
        // Text only: a number would lose the leading zero of a code.
        let object: BTreeMap<String, String> =
            serde_json::from_slice(request.body().expose()).map_err(|_| BadForm::NotAForm)?;
        Ok(Self::Json(object.into_iter().map(|(name, value)| (name, SecretText::new(value))).collect()))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&SecretText> {
        match self {
            Self::Form(form) => form.get(name),
            Self::Json(object) => object.get(name),
            Self::None => None,
        }
    }

    pub(crate) fn text(&self, name: &str) -> &str {
        self.get(name).map(SecretText::expose).unwrap_or_default()
    }

    /// The token against forged forms.
    pub(crate) fn token(&self, request: &Request) -> Option<SecretText> {
        self.get(field::CSRF).cloned().or_else(|| request.header(CSRF_HEADER).map(SecretText::from))
    }
}

//! The web side of one portal: how it is put together, and what its rooms share.

use std::fmt;
use std::sync::Arc;

use mfa_core::config::ConfigError;
use mfa_core::fault::Fault;
use mfa_core::service::Mfa;

use crate::brand::Brand;
use crate::destination::Destination;
use crate::session::{Session, State};

/// The pages, the JSON API and the gate of one portal. Cheap to clone.
#[derive(Clone)]
pub struct Web {
    inner: Arc<Inner>,
}

struct Inner {
    mfa: Mfa,
    brand: Brand,
    mount: String,
    sign_in_page: String,
    origins: Vec<String>,
}

/// Puts a [`Web`] together.
#[derive(Debug)]
#[must_use = "a builder does nothing before it is built"]
pub struct WebBuilder {
    mfa: Mfa,
    mount: String,
    sign_in_page: String,
    brand: Option<Brand>,
    origins: Vec<String>,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("mount", &self.inner.mount).finish_non_exhaustive()
    }
}

impl WebBuilder {
    /// The path the pages are mounted at. Default: `/mfa`.
    pub fn mount(mut self, path: impl Into<String>) -> Self {
        self.mount = path.into();
        self
    }

    /// The path of the host's own sign-in page. Default: `/sign-in`. It is given `?next=` with the way back.
    pub fn sign_in_page(mut self, path: impl Into<String>) -> Self {
        self.sign_in_page = path.into();
        self
    }

    /// The host's face on the pages. Default: its name.
    pub fn brand(mut self, brand: Brand) -> Self {
        self.brand = Some(brand);
        self
    }

    /// An origin the pages are reached at, such as `https://portal.school.example`, where a proxy changes the
    /// `Host` header. Without any, forms must come from the origin that `Host` names.
    pub fn origin(mut self, origin: impl Into<String>) -> Self {
        self.origins.push(origin.into());
        self
    }

    /// Puts it together.
    ///
    /// # Errors
    /// If a path is not on this site, or an origin is none.
    pub fn build(self) -> Result<Web, ConfigError> {
        for (setting, path) in [("mount", &self.mount), ("sign_in_page", &self.sign_in_page)] {
            if Destination::new(path).is_none() || path.contains(['?', '#']) {
                return Err(ConfigError::new(
                    setting,
                    "it is not a path on this site",
                    "give a path such as /account/security",
                ));
            }
        }
        if self.mount.ends_with('/') {
            return Err(ConfigError::new("mount", "it ends with a slash", "leave the slash out"));
        }
        for origin in &self.origins {
            let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            if authority
                .is_none_or(|authority| authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']))
            {
                return Err(ConfigError::new(
                    "origin",
                    "it is not an origin",
                    "give scheme and host alone, such as https://portal.school.example",
                ));
            }
        }
        let settings = self.mfa.settings();
        let brand = self.brand.unwrap_or_else(|| Brand::new(settings.service())).or_help_of(settings);
        let Self { mfa, mount, sign_in_page, origins, .. } = self;
        Ok(Web { inner: Arc::new(Inner { mfa, brand, mount, sign_in_page, origins }) })
    }
}

impl Web {
    /// Begins to build the web side of a portal.
    pub fn builder(mfa: Mfa) -> WebBuilder {
        WebBuilder {
            mfa,
            mount: "/mfa".to_owned(),
            sign_in_page: "/sign-in".to_owned(),
            brand: None,
            origins: Vec::new(),
        }
    }

    /// The service behind it.
    pub fn mfa(&self) -> &Mfa {
        &self.inner.mfa
    }

    /// Where the pages are mounted.
    pub fn mount(&self) -> &str {
        &self.inner.mount
    }

    pub(crate) fn brand(&self) -> &Brand {
        &self.inner.brand
    }

    pub(crate) fn sign_in_page(&self) -> &str {
        &self.inner.sign_in_page
    }

    /// The host's sign-in page, which leads on to `going` afterwards. Home is where it leads anyway.
    pub(crate) fn sign_in_page_for(&self, going: Option<&Destination>) -> String {
        let page = self.sign_in_page();
        match going.filter(|going| going.as_str() != self.brand().home_path()) {
            Some(going) => {
                let next: String = form_urlencoded::byte_serialize(going.as_str().as_bytes()).collect();
                format!("{page}?next={next}")
            }
            None => page.to_owned(),
        }
    }

    pub(crate) fn origins(&self) -> &[String] {
        &self.inner.origins
    }

    pub(crate) fn to(&self, path: &str) -> String {
        format!("{}/{path}", self.inner.mount)
    }

    pub(crate) async fn state(&self, session: &impl Session) -> Result<Option<State>, Fault> {
        session.load().await?.as_deref().map(State::decode).transpose()
    }

    /// Where the person was going, or home.
    pub(crate) fn onwards(&self, state: &mut State) -> String {
        match state.going.take() {
            Some(destination) => destination.as_str().to_owned(),
            None => self.brand().home_path().to_owned(),
        }
    }
}

//! The host's face on every page: name, logo, style sheet, help, ways home and out.

use mfa_core::config::ConfigError;
use mfa_core::port::sender::Locale;
use mfa_core::settings::Settings;

/// What the host's pages are called and look like.
///
/// Addresses are paths on the host's own origin, because the content security policy of the pages loads
/// nothing from elsewhere.
///
/// ```
/// use mfa_web::brand::Brand;
///
/// let brand = Brand::new("Hillside School")
///     .logo("/static/crest.svg", "Hillside School crest")?
///     .stylesheet("/static/school.css")?
///     .help("Call the school office on 01632 960 000, Monday to Friday, 8am to 4pm.")
///     .help_link("/help", "Help with signing in")?;
/// assert_eq!(brand.service(), "Hillside School");
/// # Ok::<(), mfa_core::config::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Brand {
    service: String,
    home: String,
    sign_out: Option<String>,
    logo: Option<Logo>,
    stylesheet: Option<String>,
    help: Vec<(Locale, String)>,
    help_link: Option<Link>,
}

#[derive(Clone, Debug)]
pub(crate) struct Logo {
    pub(crate) src: String,
    pub(crate) alt: String,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) href: String,
    pub(crate) text: String,
}

impl Brand {
    /// A service by its name, whose home page is `/`.
    pub fn new(service: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            home: "/".to_owned(),
            sign_out: None,
            logo: None,
            stylesheet: None,
            help: Vec::new(),
            help_link: None,
        }
    }

    /// Where the service's name leads. `/` unless set.
    ///
    /// # Errors
    /// If it is not a path on this site.
    pub fn home(mut self, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.home = local("brand.home", path.into())?;
        Ok(self)
    }

    /// A page that offers to sign out, linked from the pages of signed-in people. It is followed with GET:
    /// if the host signs out by a form, let this lead to the page that has it.
    ///
    /// # Errors
    /// If it is not a path on this site.
    pub fn sign_out(mut self, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.sign_out = Some(local("brand.sign_out", path.into())?);
        Ok(self)
    }

    /// A picture before the name, and what it shows in words (empty if it only decorates).
    ///
    /// # Errors
    /// If it is not a path on this site.
    pub fn logo(mut self, path: impl Into<String>, alt: impl Into<String>) -> Result<Self, ConfigError> {
        self.logo = Some(Logo { src: local("brand.logo", path.into())?, alt: alt.into() });
        Ok(self)
    }

    /// A style sheet that is loaded after ours. The custom properties at the top of ours (`--mfa-brand` and
    /// so on) are meant to be set by it.
    ///
    /// # Errors
    /// If it is not a path on this site.
    pub fn stylesheet(mut self, path: impl Into<String>) -> Result<Self, ConfigError> {
        self.stylesheet = Some(local("brand.stylesheet", path.into())?);
        Ok(self)
    }

    /// Whom to ask for help, in a sentence: it stands in the same place on every page (WCAG 2.2, 3.2.6).
    ///
    /// Not needed if the service behind the pages was told: then the pages say what the messages say.
    pub fn help(mut self, sentence: impl Into<String>) -> Self {
        let sentence = sentence.into();
        self.help = Locale::ALL.iter().map(|locale| (*locale, sentence.clone())).collect();
        self
    }

    /// The same in one language, after [`Brand::help`] if that says it for the others.
    pub fn help_in(mut self, locale: Locale, sentence: impl Into<String>) -> Self {
        self.help.retain(|(of, _)| *of != locale);
        self.help.push((locale, sentence.into()));
        self
    }

    /// Says what the messages say, if the host gave the pages no words of their own.
    pub(crate) fn or_help_of(mut self, settings: &Settings) -> Self {
        if self.help.is_empty() {
            let said = Locale::ALL.iter().map(|locale| (*locale, settings.help(*locale).to_owned()));
            self.help = said.filter(|(_, sentence)| !sentence.trim().is_empty()).collect();
        }
        self
    }

    /// A page with help, and the words that link to it.
    ///
    /// # Errors
    /// If it is not a path on this site.
    pub fn help_link(
        mut self,
        path: impl Into<String>,
        text: impl Into<String>,
    ) -> Result<Self, ConfigError> {
        self.help_link = Some(Link { href: local("brand.help_link", path.into())?, text: text.into() });
        Ok(self)
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Where the service's name leads.
    pub fn home_path(&self) -> &str {
        &self.home
    }

    /// Where signing out begins, if the host said so.
    pub fn sign_out_path(&self) -> Option<&str> {
        self.sign_out.as_deref()
    }

    pub(crate) fn logo_ref(&self) -> Option<&Logo> {
        self.logo.as_ref()
    }

    pub(crate) fn stylesheet_path(&self) -> Option<&str> {
        self.stylesheet.as_deref()
    }

    pub(crate) fn help_text(&self, locale: &Locale) -> Option<&str> {
        self.help.iter().find(|(of, _)| of == locale).map(|(_, sentence)| sentence.as_str())
    }

    pub(crate) fn help_link_ref(&self) -> Option<&Link> {
        self.help_link.as_ref()
    }
}

/// One slash, not two: `//host/` is another site, and browsers read a backslash as a slash.
fn local(setting: &'static str, path: String) -> Result<String, ConfigError> {
    let mut chars = path.chars();
    let rooted = chars.next() == Some('/') && chars.next() != Some('/');
    if rooted && !path.contains('\\') && !path.chars().any(|c| c.is_control() || c.is_whitespace()) {
        Ok(path)
    } else {
        Err(ConfigError::new(
            setting,
            "not a path on this site",
            "give a path that starts with one slash, such as /static/logo.svg",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_on_this_site() {
        for bad in ["", "x", "//evil", "/\\evil", "https://evil", "javascript:alert(1)", "/a b", "/a\n"] {
            assert!(Brand::new("S").home(bad).is_err(), "{bad}");
            assert!(Brand::new("S").stylesheet(bad).is_err(), "{bad}");
        }
        assert!(Brand::new("S").home("/").is_ok());
        assert!(Brand::new("S").logo("/a/b.svg?v=1", "").is_ok());
    }
}

//! Second factors for actix-web: middleware that guards routes, extractors, and ready-made pages.
//!
//! ```
//! use actix_session::{SessionMiddleware, storage::SessionStore};
//! use actix_web::{App, cookie::Key, web};
//! use mfa_actix::{RequireMfa, SignedIn};
//! use mfa_core::port::{memory::MemoryStore, sealer::KeyRing};
//! use mfa_core::service::Mfa;
//! use mfa_web::web::Web;
//!
//! async fn home(person: SignedIn) -> String {
//!     format!("Hello, {}", person.user())
//! }
//!
//! # fn app(sessions: impl SessionStore + 'static, key: Key) -> Result<(), mfa_core::config::ConfigError> {
//! let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
//!     .store(MemoryStore::new())
//!     .sealer(KeyRing::from_hex("8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001")?)
//!     .build()?;
//! let web = Web::builder(mfa).mount("/account/security").build()?;
//! let app = App::new()
//!     .configure(mfa_actix::pages(&web))
//!     .service(web::scope("").wrap(RequireMfa::new(&web)).route("/", web::get().to(home)))
//!     .wrap(SessionMiddleware::new(sessions, key));
//! # drop(app);
//! # Ok(())
//! # }
//! ```
//!
//! After checking a password, the host calls [`sign_in`] and returns its answer; there is no other way past
//! [`RequireMfa`].
//!
//! # Which sessions
//!
//! Keep sessions on the server: in Redis, or in a `SessionStore` of your own. actix-session's
//! `CookieSessionStore` hands the session itself to the browser, where nothing can take it back: a copy of a
//! cookie signs its thief in after the owner has signed out.
//!
//! Where `SessionMiddleware` is missing, or stands inside of [`RequireMfa`] (the `wrap` written last is the
//! outermost), actix-session has an empty session for every request: everybody is sent to sign in, again and again.
//! A session store that fails is answered by `SessionMiddleware`, with an empty 500.

mod convert;
mod extract;
mod layer;
mod pages;
mod session;

pub use extract::{MaybeSignedIn, NoSignedIn, SignedIn};
pub use layer::{Gate, MfaLayer, RequireMfa};
pub use pages::{choose_locale, locale, pages, sign_in, sign_out, signed_in};

//! Second factors for axum: a layer that guards routes, extractors, and ready-made pages.
//!
//! ```
//! use axum::{Router, routing::get};
//! use mfa_axum::{RequireMfa, SignedIn};
//! use mfa_core::port::{memory::MemoryStore, sealer::KeyRing};
//! use mfa_core::service::Mfa;
//! use mfa_web::web::Web;
//! use tower_sessions::{MemoryStore as Sessions, SessionManagerLayer};
//!
//! async fn home(person: SignedIn) -> String {
//!     format!("Hello, {}", person.user())
//! }
//!
//! let mfa = Mfa::builder("Hillside School", "portal.hillside.example")
//!     .store(MemoryStore::new())
//!     .sealer(KeyRing::from_hex("8f1d0c2b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f001")?)
//!     .build()?;
//! let web = Web::builder(mfa).mount("/account/security").build()?;
//! let app: Router = Router::new()
//!     .route("/", get(home))
//!     .layer(RequireMfa::new(&web))
//!     .merge(mfa_axum::pages(&web))
//!     .layer(SessionManagerLayer::new(Sessions::default()));
//! # Ok::<(), mfa_core::config::ConfigError>(())
//! ```
//!
//! After checking a password, the host calls [`sign_in`] and returns its answer; there is no other way past
//! [`RequireMfa`].

mod convert;
mod extract;
mod layer;
mod pages;
mod session;

pub use extract::{NoSignedIn, SignedIn};
pub use layer::{Gate, MfaLayer, RequireMfa};
pub use pages::{choose_locale, locale, pages, sign_in, sign_out, signed_in};

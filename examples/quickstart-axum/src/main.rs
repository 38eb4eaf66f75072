//! The smallest real portal: sign in with a password, switch two-factor sign-in on, be asked for a code.
#![allow(clippy::print_stdout)] // It speaks to whoever started it.

use std::error::Error;

use axum::Router;
use axum::extract::{Form, Query, State};
use axum::response::{Html, Redirect, Response};
use axum::routing::get;
use mfa_axum::{RequireMfa, SignedIn};
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::entropy::SystemEntropy;
use mfa_core::port::sealer::KeyRing;
use mfa_core::service::Mfa;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_web::web::Web;
use serde::Deserialize;
use tower_sessions::{MemoryStore, Session, SessionManagerLayer};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = "127.0.0.1:8081";
    let mfa = Mfa::builder("Quickstart", "localhost")
        .store(SqliteStore::open("quickstart.sqlite").await?)
        .sealer(keys("quickstart.key")?)
        .build()?;
    let web = Web::builder(mfa).mount("/security").sign_in_page("/sign-in").build()?;

    let app = Router::new()
        .route("/", get(home))
        .layer(RequireMfa::new(&web)) // everything above needs both factors
        .merge(mfa_axum::pages(&web)) // challenge, set-up and settings pages at /security
        .route("/sign-in", get(form).post(sign_in))
        .with_state(web)
        .layer(SessionManagerLayer::new(MemoryStore::default()).with_secure(false)); // no TLS on this machine

    println!("http://{address}  user: demo  password: demo");
    Ok(axum::serve(tokio::net::TcpListener::bind(address).await?, app).await?)
}

async fn home(person: SignedIn) -> Html<String> {
    Html(format!("<h1>Hello, user {}</h1><p><a href='/security'>Sign-in security</a></p>", person.user()))
}

async fn form() -> Html<&'static str> {
    Html(
        "<form method=post><label>User <input name=user></label> \
          <label>Password <input name=password type=password></label> <button>Sign in</button></form>",
    )
}

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

#[derive(Deserialize)]
struct Next {
    next: Option<String>,
}

async fn sign_in(
    State(web): State<Web>,
    session: Session,
    Query(Next { next }): Query<Next>,
    Form(given): Form<Credentials>,
) -> Result<Response, Redirect> {
    // Your own password check goes here. This one is a stand-in.
    if (given.user.as_str(), given.password.as_str()) != ("demo", "demo") {
        return Err(Redirect::to("/sign-in"));
    }
    let id = UserId::new("1").map_err(|_| Redirect::to("/sign-in"))?; // the user's immutable id
    Ok(mfa_axum::sign_in(&web, &session, &AccountKey::of_user(id), next.as_deref(), None).await)
}

/// The key that encrypts secrets at rest: made on the first run, kept beside the database.
fn keys(path: &str) -> Result<KeyRing, Box<dyn Error>> {
    if !std::fs::exists(path)? {
        use std::io::Write;
        use std::os::unix::fs::OpenOptionsExt;
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(KeyRing::generate_hex(&SystemEntropy)?.as_bytes())?;
    }
    Ok(KeyRing::from_hex(&std::fs::read_to_string(path)?)?)
}

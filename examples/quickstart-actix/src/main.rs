//! The smallest real portal: sign in with a password, switch two-factor sign-in on, be asked for a code.
#![allow(clippy::print_stdout)] // It speaks to whoever started it.

mod sessions;

use std::error::Error;

use actix_session::{Session, SessionMiddleware};
use actix_web::cookie::Key;
use actix_web::web::{self, Data, Form, Html, Query, Redirect};
use actix_web::{App, Either, HttpResponse, HttpServer};
use mfa_actix::{RequireMfa, SignedIn};
use mfa_core::id::{AccountKey, UserId};
use mfa_core::port::entropy::SystemEntropy;
use mfa_core::port::sealer::KeyRing;
use mfa_core::service::Mfa;
use mfa_sqlx::sqlite::SqliteStore;
use mfa_web::web::Web;
use serde::Deserialize;

use crate::sessions::MemorySessions;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = "127.0.0.1:8082";
    let mfa = Mfa::builder("Quickstart", "localhost")
        .store(SqliteStore::open("quickstart.sqlite").await?)
        .sealer(keys("quickstart.key")?)
        .build()?;
    let web = Web::builder(mfa).mount("/security").sign_in_page("/sign-in").build()?;
    let (sessions, cookie_key) = (MemorySessions::default(), Key::generate());

    let server = HttpServer::new(move || {
        let guarded = web::scope("").wrap(RequireMfa::new(&web)).route("/", web::get().to(home));
        let sessions = SessionMiddleware::builder(sessions.clone(), cookie_key.clone());
        App::new()
            .app_data(Data::new(web.clone()))
            .configure(mfa_actix::pages(&web)) // challenge, set-up and settings pages at /security
            .service(web::resource("/sign-in").get(form).post(sign_in))
            .service(guarded) // everything in it needs both factors
            .wrap(sessions.cookie_secure(false).build()) // no TLS on this machine
    });
    println!("http://{address}  user: demo  password: demo");
    Ok(server.bind(address)?.run().await?)
}

async fn home(person: SignedIn) -> Html {
    let user = person.user();
    Html::new(format!("<h1>Hello, user {user}</h1><p><a href='/security'>Sign-in security</a></p>"))
}

async fn form() -> Html {
    Html::new(
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
    web: Data<Web>,
    session: Session,
    Query(Next { next }): Query<Next>,
    Form(given): Form<Credentials>,
) -> Either<HttpResponse, Redirect> {
    // Your own password check goes here. This one is a stand-in.
    if (given.user.as_str(), given.password.as_str()) != ("demo", "demo") {
        return Either::Right(Redirect::to("/sign-in").see_other());
    }
    let Ok(id) = UserId::new("1") else { return Either::Right(Redirect::to("/sign-in").see_other()) };
    let key = AccountKey::of_user(id); // the user's immutable id
    Either::Left(mfa_actix::sign_in(&web, &session, &key, next.as_deref(), None).await)
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

//! The command line and the environment: what the portal is told at its start.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use zeroize::Zeroizing;

use crate::error::StartError;
use crate::place::Place;
use crate::users::Role;

/// What `--help` prints, with the program's name for `PROGRAM`.
pub const HELP: &str = "\
A school portal with two-factor sign-in.

Usage: PROGRAM [OPTIONS]

  --store WHERE         where everything is kept: sqlite:PATH, or for several machines postgres://…, redis://…
                        or rediss://… [default: sqlite:data/portal.sqlite]
  --smtp URL            send mail through this server, such as smtps://user:password@mail.example or
                        smtp://… (STARTTLS, always required); for a mail catcher on this machine
                        smtp+danger-plain-text://localhost:2525. Without it messages are kept in memory and
                        shown on the page /outbox, which only a portal for this machine alone may do
  --mail-from ADDRESS   the sender of that mail [default: portal@brynawel.example]
  --policy POLICY       who needs a second factor: off, encouraged or required, for all, or by role as in
                        parent=off,staff=required [default: parent=off,staff=encouraged,administrator=encouraged]
  --confirm one|two     how many codes confirm a new authenticator app [default: one]
  --listen ADDRESS      the address to listen on [default: 127.0.0.1]
  --danger-test-clock   FOR TESTS ONLY: POST /test/clock turns the clock ahead; refused unless the portal
                        listens on this machine only
  --help                print this and end

Environment:
  PORT          the port to listen on; 0 takes a free one [default: 8080]
  HOST_URL      the address people use, when a proxy stands in front: https://portal.school.example
                [default: http://localhost:PORT]
  PORTAL_STORE  the same as --store, for an address with a password, which everybody on the machine could
                read on the command line
  PORTAL_KEYS   the sealing keys, 64 hexadecimal characters each, newest first [default: the file beside
                the database or data/portal.key, made on the first run]
  RUST_LOG      what to log [default: info]
";

/// When a second factor is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// Never, unless the person has switched it on.
    Off,
    /// A reminder that can be skipped.
    Encouraged,
    /// Nobody gets in without.
    Required,
}

/// The rule for each role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    parent: Rule,
    staff: Rule,
    administrator: Rule,
}

impl Rules {
    /// The rule for a role.
    pub fn of(&self, role: Role) -> Rule {
        match role {
            Role::Parent => self.parent,
            Role::Staff => self.staff,
            Role::Administrator => self.administrator,
        }
    }

    fn set(&mut self, role: Role, rule: Rule) {
        match role {
            Role::Parent => self.parent = rule,
            Role::Staff => self.staff = rule,
            Role::Administrator => self.administrator = rule,
        }
    }
}

impl Default for Rules {
    /// A parent must not be kept from a child's timetable by a lost phone; whoever sees other people's
    /// children is reminded. Both can switch it on in their settings.
    fn default() -> Self {
        Self { parent: Rule::Off, staff: Rule::Encouraged, administrator: Rule::Encouraged }
    }
}

/// How many codes confirm a new authenticator app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confirm {
    /// One.
    One,
    /// Two, one after the other.
    Two,
}

/// Where mail goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mail {
    /// Kept in memory and shown on a page.
    Outbox,
    /// Sent through a server.
    Smtp {
        /// Its address, with the password if it needs one.
        url: Zeroizing<String>,
        /// The sender's address.
        from: String,
    },
}

/// The address people use, with what follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostUrl(String);

impl HostUrl {
    fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim_end_matches('/');
        let Some((scheme, authority)) = text.split_once("://") else {
            return Err("it must begin with https://".to_owned());
        };
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return Err("it must be a scheme, a host and perhaps a port, nothing more".to_owned());
        }
        let host = host_of(authority);
        match scheme {
            "https" => Ok(Self(text.to_owned())),
            "http" if matches!(host, "localhost" | "127.0.0.1" | "[::1]") => Ok(Self(text.to_owned())),
            "http" => {
                Err("without https, passwords and codes would cross the network in the open".to_owned())
            }
            _ => Err("it must begin with https://".to_owned()),
        }
    }

    /// The origin, such as `https://portal.school.example`, without a slash at the end.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host name without scheme and port.
    pub fn host(&self) -> &str {
        self.0.split_once("://").map_or(self.0.as_str(), |(_, authority)| host_of(authority))
    }

    /// Whether cookies can be `Secure`.
    pub fn is_secure(&self) -> bool {
        self.0.starts_with("https://")
    }
}

fn host_of(authority: &str) -> &str {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    }
}

/// Everything the portal is told at its start.
#[derive(Clone, Debug)]
pub struct Config {
    store: Place,
    mail: Mail,
    rules: Rules,
    confirm: Confirm,
    listen: SocketAddr,
    host_url: Option<HostUrl>,
    keys: Option<Zeroizing<String>>,
    test_clock: bool,
}

/// What the command line asked for.
#[derive(Debug)]
pub enum Command {
    /// Print [`HELP`].
    Help,
    /// Run the portal.
    Serve(Box<Config>),
}

impl Config {
    /// Reads the arguments (without the program's name) and the environment through `env`.
    ///
    /// # Errors
    /// If an option is unknown, lacks its value or has a wrong one.
    pub fn parse(
        args: impl IntoIterator<Item = String>,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Command, StartError> {
        let mut store = match env("PORTAL_STORE") {
            Some(text) => parse_store("PORTAL_STORE", &text)?,
            None => Place::Sqlite("data/portal.sqlite".into()),
        };
        let mut smtp = None;
        let mut from = "portal@brynawel.example".to_owned();
        let mut rules = Rules::default();
        let mut confirm = Confirm::One;
        let mut address = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let mut test_clock = false;

        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            let (name, glued) = match arg.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (arg, None),
            };
            let mut value = |what: &str| {
                glued
                    .clone()
                    .or_else(|| args.next())
                    .filter(|value| !value.is_empty() && !value.starts_with("--"))
                    .ok_or_else(|| usage(format!("{name} needs {what}.")))
            };
            match name.as_str() {
                "--help" | "-h" => return Ok(Command::Help),
                "--store" => {
                    store = parse_store("--store", &value("a value such as sqlite:data/portal.sqlite")?)?
                }
                "--smtp" => {
                    smtp = Some(parse_smtp(value("a value such as smtps://user:password@mail.example")?)?)
                }
                "--mail-from" => from = value("an e-mail address")?,
                "--policy" => rules = parse_rules(&value("off, encouraged or required")?)?,
                "--confirm" => {
                    confirm = match value("one or two")?.as_str() {
                        "one" => Confirm::One,
                        "two" => Confirm::Two,
                        other => return Err(usage(format!("--confirm is one or two, not {other:?}."))),
                    }
                }
                "--listen" => {
                    let text = value("an address such as 0.0.0.0")?;
                    address = text
                        .parse()
                        .map_err(|_| usage(format!("--listen needs an IP address, not {text:?}.")))?;
                }
                "--danger-test-clock" if glued.is_none() => test_clock = true,
                other => return Err(usage(format!("There is no option {other:?}."))),
            }
        }
        if test_clock && !address.is_loopback() {
            return Err(usage(
                "--danger-test-clock is for tests on this machine only; it can't go with --listen to others."
                    .to_owned(),
            ));
        }
        let port = match env("PORT") {
            Some(text) => text
                .parse()
                .map_err(|_| usage(format!("PORT must be a number from 0 to 65535, not {text:?}.")))?,
            None => 8080,
        };
        let host_url = match env("HOST_URL") {
            Some(text) => Some(
                HostUrl::parse(&text).map_err(|why| usage(format!("HOST_URL can't be {text:?}: {why}.")))?,
            ),
            None => None,
        };
        let is_public = !address.is_loopback() || host_url.as_ref().is_some_and(HostUrl::is_secure);
        if is_public && smtp.is_none() {
            return Err(usage(
                "Others can reach this portal, and without --smtp everybody could read everybody's codes on \
                 the page /outbox: give --smtp."
                    .to_owned(),
            ));
        }
        Ok(Command::Serve(Box::new(Self {
            store,
            mail: smtp.map_or(Mail::Outbox, |url| Mail::Smtp { url, from }),
            rules,
            confirm,
            listen: SocketAddr::new(address, port),
            host_url,
            keys: env("PORTAL_KEYS").map(Zeroizing::new),
            test_clock,
        })))
    }

    /// Where everything is kept.
    pub fn store(&self) -> &Place {
        &self.store
    }

    /// Where mail goes.
    pub fn mail(&self) -> &Mail {
        &self.mail
    }

    /// Whether people use another address than the one that is listened on.
    pub fn is_behind_proxy(&self) -> bool {
        self.host_url.is_some()
    }

    /// Who needs a second factor.
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// How many codes confirm a new app.
    pub fn confirm(&self) -> Confirm {
        self.confirm
    }

    /// Where to listen. Port 0 stands for a free one.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// The address people use, once the port is known.
    pub fn host_url(&self, port: u16) -> HostUrl {
        self.host_url.clone().unwrap_or_else(|| HostUrl(format!("http://localhost:{port}")))
    }

    /// The sealing keys from the environment.
    pub fn keys(&self) -> Option<&str> {
        self.keys.as_ref().map(|keys| keys.as_str())
    }

    /// Whether a test may turn the clock.
    pub fn test_clock(&self) -> bool {
        self.test_clock
    }
}

fn usage(problem: String) -> StartError {
    StartError::Usage(problem)
}

fn parse_store(name: &str, text: &str) -> Result<Place, StartError> {
    // The value may hold a password: it is not repeated.
    Place::parse(text).ok_or_else(|| {
        usage(format!(
            "{name} must be sqlite: and the path of a file, such as sqlite:data/portal.sqlite, or the address of \
             a server that begins with postgres://, redis:// or rediss://."
        ))
    })
}

fn parse_smtp(text: String) -> Result<Zeroizing<String>, StartError> {
    if ["smtp://", "smtps://", "smtp+danger-plain-text://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()))
    {
        Ok(Zeroizing::new(text))
    } else {
        // The value may hold a password: it is not repeated.
        Err(usage("--smtp must begin with smtp:// or smtps:// and name a server.".to_owned()))
    }
}

fn parse_rules(text: &str) -> Result<Rules, StartError> {
    let mut rules = Rules::default();
    for part in text.split(',') {
        let (roles, rule) = match part.split_once('=') {
            Some((role, rule)) => {
                let known = Role::ALL.into_iter().find(|known| known.as_str() == role);
                let role = known.ok_or_else(|| {
                    usage(format!("--policy knows parent, staff and administrator, not {role:?}."))
                })?;
                (vec![role], rule)
            }
            None => (Role::ALL.to_vec(), part),
        };
        let rule = match rule {
            "off" => Rule::Off,
            "encouraged" => Rule::Encouraged,
            "required" => Rule::Required,
            other => {
                return Err(usage(format!("--policy is off, encouraged or required, not {other:?}.")));
            }
        };
        for role in roles {
            rules.set(role, rule);
        }
    }
    Ok(rules)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str], env: &[(&str, &str)]) -> Result<Command, StartError> {
        Config::parse(args.iter().map(|arg| (*arg).to_owned()), |name| {
            env.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    fn config(args: &[&str], env: &[(&str, &str)]) -> Config {
        match parse(args, env) {
            Ok(Command::Serve(config)) => *config,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn nothing_said_gives_the_defaults() {
        let config = config(&[], &[]);
        assert_eq!(config.store(), &Place::Sqlite("data/portal.sqlite".into()));
        assert_eq!(config.mail(), &Mail::Outbox);
        assert_eq!(config.rules().of(Role::Parent), Rule::Off);
        assert_eq!(config.rules().of(Role::Staff), Rule::Encouraged);
        assert_eq!(config.confirm(), Confirm::One);
        assert_eq!(config.listen().to_string(), "127.0.0.1:8080");
        assert_eq!(config.host_url(4711).as_str(), "http://localhost:4711");
        assert!(!config.test_clock());
    }

    #[test]
    fn every_option_is_heard() {
        let config = config(
            &[
                "--store=sqlite:/tmp/a.sqlite",
                "--smtp",
                "smtp://localhost:2525",
                "--policy",
                "required,parent=off",
                "--confirm",
                "two",
                "--danger-test-clock",
            ],
            &[("PORT", "0"), ("HOST_URL", "https://portal.school.example/")],
        );
        assert_eq!(config.store(), &Place::Sqlite("/tmp/a.sqlite".into()));
        assert!(matches!(config.mail(), Mail::Smtp { url, .. } if url.as_str() == "smtp://localhost:2525"));
        assert_eq!(config.rules().of(Role::Parent), Rule::Off);
        assert_eq!(config.rules().of(Role::Administrator), Rule::Required);
        assert_eq!(config.confirm(), Confirm::Two);
        assert_eq!(config.listen().port(), 0);
        assert_eq!(config.host_url(1).as_str(), "https://portal.school.example");
        assert_eq!(config.host_url(1).host(), "portal.school.example");
        assert!(config.host_url(1).is_secure() && config.test_clock());
        assert!(matches!(parse(&["--help"], &[]), Ok(Command::Help)));
    }

    #[test]
    fn mistakes_name_the_option() {
        for (args, env, word) in [
            (&["--stor"][..], &[][..], "--stor"),
            (&["--store"], &[], "--store"),
            (&["--store", "--smtp"], &[], "--store"),
            (&["--store", "mysql://x"], &[], "--store"),
            (&[], &[("PORTAL_STORE", "postgres")], "PORTAL_STORE"),
            (&["--store", "sqlite:"], &[], "--store"),
            (&["--smtp", "localhost"], &[], "--smtp"),
            (&["--policy", "maybe"], &[], "maybe"),
            (&["--policy", "pupil=off"], &[], "pupil"),
            (&["--confirm", "three"], &[], "three"),
            (&["--danger-test-clock=yes"], &[], "--danger-test-clock"),
            (&["--danger-test-clock", "--listen", "0.0.0.0"], &[], "--listen"),
            (&["--listen", "everywhere"], &[], "everywhere"),
            (&["--listen", "0.0.0.0"], &[], "--smtp"),
            (&[], &[("HOST_URL", "https://portal.school.example")], "--smtp"),
            (&[], &[("PORT", "http")], "PORT"),
            (&[], &[("PORT", "65536")], "PORT"),
            (&[], &[("HOST_URL", "http://portal.school.example")], "HOST_URL"),
            (&[], &[("HOST_URL", "https://school.example/portal")], "HOST_URL"),
        ] {
            let message = parse(args, env).unwrap_err().to_string();
            assert!(message.contains(word), "{message:?} does not name {word}");
        }
    }

    #[test]
    fn an_address_in_the_environment_is_taken_and_the_command_line_wins() {
        let env = [("PORTAL_STORE", "postgres://portal:hunter2@db/school")];
        assert_eq!(config(&[], &env).store().to_string(), "postgres://db/school");
        assert!(!format!("{:?}", config(&[], &env)).contains("hunter2"));
        assert_eq!(config(&["--store=redis://cache"], &env).store().to_string(), "redis://cache");
        let message = parse(&["--store", "mysql://u:hunter2@db"], &[]).unwrap_err().to_string();
        assert!(!message.contains("hunter2"));
    }

    #[test]
    fn a_mail_password_is_not_repeated() {
        let message = parse(&["--smtp", "user:hunter2@mail"], &[]).unwrap_err().to_string();
        assert!(!message.contains("hunter2"));
    }
}

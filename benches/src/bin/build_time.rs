//! Building: how long a clean build takes, and how many crates are in it.
//!
//! `cargo run --release -p benches --bin build_time`; it takes minutes, and nothing else should run meanwhile. With `count`
//! behind it nothing is built.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "measurements stop at the first surprise, and are printed"
)]

use std::collections::BTreeSet;
use std::env;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// What is built, and with which arguments.
const BUILDS: [(&str, &[&str]); 7] = [
    ("mfa-core without features", &["-p", "mfa-core", "--no-default-features"]),
    ("mfa-core", &["-p", "mfa-core"]),
    ("mfa-axum, SQLite", &["-p", "mfa-core", "-p", "mfa-axum", "-p", "mfa-sqlx"]),
    (
        "mfa-axum, PostgreSQL",
        &[
            "-p",
            "mfa-core",
            "-p",
            "mfa-axum",
            "-p",
            "mfa-sqlx",
            "--no-default-features",
            "--features",
            "mfa-core/keyring,mfa-core/qr,mfa-sqlx/postgres",
        ],
    ),
    ("mfa-axum, Redis", &["-p", "mfa-core", "-p", "mfa-axum", "-p", "mfa-redis"]),
    ("mfa-actix, SQLite", &["-p", "mfa-core", "-p", "mfa-actix", "-p", "mfa-sqlx"]),
    ("mfa-actix, Redis", &["-p", "mfa-core", "-p", "mfa-actix", "-p", "mfa-redis"]),
];

/// What a portal has without us; what hangs on them is theirs.
const HOSTS: [&str; 9] =
    ["actix-session", "actix-web", "axum", "redis", "sqlx", "tokio", "tower", "tower-sessions", "tracing"];

const INTRO: &str = "## Building

`cargo build` into an empty folder, with the sources at hand, and how many crates that builds for the system it ran
on, those that run while building among them. A portal has its framework, sessions, database driver, tokio, tower and
tracing without us: the third column leaves out what comes with those that are part of the build.

| what | crates | beside the portal's own | debug, s | release, s |
|---|---|---|---|---|";

fn main() {
    println!("{INTRO}");
    let only_count = env::args().nth(1).as_deref() == Some("count");
    for (name, arguments) in BUILDS {
        let [all, own] = crates(arguments);
        let [debug, release] = [&[][..], &["--release"]].map(|profile| {
            if only_count {
                return "not built".to_owned();
            }
            eprintln!("{name} {}", profile.join(" "));
            format!("{:.1}", seconds(arguments, profile))
        });
        println!("| {name} | {all} | {own} | {debug} | {release} |");
    }
}

/// Cargo in the workspace, where nothing is fetched or resolved anew.
fn cargo(command: &str, arguments: &[&str]) -> Command {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg(command).args(arguments).args(["--locked", "--offline", "--quiet"]);
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap());
    cargo
}

fn seconds(arguments: &[&str], profile: &[&str]) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let built = cargo("build", arguments).args(profile).arg("--target-dir").arg(folder.path()).status();
    let took = began.elapsed().as_secs_f64();
    assert!(built.unwrap().success(), "{arguments:?}");
    took
}

/// How many crates there are, and how many beside those that come with a portal's own.
fn crates(arguments: &[&str]) -> [usize; 2] {
    let tree = cargo("tree", arguments)
        .args(["--edges", "normal,build", "--prefix", "depth", "--no-dedupe", "--format", " {p}"])
        .output()
        .unwrap();
    assert!(tree.status.success(), "{arguments:?}");
    let (mut all, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    let mut host = None;
    for line in String::from_utf8(tree.stdout).unwrap().lines().filter(|line| !line.is_empty()) {
        let (depth, package) = line.split_once(' ').unwrap();
        let (depth, name) = (depth.parse::<usize>().unwrap(), package.split(' ').next().unwrap());
        if host.is_some_and(|host| depth <= host) {
            host = None;
        }
        if host.is_none() && HOSTS.contains(&name) {
            host = Some(depth);
        }
        all.insert(package.to_owned());
        if host.is_some() {
            theirs.insert(package.to_owned());
        }
    }
    [all.len(), all.difference(&theirs).count()]
}

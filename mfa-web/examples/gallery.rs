//! Writes every page in every language into a folder, to be looked at in a browser.
//!
//! `cargo run -p mfa-web --example gallery -- FOLDER`, then open `FOLDER/index.html`.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a tool for the eye, never shipped")]
#![allow(dead_code, reason = "the tests use more of the samples")]

use std::fmt::Write as _;
use std::path::PathBuf;

use mfa_core::port::sender::Locale;
use mfa_web::asset;

#[path = "../tests/samples/mod.rs"]
mod samples;

fn main() -> std::io::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: gallery FOLDER");
        std::process::exit(2);
    };
    for asset in [&*asset::STYLE, &*asset::SCRIPT] {
        let file = folder.join(asset.path());
        std::fs::create_dir_all(file.parent().unwrap_or(&folder))?;
        std::fs::write(file, asset.bytes())?;
    }
    let brand = samples::brand();
    let mut index = String::from("<!DOCTYPE html><title>Pages</title><ul>");
    for sample in samples::all() {
        for locale in [Locale::English, Locale::Welsh] {
            let file = format!("{}.{}.html", sample.name, locale.tag());
            let page = samples::render(&sample, &brand, locale, ".");
            std::fs::write(folder.join(&file), page)?;
            let _ = write!(index, "<li><a href=\"{file}\">{file}</a>");
        }
    }
    std::fs::write(folder.join("index.html"), index)
}

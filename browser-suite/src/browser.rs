//! A real Chromium, steered by its driver: goes, fills in, presses, and looks at every page with axe.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use mfa_core::port::sender::Locale;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// More presses of Tab than any page has places to stop at.
const MOST_STOPS: usize = 120;

/// How somebody browses.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Whether pages may run scripts.
    pub script: bool,
    /// How wide the window is, in CSS pixels.
    pub width: u32,
    /// Whether everything is done with the keyboard.
    pub keyboard: bool,
    /// In which language.
    pub locale: Locale,
}

impl Default for Habits {
    fn default() -> Self {
        Self { script: true, width: 1280, keyboard: false, locale: Locale::English }
    }
}

/// One browser with a fresh profile. It ends with this value.
#[derive(Debug)]
pub struct Browser {
    client: Client,
    habits: Habits,
    axe: String,
    pictures: Option<PathBuf>,
    _driver: Child,
    // Kept open, for the driver not to end over its output.
    _output: Lines<BufReader<ChildStdout>>,
    _profile: TempDir,
}

impl Drop for Browser {
    /// A walk that fails ends the driver without a word, and its browser would go on.
    fn drop(&mut self) {
        let profile = format!("--user-data-dir={}", self._profile.path().display());
        let _ = std::process::Command::new("pkill").args(["-KILL", "-f", "--", &profile]).status();
    }
}

fn tool(variable: &str, otherwise: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| otherwise.to_owned())
}

/// Starts a driver on a free port.
async fn driver() -> (Child, Lines<BufReader<ChildStdout>>, String) {
    // The port it is given free on IPv4 may be another's on IPv6, and then it ends.
    for _ in 0..5 {
        let mut driver = Command::new(tool("MFA_CHROMEDRIVER", "chromedriver"))
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("a driver of Chromium: run `cargo xtask test`");
        let mut output = BufReader::new(driver.stdout.take().unwrap()).lines();
        while let Some(line) = output.next_line().await.unwrap() {
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                return (driver, output, port.trim_end_matches('.').to_owned());
            }
        }
    }
    panic!("the driver of Chromium doesn't start");
}

impl Browser {
    /// Starts one.
    pub async fn start(habits: Habits) -> Self {
        let axe = std::env::var("MFA_AXE").expect("MFA_AXE, the path of axe.min.js: run `cargo xtask test`");
        let axe = std::fs::read_to_string(&axe).unwrap_or_else(|error| panic!("{axe}: {error}"));
        let (driver, output, port) = driver().await;
        let profile = tempfile::tempdir().unwrap();
        let mut args = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--force-prefers-reduced-motion",
        ]
        .map(ToOwned::to_owned)
        .to_vec();
        args.push(format!("--user-data-dir={}", profile.path().display()));
        let javascript = if habits.script { 1 } else { 2 };
        let capabilities = json!({
            "browserName": "chrome",
            "goog:chromeOptions": {
                "binary": tool("MFA_CHROMIUM", "/usr/bin/chromium"),
                "args": args,
                "prefs": { "profile.managed_default_content_settings.javascript": javascript },
                // A headless window is never narrower than 500 pixels; a phone's screen is.
                "mobileEmulation": { "deviceMetrics": {
                    "width": habits.width, "height": 900, "pixelRatio": 1.0, "mobile": false, "touch": false,
                } },
            },
        });
        let Value::Object(capabilities) = capabilities else { panic!("no object") };
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .expect("a session of Chromium");
        let pictures = std::env::var_os("MFA_SCREENSHOTS").map(PathBuf::from);
        Self { client, habits, axe, pictures, _driver: driver, _output: output, _profile: profile }
    }

    /// How it is used.
    pub fn habits(&self) -> Habits {
        self.habits
    }

    /// Goes to an address.
    pub async fn goto(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    /// The path of the page, with its query.
    pub async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        format!("{}{query}", url.path())
    }

    /// The words on the page.
    pub async fn text(&self) -> String {
        self.one("body").await.text().await.unwrap()
    }

    /// The first thing the selector names.
    pub async fn one(&self, css: &str) -> Element {
        match self.client.find(Locator::Css(css)).await {
            Ok(found) => found,
            Err(error) => {
                let source = self.client.source().await.unwrap_or_default();
                panic!("there is no {css} at {} ({error}):\n{source}", self.path().await)
            }
        }
    }

    /// Everything the selector names.
    pub async fn all(&self, css: &str) -> Vec<Element> {
        self.client.find_all(Locator::Css(css)).await.unwrap()
    }

    /// Whether there is something the selector names.
    pub async fn has(&self, css: &str) -> bool {
        !self.all(css).await.is_empty()
    }

    /// Types into a field, by its id.
    pub async fn fill(&self, id: &str, value: &str) {
        let field = self.one(&format!("[id='{id}']")).await;
        if self.habits.keyboard {
            self.tab_to(&field).await;
            field.send_keys(value).await.unwrap();
        } else {
            field.clear().await.unwrap();
            field.send_keys(value).await.unwrap();
        }
    }

    /// Presses a button or follows a link, and waits until the next page is there.
    pub async fn press(&self, css: &str) {
        let target = self.one(css).await;
        // The page that is left is marked, so that the next one is known for what it is.
        let left = self.one("html").await;
        if self.habits.keyboard {
            self.tab_to(&target).await;
            self.key(Key::Enter.into()).await;
        } else {
            target.click().await.unwrap();
        }
        let gone = async || left.tag_name().await.is_err();
        let mut waited = tokio::time::interval(Duration::from_millis(20));
        let patience = tokio::time::Instant::now() + Duration::from_secs(20);
        while !gone().await {
            waited.tick().await;
            assert!(tokio::time::Instant::now() < patience, "pressing {css} leads nowhere");
        }
        self.client.wait().for_element(Locator::Css("main h1")).await.unwrap();
    }

    async fn key(&self, key: char) {
        let actions = KeyActions::new("keys".to_owned())
            .then(KeyAction::Down { value: key })
            .then(KeyAction::Up { value: key });
        self.client.perform_actions(actions).await.unwrap();
    }

    /// Goes from stop to stop until it is there, as somebody without a mouse does. What has the focus must show it.
    async fn tab_to(&self, target: &Element) {
        for _ in 0..MOST_STOPS {
            let here = self.client.active_element().await.unwrap();
            if here.element_id() == target.element_id() {
                let outline = here.css_value("outline-style").await.unwrap();
                let shadow = here.css_value("box-shadow").await.unwrap();
                assert!(outline != "none" || shadow != "none", "the focus can't be seen");
                return;
            }
            self.key(Key::Tab.into()).await;
        }
        panic!("the keyboard doesn't get to {} at {}", target.html(false).await.unwrap(), self.path().await);
    }

    /// Opens what stands behind a summary, if it isn't open.
    pub async fn open_details(&self) {
        for summary in self.all("details:not([open]) > summary").await {
            if self.habits.keyboard {
                self.tab_to(&summary).await;
                self.key(Key::Enter.into()).await;
            } else {
                summary.click().await.unwrap();
            }
        }
    }

    /// A picture of one thing on the page, as a camera would take it.
    pub async fn picture(&self, css: &str) -> Vec<u8> {
        let thing = self.one(css).await;
        // A picture has only what is in the window. This is the driver's own doing, which no setting forbids.
        let centre = "arguments[0].scrollIntoView({ block: 'center', behavior: 'instant' })";
        self.client.execute(centre, vec![serde_json::to_value(&thing).unwrap()]).await.unwrap();
        thing.screenshot().await.unwrap()
    }

    /// Looks at the page that is there: its language, that nothing is cut off, and what axe says of it.
    pub async fn look(&self, name: &str) {
        let path = self.path().await;
        let lang = self.one("html").await.attr("lang").await.unwrap();
        assert_eq!(lang.as_deref(), Some(self.habits.locale.tag()), "the language of {path}");
        if let Some(folder) = &self.pictures {
            let Habits { script, width, keyboard, locale } = self.habits;
            let way = format!("{width}-{}-{script}-{keyboard}", locale.tag());
            let picture = self.client.screenshot().await.unwrap();
            std::fs::create_dir_all(folder).unwrap();
            std::fs::write(folder.join(format!("{name}-{way}.png")), picture).unwrap();
        }
        // Without scripts axe can't run, and by keyboard the pages are those that the mouse was at.
        if !self.habits.script || self.habits.keyboard {
            return;
        }
        let wide = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]";
        let wide = self.client.execute(wide, Vec::new()).await.unwrap();
        assert!(wide[0].as_u64() <= wide[1].as_u64(), "{path} has to be scrolled sideways: {wide}");
        self.client.execute(&self.axe, Vec::new()).await.unwrap();
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'] })
               .then(r => done(r.violations.map(v => [v.id, v.help, v.nodes.map(n => n.html + ' ' + n.failureSummary)])))
               .catch(e => done(['axe failed', String(e)]));";
        let violations = self.client.execute_async(run, Vec::new()).await.unwrap();
        assert_eq!(violations, json!([]), "axe at {path}");
    }

    /// Ends the session in good order.
    pub async fn close(self) {
        self.client.clone().close().await.unwrap();
    }
}

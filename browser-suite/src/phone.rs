//! Phones: the double of an authenticator app, and Debian's oathtool; and zbarimg, a camera that reads QR codes.

use std::path::Path;

use mfa_core::time::Timestamp;
use mfa_testing::app::AuthenticatorApp;
use tokio::process::Command;

/// What shows codes for a key.
#[derive(Clone, Debug)]
pub enum Phone {
    /// The double of `mfa-testing`.
    Double(AuthenticatorApp),
    /// Debian's oathtool, with the key as it was typed.
    Oathtool(String),
}

impl Phone {
    /// A double that scanned this URI.
    pub fn scans(uri: &str) -> Self {
        Self::Double(AuthenticatorApp::scan(uri).expect("a URI that an app takes"))
    }

    /// An oathtool into which this key was typed.
    pub fn types(key: &str) -> Self {
        Self::Oathtool(key.split_whitespace().collect())
    }

    /// The code it shows at `time`.
    pub async fn code(&self, time: Timestamp) -> String {
        match self {
            Self::Double(app) => app.code_at(time),
            Self::Oathtool(key) => {
                let now = format!("--now=@{}", time.as_unix());
                run("oathtool", &["--totp", "--base32", &now, key]).await.trim().to_owned()
            }
        }
    }

    /// A code that is none of those it shows around `time`.
    pub async fn wrong_code(&self, time: Timestamp) -> String {
        let mut near = Vec::new();
        for step in 0..=8u64 {
            near.push(self.code(Timestamp::from_unix(time.as_unix() - 120 + 30 * step)).await);
        }
        (100_000..).map(|n: u32| n.to_string()).find(|code| !near.contains(code)).unwrap()
    }
}

/// What a camera reads in a picture.
pub async fn read_qr(picture: &Path) -> String {
    run("zbarimg", &["--raw", "--quiet", &picture.display().to_string()]).await.trim().to_owned()
}

async fn run(program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().await;
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}; run `cargo xtask test`"));
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

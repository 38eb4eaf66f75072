//! The style sheet and the script, served under a path that changes with their content.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use crate::paths;

/// A static file of the pages.
#[derive(Debug)]
pub struct Asset {
    path: String,
    content_type: &'static str,
    bytes: &'static [u8],
}

impl Asset {
    fn new(stem: &str, extension: &str, content_type: &'static str, bytes: &'static [u8]) -> Self {
        let hash: String = Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Self { path: format!("{}/{stem}-{hash}.{extension}", paths::ASSETS), content_type, bytes }
    }

    /// Where it is served, below the mount: `assets/mfa-0123456789abcdef.css`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Its media type.
    pub fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// What is in it.
    pub fn bytes(&self) -> &'static [u8] {
        self.bytes
    }
}

/// The style sheet.
pub static STYLE: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("mfa", "css", "text/css; charset=utf-8", include_bytes!("../assets/mfa.css"))
});

/// The script. Nothing depends on it: it moves the focus to errors and offers to copy and print.
pub static SCRIPT: LazyLock<Asset> = LazyLock::new(|| {
    Asset::new("mfa", "js", "text/javascript; charset=utf-8", include_bytes!("../assets/mfa.js"))
});

/// The asset at a path below the mount. An old hash finds nothing, so that a cache never mixes versions.
///
/// ```
/// use mfa_web::asset;
///
/// assert!(asset::find(asset::STYLE.path()).is_some());
/// assert!(asset::find("assets/mfa.css").is_none());
/// ```
pub fn find(path: &str) -> Option<&'static Asset> {
    [&*STYLE, &*SCRIPT].into_iter().find(|asset| asset.path == path)
}

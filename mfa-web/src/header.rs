//! The headers that every answer carries.

/// What pages may load and do: their own style sheet, script and pictures, and forms to their own origin.
///
/// No inline style or script runs, no page frames them, nothing is loaded from elsewhere.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// On every answer that is not a static asset: nothing of it is kept by browsers or proxies.
pub const NO_STORE: &str = "no-store";

/// On assets, whose path changes with their content. Not `public`: the host's session layer may set its cookie on any
/// answer, and a cache that several people share would hand it to the next one.
pub const IMMUTABLE: &str = "private, max-age=31536000, immutable";

/// The header that says what a 401 asks for.
pub const AUTHENTICATE: &str = "www-authenticate";

/// What a 401 asks of somebody who is not signed in. The host decides how; no browser asks for a password by itself.
pub const SIGN_IN: &str = "Bearer realm=\"second factor\"";

/// What a 401 asks of somebody who is, RFC 9470 §3: a second factor.
pub const STEP_UP: &str = "Bearer error=\"insufficient_user_authentication\", error_description=\"A recent second factor is needed\"";

/// Headers of every answer, `Cache-Control` aside.
///
/// `Referrer-Policy: same-origin` keeps paths from other sites.
pub const SECURITY: [(&str, &str); 7] = [
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
];

//! The catalogue: the programs and packages the tests need that Cargo doesn't bring, and where they come from.

/// Something the tests need.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tool {
    /// The program or package.
    pub(crate) name: &'static str,
    /// What the tests do with it.
    pub(crate) purpose: &'static str,
    /// The variable that tells the tests its path; without one it is found on `PATH`.
    pub(crate) variable: Option<&'static str>,
    /// Where it comes from.
    pub(crate) origin: Origin,
    /// The Debian packages that bring it, or that bring what fetches it.
    pub(crate) packages: &'static [&'static str],
}

/// Where a tool comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A program on `PATH`.
    Debian,
    /// The packages of `xtask/tools/requirements.txt`, in a virtual environment of their own.
    PyPi,
    /// The packages of `xtask/tools/package-lock.json`, in a folder of their own.
    Npm,
}

/// All of them.
pub(crate) const TOOLS: &[Tool] = &[
    Tool {
        name: "chromium",
        purpose: "the browser that walks through the pages",
        variable: Some("MFA_CHROMIUM"),
        origin: Origin::Debian,
        packages: &["chromium"],
    },
    Tool {
        name: "chromedriver",
        purpose: "steers the browser",
        variable: Some("MFA_CHROMEDRIVER"),
        origin: Origin::Debian,
        packages: &["chromium-driver"],
    },
    Tool {
        name: "zbarimg",
        purpose: "reads the QR images as a phone would",
        variable: None,
        origin: Origin::Debian,
        packages: &["zbar-tools"],
    },
    Tool {
        name: "oathtool",
        purpose: "an independent maker and checker of one-time codes",
        variable: None,
        origin: Origin::Debian,
        packages: &["oathtool"],
    },
    Tool {
        name: "redis-server",
        purpose: "the store for portals on several machines",
        variable: None,
        origin: Origin::Debian,
        packages: &["redis-server"],
    },
    Tool {
        name: "postgres",
        purpose: "the SQL store for portals on several machines",
        variable: None,
        origin: Origin::Debian,
        packages: &["postgresql"],
    },
    Tool {
        name: "pgbouncer",
        purpose: "a proxy before PostgreSQL that lends a connection for one transaction",
        variable: Some("MFA_PGBOUNCER"),
        origin: Origin::Debian,
        packages: &["pgbouncer"],
    },
    Tool {
        name: "pyotp and aiosmtpd",
        purpose: "a second independent maker of one-time codes, and a real mail server",
        variable: Some("MFA_PYTHON"),
        origin: Origin::PyPi,
        // Debian keeps what a virtual environment needs out of its python3 package.
        packages: &["python3", "python3-venv"],
    },
    Tool {
        name: "axe-core",
        purpose: "checks the pages for accessibility",
        variable: Some("MFA_AXE"),
        origin: Origin::Npm,
        packages: &["npm"],
    },
];

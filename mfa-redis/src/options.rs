//! Settings, and what is checked before a store is handed out.

use std::time::Duration;

use mfa_core::config::ConfigError;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::error::{OpenError, StoreError};
use crate::key::Prefix;
use crate::link::Link;
use crate::persistence::{Persistence, Role};
use crate::store::RedisStore;

const PATIENCE: Duration = Duration::from_secs(2);
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(60);

/// How to open a store.
#[derive(Clone)]
pub struct RedisOptions {
    prefix: String,
    patience: Duration,
    #[cfg(feature = "tls")]
    root_certificates: Option<Vec<u8>>,
}

impl RedisOptions {
    /// The defaults: the prefix `mfa`, two seconds for a call, and for TLS the system's certificates.
    pub fn new() -> Self {
        Self {
            prefix: "mfa".to_owned(),
            patience: PATIENCE,
            #[cfg(feature = "tls")]
            root_certificates: None,
        }
    }

    /// What the names of all keys begin with, to share a server with other programs. Up to 64 letters, digits
    /// and `-_.:`. Portals that give the same one share their data.
    #[must_use]
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }

    /// How long a call may take in all, with connecting: from 10 milliseconds to a minute. After it the call is a
    /// fault, and whoever waited for it is turned away.
    ///
    /// Two seconds unless set: a healthy server answers in under a hundredth of that, and somebody who signs in
    /// should not look at a blank page for long when it is not.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The certificates, as PEM, of those who may vouch for the server behind `rediss://`, instead of the system's.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificates = Some(pem.into());
        self
    }

    /// Connects to `url`, and looks at the settings of the server that decide whether an accepted code stays used
    /// up; each that doesn't is a warning in the log ([`Persistence::doubts`]).
    ///
    /// The address is `redis://user:password@host:6379/0`, `rediss://…` for TLS, or `unix:///path/of/socket`.
    /// Over a network use TLS: whoever can alter what passes can make a factor disappear.
    ///
    /// # Errors
    /// See [`OpenError`]: each says what to do.
    pub async fn open(self, url: &str) -> Result<RedisStore, OpenError> {
        let prefix = Prefix::new(self.prefix.clone())?;
        if self.patience < SHORTEST || self.patience > LONGEST {
            let problem = format!("{:?} is too short or too long for a call", self.patience);
            let fix = "give from 10 milliseconds to 60 seconds";
            return Err(ConfigError::new("patience", problem, fix).into());
        }
        let info = url.into_connection_info().map_err(OpenError::Address)?;
        // The client library has a feature for it, which another crate of the program may have switched on.
        if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
            let fix = "leave `#insecure` out of the address, and give `root_certificates` for an authority of your own";
            return Err(ConfigError::new("url", "it asks not to check who answers", fix).into());
        }
        let client = self.client(info).map_err(OpenError::Address)?;
        let address = client.get_connection_info().addr().to_string();
        let link = Link::new(client, self.patience);
        let server = |source: StoreError| OpenError::Server { address: address.clone(), source };
        let persistence = Persistence::ask(&link).await.map_err(server)?;
        if persistence.role() == Role::Replica {
            return Err(OpenError::Replica { address });
        }
        for doubt in persistence.doubts() {
            tracing::warn!(%address, "{doubt}");
        }
        Ok(RedisStore::on(link, prefix, address))
    }

    fn client(&self, info: ConnectionInfo) -> redis::RedisResult<Client> {
        #[cfg(feature = "tls")]
        if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            // Without one, and with two that could be meant, rustls would panic.
            if rustls::crypto::CryptoProvider::get_default().is_none() {
                // Somebody else was quicker if it fails, which is as good.
                let _ = rustls::crypto::ring::default_provider().install_default();
            }
            let root_cert = self.root_certificates.clone();
            return Client::build_with_tls(info, redis::TlsCertificates { client_tls: None, root_cert });
        }
        Client::open(info)
    }
}

impl Default for RedisOptions {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for RedisOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("prefix", &self.prefix)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_shown_without_what_was_vouched_for() {
        let options = RedisOptions::new().prefix("school").patience(Duration::from_secs(3));
        #[cfg(feature = "tls")]
        let options = options.root_certificates("certificate");
        assert_eq!(format!("{options:?}"), "RedisOptions { prefix: \"school\", patience: 3s, .. }");
    }

    /// Nobody answers there, which is found out only where the settings can work.
    #[tokio::test]
    async fn the_shortest_and_the_longest_patience_are_patience() {
        for (patience, works) in [
            (SHORTEST - Duration::from_nanos(1), false),
            (SHORTEST, true),
            (LONGEST, true),
            (LONGEST + Duration::from_nanos(1), false),
        ] {
            let refused = RedisOptions::new().patience(patience).open("redis://127.0.0.1:1").await;
            let tried = matches!(refused, Err(OpenError::Server { .. }));
            assert_eq!(tried, works, "{patience:?}: {refused:?}");
        }
    }
}

//! The example school portal on axum: routes and sessions; everything else is in the crate `portal`.

mod answer;
mod routes;
mod second_factor;
mod sessions;
mod visit;

use std::future::Future;
use std::net::SocketAddr;

use portal::config::Config;
use portal::error::StartError;
use portal::site::Portal;
use tokio::net::TcpListener;

/// A portal that listens but does not serve yet.
pub struct App {
    portal: Portal,
    listener: TcpListener,
    router: axum::Router,
    address: String,
}

impl portal::run::App for App {
    async fn start(config: Config) -> Result<Self, StartError> {
        let wanted = config.listen();
        let bound = TcpListener::bind(wanted).await.and_then(|listener| {
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        });
        let (listener, port) = bound.map_err(|source| StartError::listening(wanted, source))?;
        let host_url = config.host_url(port);
        let portal = Portal::open(config, port).await?;
        let router = routes::router(portal.clone(), &host_url);
        Ok(Self { portal, listener, router, address: host_url.as_str().to_owned() })
    }

    fn address(&self) -> &str {
        &self.address
    }

    fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let tidying = tokio::spawn(self.portal.clone().tidy_hourly());
        let served = axum::serve(self.listener, self.router).with_graceful_shutdown(stop).await;
        tidying.abort();
        self.portal.close().await;
        served
    }
}

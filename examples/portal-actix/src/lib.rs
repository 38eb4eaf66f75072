//! The example school portal on actix-web: routes and sessions; everything else is in the crate `portal`.

mod answer;
mod routes;
mod second_factor;
mod sessions;
mod visit;

use std::future::Future;
use std::net::{SocketAddr, TcpListener};

use actix_web::{App as Application, HttpServer};
use portal::config::{Config, HostUrl};
use portal::error::StartError;
use portal::site::Portal;

/// A portal that listens but does not serve yet.
pub struct App {
    portal: Portal,
    listener: TcpListener,
    host_url: HostUrl,
}

impl portal::run::App for App {
    async fn start(config: Config) -> Result<Self, StartError> {
        let wanted = config.listen();
        let bound = TcpListener::bind(wanted).and_then(|listener| {
            let port = listener.local_addr()?.port();
            Ok((listener, port))
        });
        let (listener, port) = bound.map_err(|source| StartError::listening(wanted, source))?;
        let host_url = config.host_url(port);
        let portal = Portal::open(config, port).await?;
        Ok(Self { portal, listener, host_url })
    }

    fn address(&self) -> &str {
        self.host_url.as_str()
    }

    fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    async fn serve(self, stop: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
        let tidying = tokio::spawn(self.portal.clone().tidy_hourly());
        let (portal, host_url) = (self.portal.clone(), self.host_url);
        let application = move || Application::new().configure(routes::routes(&portal, &host_url));
        let server = HttpServer::new(application).disable_signals().listen(self.listener)?.run();
        let handle = server.handle();
        let stopping = tokio::spawn(async move {
            stop.await;
            handle.stop(true).await;
        });
        let served = server.await;
        stopping.abort();
        tidying.abort();
        self.portal.close().await;
        served
    }
}
